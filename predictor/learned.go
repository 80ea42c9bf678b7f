package predictor

import (
	"math"

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

	// The interval: the error's typical size as trees see it (Scale predicts
	// its logarithm from x, the state of knowledge and the effects' variance),
	// times what covers 90 % of held-out groups in that state.
	Scale     *boost.Model
	Low, High [NumStates]float64
}

// Effect is what a group's members have in common beyond what f says, in
// logarithms of time.
type Effect struct {
	Mean, Variance float32
}

// State is what training knew of a question.
type State uint8

// The states of knowledge.
const (
	KnownCell   State = iota // this design on this device in this runtime and precision
	KnownBoth                // design and device, not together
	NewModel                 // the device, not the design
	NewDevice                // the design, not the device
	NewBoth                  // neither
	NumStates   = 5
	uncertain   = 0.7 // ln of the factor either way where nothing was calibrated
	scaleInputs = 2   // inputs of Scale besides the features
)

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

// State is what the training data knew of the question.
func (l *Learned) State(in *Input) State {
	has := func(t int) bool { _, ok := l.Effects[in.Groups[t]]; return ok }
	switch stem, device := has(groupStem), has(groupDevice); {
	case has(groupCell):
		return KnownCell
	case stem && device:
		return KnownBoth
	case device:
		return NewModel
	case stem:
		return NewDevice
	}
	return NewBoth
}

// ScaleInput is what Scale predicts from.
func ScaleInput(in *Input, s State, variance float64) []float64 {
	x := make([]float64, 0, len(in.X)+scaleInputs)
	return append(append(x, in.X...), float64(s), math.Log(variance)/2)
}

// Interval is how far ln(time) may lie below and above its estimate, with 90 %
// confidence.
func (l *Learned) Interval(in *Input, variance float64) (low, high float64) {
	s := l.State(in)
	if l.Scale == nil {
		return uncertain, uncertain
	}
	scale := math.Exp(l.Scale.Predict(ScaleInput(in, s, variance)))
	return scale * l.Low[s], scale * l.High[s]
}
