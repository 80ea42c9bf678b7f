package train

import (
	"fmt"
	"math"

	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/boost"
)

// held is one held-out error with what was known when it was made.
type held struct {
	in       *predictor.Input
	state    predictor.State
	variance float64
	error    float64 // ln(actual / predicted)
	weight   float64
}

func (h *held) x() []float64 { return predictor.ScaleInput(h.in, h.state, h.variance) }

// holdouts are what the intervals are calibrated on: rows, designs, devices,
// both and sources, held out in turn.
func holdouts(cases []Case, o Options) ([]Holdout, error) {
	var all []Holdout
	for _, split := range []string{"row", "model", "device", "model-device", "source"} {
		hs, err := Split(cases, split, o.CalibrationFolds)
		if err != nil {
			return nil, err
		}
		all = append(all, hs...)
	}
	return all, nil
}

// errorsOf are a smaller model's errors on what is held out from it.
func (s *study) errorsOf(h Holdout, o Options) ([]held, error) {
	o.Trees, o.Folds, o.Rate = 60, 2, 0.2
	m, err := s.fit(s.pointsOf(h.Train), o)
	if err != nil {
		return nil, fmt.Errorf("calibration, %s: %w", h.Name, err)
	}
	var out []held
	for _, p := range s.pointsOf(h.Test) {
		ln, variance := m.Opinion(p.In, p.Stem)
		ln = math.Max(ln, math.Log(p.In.Cost.Attainable))
		out = append(out, held{p.In, m.State(p.In), variance, p.Y - ln, p.Weight})
	}
	return out, nil
}

// fitInterval learns from held-out errors how large errors are by features, state
// of knowledge and the effects' own variance (Scale), and which multiple of that
// covers 90 % in each state (split-conformal, by state): the scale on one half of the
// errors and the multiples on the other, so that the trees' optimism about what they
// were fitted to does not narrow the interval.
func fitInterval(l *predictor.Learned, all []held) error {
	var x [][]float64
	var y, w []float64
	for i := 0; i < len(all); i += 2 {
		h := &all[i]
		x, y, w = append(x, h.x()), append(y, math.Log(math.Abs(h.error)+0.01)), append(w, h.weight)
	}
	scale, err := boost.Fit(x, y, w, boost.Options{Loss: boost.Squared, Trees: 80, MaxDepth: 5, LearningRate: 0.15, Bins: 63,
		Columns: 0.5, Rows: 0.7, MinChildWeight: 40, Seed: 7, Threads: cores()})
	if err != nil {
		return err
	}
	l.Scale = scale
	size := make([]float64, len(all)/2)
	sideBySide(len(size), func(i int) { size[i] = math.Exp(scale.Predict(all[2*i+1].x())) })
	for s := range predictor.NumStates {
		for v, vague := range []bool{false, true} {
			var below, above, weight []float64
			for i, size := range size {
				if h := &all[2*i+1]; h.state == predictor.State(s) && h.in.Vague == vague {
					below, above, weight = append(below, -h.error/size), append(above, h.error/size), append(weight, h.weight)
				}
			}
			l.Low[s][v], l.High[s][v] = 4, 4
			if len(below) > 100 {
				l.Low[s][v], l.High[s][v] = math.Max(0.5, weightedQuantile(below, weight, 0.95)), math.Max(0.5, weightedQuantile(above, weight, 0.95))
			}
		}
		// What is left open cannot narrow an answer.
		l.Low[s][1], l.High[s][1] = math.Max(l.Low[s][0], l.Low[s][1]), math.Max(l.High[s][0], l.High[s][1])
	}
	return nil
}

func pick(cases []Case, at []int) []Case {
	out := make([]Case, len(at))
	for i, j := range at {
		out[i] = cases[j]
	}
	return out
}
