package serving

import (
	"math"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/boost"
)

// Model predicts serving performance. It is immutable and safe for concurrent
// use.
type Model struct {
	constants Constants
	heads     [numHeads]head
}

// The times that are learned.
const (
	startHead = iota // from getting a place to the first token
	eachHead         // each token after it
	numHeads
)

// head corrects the logarithm of one physical time. Trees know the shapes of
// load and layout for models on devices that were measured; elsewhere they
// would guess, and effects alone are used.
type head struct {
	trees  *boost.Model // nil = nothing learned
	near   effects      // beside the trees
	far    effects      // instead of them
	spread [numLevels]float64
}

// Level says what of a workload was seen in training.
type Level uint8

// The levels, best known first.
const (
	Seen         Level = iota // the model on the device
	UnseenPair                // both, but not together
	UnseenModel               // the device alone
	UnseenDevice              // the model alone
	UnseenBoth
	numLevels
)

// level looks up what was seen.
func (h *head) level(k *keys) Level {
	_, pair := h.far[byModelDevice][k[byModelDevice]]
	_, model := h.far[byModel][k[byModel]]
	_, device := h.far[byDevice][k[byDevice]]
	switch {
	case pair:
		return Seen
	case model && device:
		return UnseenPair
	case device:
		return UnseenModel
	case model:
		return UnseenDevice
	}
	return UnseenBoth
}

// correct multiplies a physical time by what was learned, and returns the
// spread of what that leaves and the level of knowledge it rests on.
func (h *head) correct(time *float64, tilt float64, v *vector, k *keys) (float64, Level) {
	l := h.level(k)
	if l == Seen {
		*time *= math.Exp(tilt + h.trees.Predict(v[:]) + h.near.of(k))
	} else {
		*time *= math.Exp(h.far.of(k))
	}
	return h.spread[l], l
}

// untrained is the spread of the physics with stated constants: a factor of 3
// at 90 %.
const untrained = 0.67

// Physical is the model that has learned nothing: physics with round constants.
func Physical() *Model { return &Model{constants: defaults()} }

// Constants are the physical constants in force.
func (m *Model) Constants() Constants { return m.constants }

// Predict answers for a workload of a model that generates tokens. Concurrency
// above 0 means a serving engine with so many requests in flight over the whole
// system; otherwise BatchSize sequences start together and no request waits.
// The error, a *perf.Error, names the fact of the model or the device that is
// missing.
func (m *Model) Predict(w perf.Workload) (Answer, error) {
	p, l, err := m.lay(&w)
	if err != nil {
		return Answer{}, err
	}
	s := p.settle(l)
	var a Answer
	a.fill(&p, l, &s)
	a.Physical.TTFT, a.Physical.TPOT = a.TTFT, a.TPOT
	a.SigmaTTFT, a.SigmaTPOT, a.Level = untrained, untrained, UnseenBoth
	tilt := p.tilt(l, &s)
	var v vector
	v.fill(&w, &p, l, &s)
	k := keysOf(&w, &p)
	if h := &m.heads[startHead]; h.trees != nil {
		a.SigmaTTFT, a.Level = h.correct(&s.start, tilt[startHead], &v, &k)
	}
	if h := &m.heads[eachHead]; h.trees != nil {
		a.SigmaTPOT, a.Level = h.correct(&s.each, tilt[eachHead], &v, &k)
	}
	a.fill(&p, l, &s)
	return a, nil
}

// physical is Predict with nothing learned but the constants.
func (m *Model) physical(w *perf.Workload) (Answer, error) {
	var a Answer
	p, l, err := m.lay(w)
	if err == nil {
		s := p.settle(l)
		a.fill(&p, l, &s)
	}
	return a, err
}

// lay turns a workload into a plan and the load on one of its replicas.
func (m *Model) lay(w *perf.Workload) (plan, load, error) {
	p, err := planOf(w, &m.constants)
	l := load{in: math.Max(0, float64(w.SequenceLength)), out: math.Max(0, float64(w.OutputLength))}
	l.serving = w.Concurrency > 0
	n := max(1, w.BatchSize)
	if l.serving {
		n = w.Concurrency
	}
	l.concurrency = math.Max(1, float64(n)/math.Max(1, p.replicas))
	return p, l, err
}

// fill derives everything from the times of a state.
func (a *Answer) fill(p *plan, l load, s *state) {
	wait := s.wait(l)
	a.TTFT, a.TPOT = s.start+wait, s.each
	a.EndToEnd = a.TTFT + math.Max(0, l.out-1)*a.TPOT
	a.RequestsPerSec = l.concurrency * p.replicas / a.EndToEnd
	a.OutputTokensPerSec = a.RequestsPerSec * math.Max(1, l.out)
	a.Running, a.Room = s.running*p.replicas, s.room*p.replicas

	prompts := 1.0
	if own := s.prefill.sum(); l.serving && own > 0 {
		prompts += s.stall * l.out / own
	}
	t := s.decode.times(l.out)
	t.add(s.prefill.times(prompts))
	if sum := t.sum(); sum > 0 {
		a.Shares = perf.Shares{Compute: t.compute / sum, MemoryBandwidth: t.memory / sum, Overhead: t.overhead / sum, Communication: t.link / sum}
	}
}
