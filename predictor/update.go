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
	ids []string
}

const maxEvidence = 4

// opinion is what is known of ln(time / stated time).
type opinion struct {
	mean, variance, low, high float64
	state                     State
	ids                       []string
}

// utilisation is Learned.Utilisation after the operator's measurements. The
// interval shrinks with the variance that they took away.
func (p *Predictor) utilisation(in *Input, w perf.Workload, seen *snapshot) opinion {
	l := p.a.Learned
	before := 0.0
	o := opinion{state: l.State(in)}
	o.mean, before = l.Utilisation(in, StemOf(w.Facts))
	o.variance = before
	if seen.effects.size > 0 {
		for t, g := range in.Groups {
			u, ok := seen.effects.get(g)
			if !ok {
				continue
			}
			prior := l.effect(t, g)
			o.mean += float64(u.Mean - prior.Mean)
			o.variance += float64(u.Variance - prior.Variance)
			if t >= groupDevice && t != groupDesign && t != groupDesignRuntime { // what is near enough to be named
				o.ids = u.ids
			}
		}
	}
	o.low, o.high = l.Interval(in, before)
	if o.variance < before {
		shrink := math.Max(0.2, math.Sqrt(math.Max(o.variance, 0)/before))
		o.low, o.high = o.low*shrink, o.high*shrink
	}
	return o
}

// effect is what training knows of a group: its effect, or that there is none
// yet.
func (l *Learned) effect(t int, g uint64) Effect {
	if e, ok := l.Effects[g]; ok {
		return e
	}
	return Effect{Variance: float32(l.Tau[t] * l.Tau[t])}
}

// apply lets one observation move the effects of all groups it belongs to: a
// Kalman update of a sum of independent effects. Each takes the share of the
// surprise that its variance has in the whole, so that what training knows
// well hardly moves and what it does not know moves at once.
func (p *Predictor) apply(s *snapshot, w perf.Workload, o observation) {
	l := p.a.Learned
	rt, pk, err := usable(&w)
	if l == nil || err != nil {
		return
	}
	for _, x := range []struct {
		of    Quantity
		value float64
	}{{StepTime, o.latency}, {FirstToken, o.ttft}, {TokenTime, o.tpot}} {
		if x.value <= 0 {
			continue
		}
		in := inputOf(w, rt, pk, x.of, Plain)
		p.move(s, &in, w, math.Log(x.value/in.Cost.Stated), o.id)
	}
}

func (p *Predictor) move(s *snapshot, in *Input, w perf.Workload, y float64, id string) {
	l := p.a.Learned
	now := p.utilisation(in, w, s)
	surprise := y - now.mean
	for t, g := range in.Groups {
		u, ok := s.effects.get(g)
		if !ok {
			u.Effect = l.effect(t, g)
		}
		gain := float64(u.Variance) / now.variance
		u.Mean += float32(gain * surprise)
		u.Variance -= float32(gain * float64(u.Variance))
		u.ids = append(slices.Clone(u.ids), id)
		u.ids = u.ids[max(0, len(u.ids)-maxEvidence):]
		s.effects = s.effects.with(g, u)
	}
}

// Time is a time of a workload, as Predict would state it, for a number taken
// in a certain manner.
type Time struct {
	perf.Estimate
	Bound    float64 // s, all operations at the datasheet's rates, one after the other
	Basis    perf.Basis
	Distance perf.Distance
}

// Time answers one quantity other than Memory.
func (p *Predictor) Time(w perf.Workload, q Quantity, m Manner) (Time, error) {
	rt, pk, err := usable(&w)
	if err != nil {
		return Time{}, err
	}
	t := p.time(w, rt, pk, q, m, p.seen.Load())
	return Time{Estimate: t.Estimate, Bound: t.ideal, Basis: t.basis, Distance: t.distance}, nil
}

// Observe applies one observed time that was taken in a certain manner, without
// the caution that Learn takes.
func (p *Predictor) Observe(w perf.Workload, q Quantity, m Manner, seconds float64, id string) error {
	in, err := InputOf(w, q, m)
	if err != nil || p.a.Learned == nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := *p.seen.Load()
	p.move(&s, &in, w, math.Log(seconds/in.Cost.Stated), id)
	s.count, s.last = s.count+1, id
	p.seen.Store(&s)
	return nil
}
