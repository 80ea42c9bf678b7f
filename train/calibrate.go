package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/boost"
)

// held is one held-out error with what was known when it was made.
type held struct {
	x      []float64
	state  predictor.State
	error  float64 // ln(actual / predicted)
	weight float64
}

// calibrate fits the interval: it holds out rows, designs, devices, both and
// sources in turn, fits a smaller model without them, and learns from the
// held-out errors how large errors are by features, state of knowledge and the
// effects' own variance (Scale), and which multiple of that covers 90 % in each
// state (split-conformal, by state).
func calibrate(l *predictor.Learned, cases []Case, o Options) error {
	small := o
	small.Trees, small.Folds, small.Rate, small.Progress = 60, 2, 0.2, nil
	var holdouts []Holdout
	for _, split := range []string{"row", "model", "device", "model-device", "source"} {
		folds := o.CalibrationFolds
		if o.Brisk { // one fold of each is enough to judge by
			folds = 3
		}
		hs, err := Split(cases, split, folds)
		if err != nil {
			return err
		}
		if o.Brisk {
			hs = hs[:min(1, len(hs))]
		}
		holdouts = append(holdouts, hs...)
	}
	all, err := heldOut(cases, holdouts, small, o.Progress)
	if err != nil {
		return err
	}
	return fitInterval(l, all, o)
}

// heldOut are the errors of all holdouts, in their order. They are fitted side by
// side, which the result does not depend on.
func heldOut(cases []Case, holdouts []Holdout, o Options, progress func(string, int, int)) ([]held, error) {
	out, failed := make([][]held, len(holdouts)), make([]error, len(holdouts))
	concurrently(len(holdouts), func(i int) {
		if out[i], failed[i] = errorsOf(cases, holdouts[i], o); failed[i] != nil {
			failed[i] = fmt.Errorf("calibration, %s: %w", holdouts[i].Name, failed[i])
		}
	}, stage(progress, "calibration"))
	return slices.Concat(out...), errors.Join(failed...)
}

func errorsOf(cases []Case, h Holdout, o Options) ([]held, error) {
	m, err := FitLearned(Points(pick(cases, h.Train)), o)
	if err != nil {
		return nil, err
	}
	var out []held
	for _, p := range Points(pick(cases, h.Test)) {
		ln, variance := m.Opinion(&p.In, p.Stem)
		ln = math.Max(ln, math.Log(p.In.Cost.Attainable))
		s := m.State(&p.In)
		out = append(out, held{predictor.ScaleInput(&p.In, s, variance), s, p.Y - ln, p.Weight})
	}
	return out, nil
}

func pick(cases []Case, at []int) []Case {
	out := make([]Case, len(at))
	for i, j := range at {
		out[i] = cases[j]
	}
	return out
}

// fitInterval learns the scale on one half of the errors and the multiples on
// the other, so that the trees' optimism about what they were fitted to does
// not narrow the interval.
func fitInterval(l *predictor.Learned, all []held, o Options) error {
	var x [][]float64
	var y, w []float64
	for i, h := range all {
		if i%2 == 0 {
			x, y, w = append(x, h.x), append(y, math.Log(math.Abs(h.error)+0.01)), append(w, h.weight)
		}
	}
	scale, err := boost.Fit(x, y, w, boost.Options{Loss: boost.Squared, Trees: 80, MaxDepth: 5, LearningRate: 0.15, Bins: 63,
		Columns: 0.5, Rows: 0.7, MinChildWeight: 40, Seed: 7})
	if err != nil {
		return err
	}
	l.Scale = scale
	for s := range predictor.NumStates {
		var below, above, weight []float64
		for i, h := range all {
			if i%2 == 1 && h.state == predictor.State(s) {
				size := math.Exp(scale.Predict(h.x))
				below, above, weight = append(below, -h.error/size), append(above, h.error/size), append(weight, h.weight)
			}
		}
		l.Low[s], l.High[s] = 4, 4
		if len(below) > 100 {
			l.Low[s], l.High[s] = math.Max(0.5, weightedQuantile(below, weight, 0.95)), math.Max(0.5, weightedQuantile(above, weight, 0.95))
		}
	}
	return nil
}
