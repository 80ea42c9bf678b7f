package predictor

import (
	"math"

	"github.com/perfcast/perfcast/predictor/boost"
)

// Learned is the end-to-end part of an artefact. A step's time is the sum of
// its physical parts, each corrected by a factor, times a common factor:
//
//	t = |parts . exp(u)| exp(f(x) + v)
//
// u and v are sums of effects of the groups the step belongs to (its runtime,
// device, design, ... and their combinations): what a group's members have in
// common, shrunken by how much is known of it. A device whose memory is slower
// than its datasheet says has an effect on one part; a design that wastes the
// matrix units on another.
//
// f are boosted trees over dimensionless inputs, fitted in folds of whole
// designs, each fold's trees on all designs but its own. A design is always
// answered by the trees that have not seen it, so that what is particular to
// it is left to its effects, and one that nobody has measured is answered as
// those of the training data were when the effects were fitted.
type Learned struct {
	Folds   []*boost.Model
	Effects map[uint64]Effect
	Tau     [NumGroups][NumSorts]Coefficients // standard deviation of each kind's effects
	Noise   float64                           // of single points around all effects

	// The interval: the error's typical size as trees see it (Scale predicts
	// its logarithm from x, the state of knowledge and the effects' variance),
	// times what covers 90 % of held-out groups in that state: those whose batch
	// and precision are stated, and those that leave one of them open.
	Scale     *boost.Model
	Low, High [NumStates][2]float64
}

// NumCoefficients of an effect: one of each part, and the common factor's.
const NumCoefficients = NumParts + 1

// Common is the index of the common factor's coefficient.
const Common = NumParts

// Coefficients of one effect.
type Coefficients [NumCoefficients]float32

// Effect is what a group's members have in common beyond what f says, in
// logarithms: of each part's time, and of the whole.
type Effect struct {
	Mean, Variance Coefficients
}

// State is what training knew of a question.
type State uint8

// The states of knowledge.
const (
	KnownCell   State = iota // this design on this device in this runtime and precision
	KnownBoth                // design and device, not together
	NewModel                 // the device with this runtime, not the design
	NewDevice                // the design, not the device with this runtime
	NewBoth                  // neither, or not the software
	NumStates   = 5
	strange     = 2   // times as wide is an interval where nobody measured the software: no held-out design or device of the calibration tells
	uncertain   = 0.7 // ln of the factor either way where nothing was calibrated
	scaleInputs = 2   // inputs of Scale besides the features
	widest      = 3.4 // ln of the most that an interval goes either way: beyond a factor of 30 it says nothing
	maxFactor   = 4   // ln of the most that effects may change a part
)

// Fold is which fold's trees answer for a design.
func Fold(stem string, folds int) int { return int(hash("fold", stem) >> 8 % uint64(folds)) }

// Trees is f of an input, by the trees that have not seen the design.
func (l *Learned) Trees(in *Input, stem string) float64 {
	r := boost.RowOf(in.X)
	return l.trees(&r, stem)
}

func (l *Learned) trees(r *boost.Row, stem string) float64 {
	return l.Folds[Fold(stem, len(l.Folds))].At(r)
}

// consensus is f of an input whose design no trees have seen: the mean of all.
func (l *Learned) consensus(r *boost.Row) float64 {
	sum := 0.0
	for _, m := range l.Folds {
		sum += m.At(r)
	}
	return sum / float64(len(l.Folds))
}

// opinion is what is known of a time.
type opinion struct {
	ln        float64 // of the time
	variance  float64 // of ln: of the effects that are not, or hardly, known
	factors   Factors // on the parts
	low, high float64 // how far ln may lie below and above, with 90 % confidence
	state     State
	teachers  []teacher // recorded measurements that moved it
}

// Opinion of ln(time) and its variance.
func (l *Learned) Opinion(in *Input, stem string) (ln, variance float64) {
	o := l.corrected(in, nil)
	r := boost.RowOf(in.X)
	return o.ln + l.shape(&r, stem, o.state), o.variance
}

