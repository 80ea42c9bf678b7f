package kernel

import (
	"errors"
	"fmt"

	"github.com/perfcast/perfcast/predictor/boost"
)

// Fit learns the utilisation from measured operations. Rows that say nothing
// (no device facts, no time, mostly launch latency) are passed over, and sets
// measured on a throttled device are screened out. progress, when not nil, is
// called as the fit advances. The same rows give the same model.
func Fit(rows []Row, progress func(done, total int)) (*Model, error) {
	timings := timings(rows)
	products, streams := samplesOf(rows, timings, true), samplesOf(rows, timings, false)
	if len(products) == 0 || len(streams) == 0 {
		return nil, errors.New("kernel: matrix products and memory-bound operations are both needed to learn from")
	}
	m := &Model{levels: map[string]level{}}
	m.timed = typical(timings)
	m.fitLevels(products, streams)
	wide, narrow := split(thin(m.screen(products)))
	streams = thin(streams)
	total, done := len(wide)+len(narrow)+len(streams), 0
	fit := func(list []sample, features int) (*boost.Model, error) {
		shape, err := m.fitShape(list, features, func(tree, trees int) {
			if progress != nil {
				progress(done+len(list)*tree/trees, total)
			}
		})
		done += len(list)
		return shape, err
	}
	var err error
	if m.product, err = fit(wide, productFeatures); err != nil {
		return nil, fmt.Errorf("kernel: matrix products: %w", err)
	}
	if len(narrow) > 0 {
		if m.narrow, err = fit(narrow, productFeatures); err != nil {
			return nil, fmt.Errorf("kernel: matrix products in 8 bits: %w", err)
		}
	}
	if m.stream, err = fit(streams, streamFeatures); err != nil {
		return nil, fmt.Errorf("kernel: memory-bound operations: %w", err)
	}
	return m, nil
}

// split parts the products of 8-bit and 4-bit units from the others.
func split(products []sample) (wide, narrow []sample) {
	for _, s := range products {
		if s.unit >= tensor8 {
			narrow = append(narrow, s)
		} else {
			wide = append(wide, s)
		}
	}
	return wide, narrow
}

// typical is the middle of the devices' timings.
func typical(timings map[string]*timing) timed {
	var event, least []float64
	for _, t := range timings {
		event = append(event, t.event)
		for _, l := range t.least {
			least = append(least, l)
		}
	}
	if len(event) == 0 {
		return timed{}
	}
	return timed{median(event), median(least)}
}

// fitShape learns what is left once the levels are taken out. Trees are few
// and shallow: a prediction costs some twenty operations and has 50 µs.
func (m *Model) fitShape(list []sample, features int, progress func(done, total int)) (*boost.Model, error) {
	n := len(list)
	if n == 0 {
		return nil, errors.New("no rows are left after screening")
	}
	x, y, w := make([][]float64, n), make([]float64, n), make([]float64, n)
	flat := make([]float64, n*features)
	for i := range list {
		s := &list[i]
		typical := s.bound.typical(&s.Op, s.Device)
		x[i] = flat[i*features : (i+1)*features : (i+1)*features]
		if product(s.Op.Class) {
			productInputs(x[i], &s.Op, s.Device, typical)
		} else {
			streamInputs(x[i], &s.Op, s.Device, s.Precision, typical)
		}
		y[i] = s.log - m.levelOf(s.Device).at(&s.Op, typical)
		w[i] = s.weight
	}
	return boost.Fit(x, y, w, boost.Options{Loss: boost.Absolute, Trees: 48, MaxLeaves: 32, MaxDepth: 6,
		LearningRate: 0.2, MinChildWeight: 40, L2: 10, Columns: 0.7, Rows: 0.8, Seed: 1, Progress: progress})
}
