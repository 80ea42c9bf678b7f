package predictor

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
)

// updated is an effect after the operator's measurements, with the last few
// that moved it.
type updated struct {
	Effect
	by []teacher
}

// teacher is a recorded measurement that moved an answer.
type teacher struct {
	id, model, device, runtime string
	weight                     float64 // share in what moved it
}

const maxEvidence = 4

// opinion is Learned.opinion after the operator's measurements: those of the
// same device through a Gaussian process, where there are any; otherwise those
// of other devices through the effects that they moved. The interval shrinks
// with the variance that they took away.
func (p *Predictor) opinion(in *Input, w perf.Workload, rt *Runtime, q Quantity, m Manner, seen *snapshot) opinion {
	l, stem := p.a.Learned, StemOf(w.Facts)
	var by []teacher
	o := l.corrected(in, nil)
	before, plain := o.variance, o.ln
	if own, ok := seen.devices.get(in.Groups[groupDevice]); ok {
		here := l.pointOf(in, &o.factors)
		shift, less := own.shift(&here)
		o.ln += shift
		o.variance = math.Max(before-less, l.Noise*l.Noise)
		by = own.nearest(&here)
	} else if seen.effects.size > 0 {
		o = l.corrected(in, func(t int, g uint64) (Effect, bool) {
			u, ok := seen.effects.get(g)
			if ok && near(t) {
				by = u.by
			}
			return u.Effect, ok
		})
	}
	o.teachers = evenly(by)
	if ln, sigma, ok := p.expert(w, rt, q, m); ok { // moved as what it takes the place of
		o.ln += ln - plain
		o.low, o.high = 1.645*sigma, 1.645*sigma
	} else {
		r := rowOf(in, o.state, before)
		o.ln += l.shape(&r, stem, o.state)
		o.low, o.high = l.interval(&r, in, o.state)
	}
	if o.variance < before {
		shrink := math.Max(0.6, math.Sqrt(math.Max(o.variance, 0)/before))
		o.low, o.high = o.low*shrink, o.high*shrink
	}
	return o
}

// evenly gives teachers without weights equal ones.
func evenly(by []teacher) []teacher {
	if len(by) == 0 || by[0].weight > 0 {
		return by
	}
	out := make([]teacher, len(by))
	for i, t := range by {
		t.weight = 1 / float64(len(by))
		out[len(by)-1-i] = t // the newest first
	}
	return out
}

// near reports whether a measurement of the same group is near enough to be
// named as evidence.
func near(t int) bool { return t >= groupDevice && t != groupDesign && t != groupDesignRuntime }

// apply lets one observation move the effects of all groups it belongs to: a
// Kalman update of a sum of independent effects. Each takes the share of the
// surprise that its variance has in the whole, so that what training knows
// well hardly moves and what it does not know moves at once.
func (p *Predictor) apply(s *snapshot, w perf.Workload, o observation) {
	l := p.a.Learned
	rt, pk, err := usable(&w)
	if err != nil {
		return
	}
	if o.memory > 0 {
		s.remember(w, rt, o.memory)
	}
	if l == nil {
		return
	}
	p.versioned(&w)
	for _, x := range []struct {
		of    Quantity
		value float64
	}{{StepTime, o.latency}, {FirstToken, o.ttft}, {TokenTime, o.tpot}} {
		if x.value <= 0 {
			continue
		}
		in := inputOf(w, rt, pk, x.of, Plain)
		if x.value < possible*in.Cost.Attainable { // however often it is said, it says nothing of others
			continue
		}
		p.move(s, &in, w, rt, x.of, Plain, math.Log(x.value), o.id)
	}
}

// move is apply for one time.
func (p *Predictor) move(s *snapshot, in *Input, w perf.Workload, rt *Runtime, q Quantity, m Manner, ln float64, id string) {
	l := p.a.Learned
	p.nearest(in, w, rt, q, m)
	now := p.opinion(in, w, rt, q, m, s)
	surprise := ln - now.ln
	prior := p.opinion(in, w, rt, q, m, &snapshot{})
	own, _ := s.devices.get(in.Groups[groupDevice])
	here := l.pointOf(in, &prior.factors)
	by := teacher{id: id, model: w.Model, device: w.Hardware.Name, runtime: rt.Name}
	here.surprise, here.teacher = ln-prior.ln, by
	s.devices = s.devices.with(in.Groups[groupDevice], own.with(l, here))
	share := in.Cost.Sensitivity(&now.factors)
	for t, g := range in.Groups {
		u, ok := s.effects.get(g)
		if !ok {
			u.Effect = l.effect(t, g, in.Sorts[t])
			if near := in.near(t); near != 0 {
				u.Mean = l.Effects[near].Mean
			}
		}
		for k := range NumCoefficients {
			h := 1.0
			if k != Common {
				h = share[k]
			}
			gain := h * float64(u.Variance[k]) / now.variance
			u.Mean[k] += float32(gain * surprise)
			u.Variance[k] *= float32(math.Max(0, 1-gain*h))
		}
		u.by = append(slices.Clone(u.by), by)
		u.by = u.by[max(0, len(u.by)-maxEvidence):]
		s.effects = s.effects.with(g, u)
	}
}

// Time is a time of a workload for a number taken in a certain manner. A
// workload that names no version is one of a table that states none; Predict,
// which answers people, takes the usual one.
type Time struct {
	perf.Estimate
	Bound    float64 // s, all operations at the datasheet's rates, one after the other
	Basis    perf.Basis
	Distance perf.Distance
	Known    bool // somebody measured the device
}

// Time answers one quantity other than Memory.
func (p *Predictor) Time(w perf.Workload, q Quantity, m Manner) (Time, error) {
	rt, pk, err := usable(&w)
	if err != nil {
		return Time{}, err
	}
	t := p.time(w, rt, pk, q, m, p.seen.Load())
	return Time{Estimate: t.Estimate, Bound: t.ideal, Basis: t.basis, Distance: t.distance, Known: t.known}, nil
}

// Observe applies one observed time that was taken in a certain manner, without
// the caution that Learn takes.
func (p *Predictor) Observe(w perf.Workload, q Quantity, m Manner, seconds float64, id string) error {
	rt, pk, err := usable(&w)
	if err != nil || p.a.Learned == nil {
		return err
	}
	in := inputOf(w, rt, pk, q, m)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := *p.seen.Load()
	p.move(&s, &in, w, rt, q, m, math.Log(seconds), id)
	s.count, s.last = s.count+1, id
	p.seen.Store(&s)
	return nil
}
