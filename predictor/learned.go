package predictor

import (
	"github.com/perfcast/perfcast/predictor/boost"
)

// Learned is the end-to-end part of an artefact: a time is the stated one
// times exp(f(x) + effects).
//
// f is fitted in folds of whole designs, each fold's trees on all designs but
// its own, and a design is always answered by the trees that have not seen it.
// So what is particular to a design is left to its effects, which shrink by
// how much is known of it, and a design that nobody has measured is answered
// as those of the training data were when the effects were fitted.
type Learned struct {
	Folds   []*boost.Model
	Effects map[uint64]Effect
	Tau     [NumGroups]float64 // standard deviation of each kind's effects
	Noise   float64            // of single points around all effects
}

// Effect is what a group's members have in common beyond what f says, in
// logarithms of time.
type Effect struct {
	Mean, Variance float32
}

// Fold is which fold's trees answer for a design.
func Fold(stem string, folds int) int { return int(hash("fold", stem) >> 8 % uint64(folds)) }

// Utilisation is ln(time / stated time) and the variance that remains: of the
// effects that are not, or hardly, known.
func (l *Learned) Utilisation(in *Input, stem string) (mean, variance float64) {
	mean = l.Folds[Fold(stem, len(l.Folds))].Predict(in.X)
	variance = l.Noise * l.Noise
	for t, g := range in.Groups {
		if e, ok := l.Effects[g]; ok {
			mean += float64(e.Mean)
			variance += float64(e.Variance)
		} else {
			variance += l.Tau[t] * l.Tau[t]
		}
	}
	return mean, variance
}