// shape is f of an input, by the trees that may be asked.
func (l *Learned) shape(r *boost.Row, stem string, s State) float64 {
	if s == NewModel || s == NewBoth {
		return l.consensus(r)
	}
	return l.trees(r, stem)
}

// corrected is the stated time with the effects' corrections, without f; where
// changed knows of an effect, with that one.
func (l *Learned) corrected(in *Input, changed func(t int, g uint64) (Effect, bool)) opinion {
	var o opinion
	var variance Factors
	var common float64
	o.variance = l.Noise * l.Noise
	o.state = l.State(in)
	for t, g := range in.Groups {
		e := l.effect(t, g, in.Sorts[t])
		if near := in.near(t); near != 0 {
			e.Mean = l.Effects[near].Mean
		}
		if changed != nil {
			if c, ok := changed(t, g); ok {
				e = c
			}
		}
		for k := range NumParts {
			o.factors[k] += float64(e.Mean[k])
			variance[k] += float64(e.Variance[k])
		}
		common += float64(e.Mean[Common])
		o.variance += float64(e.Variance[Common])
	}
	o.factors = o.factors.Bounded()
	s := in.Cost.Sensitivity(&o.factors)
	for k := range NumParts {
		o.variance += s[k] * s[k] * variance[k]
	}
	o.ln = math.Log(in.Cost.Time(&o.factors)) + common
	return o
}

// near is the group that stands for one of kind t that nobody measured; 0 = none.
func (in *Input) near(t int) uint64 {
	for i, of := range versionGroups {
		if t == of {
			return in.Near[i]
		}
	}
	return 0
}

// Bounded keeps the factors within what any effect may do.
func (u Factors) Bounded() Factors {
	for k := range u {
		u[k] = max(-maxFactor, min(maxFactor, u[k]))
	}
	return u
}

// effect is what training knows of a group of a sort: its effect, or that there
// is none yet.
func (l *Learned) effect(t int, g uint64, s Sort) Effect {
	if e, ok := l.Effects[g]; ok {
		return e
	}
	var e Effect
	for k, tau := range l.Tau[t][s] {
		e.Variance[k] = tau * tau
	}
	return e
}

// State is what the training data knew of the question. Of software that
// nobody measured on such a device it knew nothing, whatever else it knew; a
// device that was only measured with other software is as good as new.
func (l *Learned) State(in *Input) State {
	has := func(t int) bool { _, ok := l.Effects[in.Groups[t]]; return ok }
	switch stem, device := has(groupStem), has(groupDevice) && has(groupDeviceRuntime); {
	case !has(groupSoftware):
		return NewBoth
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

// ScaleInput is what Scale predicts from: the features, the state of knowledge,
// and the logarithm of the effects' standard deviation.
func ScaleInput(in *Input, s State, variance float64) []float64 {
	x := make([]float64, 0, len(in.X)+scaleInputs)
	return append(append(x, in.X...), float64(s), math.Log(variance)/2)
}

// rowOf is ScaleInput as trees read it. Those of f ask for no more than the
// features that it begins with.
func rowOf(in *Input, s State, variance float64) boost.Row {
	return boost.RowOf(in.X, float64(s), math.Log(variance)/2)
}

// interval is how far ln(time) may lie below and above its estimate, with 90 %
// confidence, given the rowOf the input.
func (l *Learned) interval(r *boost.Row, in *Input, s State) (low, high float64) {
	if l.Scale == nil {
		return uncertain, uncertain
	}
	scale := math.Exp(l.Scale.At(r))
	if _, ok := l.Effects[in.Groups[groupSoftware]]; !ok {
		scale *= strange
	}
	vague := 0
	if in.Vague {
		vague = 1
	}
	return math.Min(widest, scale*l.Low[s][vague]), math.Min(widest, scale*l.High[s][vague])
}
