package serving

import (
	"math"

	"github.com/perfcast/perfcast/perf"
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

// head corrects the parts of one physical time.
type head struct {
	effects effects
	spread  [numLevels]float64 // of what they leave, by what was known
	strange float64            // of what they leave for runtimes never seen
}

// learned reports whether there is anything to correct by.
func (h *head) learned() bool { return h.strange > 0 }

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
	_, pair := h.effects[byModelDevice][k[byModelDevice]]
	_, model := h.effects[byModel][k[byModel]]
	_, device := h.effects[byDevice][k[byDevice]]
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

// sigma is the spread of what the effects leave of a time, and the level of
// knowledge that it rests on.
func (h *head) sigma(k *keys) (float64, Level) {
	l := h.level(k)
	if _, ok := h.effects[byRuntime][k[byRuntime]]; !ok {
		return math.Max(h.spread[l], h.strange), l
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
	k := keysOf(&w, &p)
	if h := &m.heads[startHead]; h.learned() {
		a.SigmaTTFT, a.Level = h.sigma(&k)
	}
	if h := &m.heads[eachHead]; h.learned() {
		a.SigmaTPOT, a.Level = h.sigma(&k)
	}
	m.correct(&s, l, k)
	for t := trafficOf(&w) - 1; t > noTraffic; t-- { // no prompt starts before a shorter one, whatever an engine is set up for
		shorter := l
		shorter.in = t.longest(l.out)
		b := p.settle(shorter)
		m.correct(&b, shorter, k.under(t))
		s.start = math.Max(s.start, b.start)
	}
	a.fill(&p, l, &s)
	if wait := s.wait(l); wait > 0 { // it hangs on how many sequences the memory has room for
		a.SigmaTTFT = math.Hypot(a.SigmaTTFT, untrained*wait/a.TTFT)
	}
	return a, nil
}

// correct applies what was learned to a state.
func (m *Model) correct(s *state, l load, k keys) {
	var u [numHeads]factors
	for h := range m.heads {
		own := k.of(h)
		u[h] = m.heads[h].effects.of(&own)
	}
	s.correct(l, &u)
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
