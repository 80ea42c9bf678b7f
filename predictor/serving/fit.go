package serving

import (
	"errors"
	"math"
	"slices"
)

// Options steer a fit; zero values ask for the defaults.
type Options struct {
	Rounds   int                   // evaluations of the rows while the constants are fitted, at most; 4000
	Progress func(done, total int) // called now and then
}

// maxTuned bounds the rows that the constants are fitted to.
const maxTuned = 2500

// Fit learns from serving measurements and kernel tables. Either may be empty:
// without kernels the constants start from round figures, without rows nothing
// but the constants is learned. The same input gives the same model.
func Fit(rows []Row, kernels []KernelRow, o Options) (*Model, error) {
	if len(rows) == 0 && len(kernels) == 0 {
		return nil, errors.New("serving: nothing to learn from")
	}
	if o.Rounds == 0 {
		o.Rounds = 4000
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	rows = usable(rows)
	o.Progress(0, 4)
	m := &Model{constants: fitTables(defaults(), kernels)}
	o.Progress(1, 4)
	if len(rows) == 0 {
		return m, nil
	}
	m.constants = tune(m.constants, sample(rows, maxTuned), o.Rounds)
	for h := range m.heads {
		o.Progress(2+h, 4)
		m.learn(h, rows)
	}
	o.Progress(4, 4)
	return m, nil
}

// usable are the rows that can be learned from, with their weights filled in.
func usable(rows []Row) []Row {
	var list []Row
	m := Physical()
	for _, r := range rows {
		if r.Weight == 0 {
			r.Weight = 1
		}
		if a, err := m.physical(&r.Workload); err == nil && r.Value > 0 && r.Weight > 0 && a.Of(r.Quantity, &r.Workload) > 0 {
			list = append(list, r)
		}
	}
	return list
}

// sample keeps at most n rows, half of them of engines with requests in flight
// where there are so many: that is what is asked.
func sample(rows []Row, n int) []Row {
	var engine, batch []Row
	for _, r := range rows {
		if r.Workload.Concurrency > 0 {
			engine = append(engine, r)
		} else {
			batch = append(batch, r)
		}
	}
	some := thin(batch, max(n/2, n-len(engine)))
	return append(thin(engine, n-len(some)), some...)
}

// thin keeps at most n rows, evenly spread, with the rows of a workload that
// follow each other kept together.
func thin(rows []Row, n int) []Row {
	if len(rows) <= n {
		return rows
	}
	var list []Row
	keep, credit := false, 0.0
	for i := range rows {
		credit += float64(n) / float64(len(rows))
		if i == 0 || rows[i].Workload != rows[i-1].Workload {
			keep = credit >= 1
		}
		if keep {
			list, credit = append(list, rows[i]), credit-1
		}
	}
	return list
}

// learn fits one head.
func (m *Model) learn(h int, rows []Row) {
	examples := m.gather(h, rows)
	if len(examples) < 2*folds {
		return
	}
	m.heads[h] = head{effects: fitEffects(examples)}
	m.heads[h].measure(examples)
}

// gather computes what one head learns from.
func (m *Model) gather(h int, rows []Row) []example {
	var list []example
	for i := range rows {
		r := &rows[i]
		if !tells(r.Quantity, h) {
			continue
		}
		p, l, err := m.lay(&r.Workload)
		if err != nil {
			continue
		}
		s := p.settle(l)
		if h == startHead && s.wait(l) > s.start {
			continue // what is seen is the wait, which follows from the other times
		}
		e := example{parts: s.parts[h], weight: r.Weight, keys: keysOf(&r.Workload, &p).of(h), curve: hashName(6, r.Curve), serves: l.serving}
		e.config = mix(e.curve, mix(uint64(r.Workload.Concurrency), uint64(r.Workload.BatchSize)))
		e.time = s.time(h) * math.Exp(ratio(r, &p, l, &s))
		list = append(list, e)
	}
	return list
}

// ratio is the logarithm of actual over predicted time, cut at a factor of 20.
func ratio(r *Row, p *plan, l load, s *state) float64 {
	var a Answer
	a.fill(p, l, s)
	t := math.Log(r.Value / a.Of(r.Quantity, &r.Workload))
	if r.Quantity.rate() {
		t = -t
	}
	return math.Max(-3, math.Min(3, t))
}

// tells reports whether a quantity tells of a head's time.
func tells(q Quantity, h int) bool { return (q == TTFT || q == PromptRate) == (h == startHead) }

// folds is how often examples are split to see what effects leave of those
// that they have not seen.
const folds = 5

// measure finds the spread of what effects leave at every level of knowledge:
// of curves, pairs, models, devices and runtimes held out in turn.
func (h *head) measure(rows []example) {
	without := func(f int) float64 { return spread(rows, func(e *example) uint64 { return e.keys[f] }) }
	s := &h.spread
	s[Seen] = spread(rows, func(e *example) uint64 { return e.curve })
	s[UnseenPair] = without(byModelDevice)
	s[UnseenModel] = without(byModel)
	s[UnseenDevice] = without(byDevice)
	s[UnseenBoth] = math.Hypot(s[UnseenModel], s[UnseenDevice])
	for l := 1; l < int(numLevels); l++ { // knowing less never narrows
		s[l] = math.Max(s[l], s[l-1])
	}
	h.strange = math.Max(s[UnseenDevice], without(byRuntime))
}

// spread is the 90 % quantile of what effects leave of held-out groups, as the
// standard deviation of a normal distribution that has it. Engines with
// requests in flight are judged where there are enough of them: that is what is
// asked.
func spread(rows []example, group func(*example) uint64) float64 {
	var all, serving []float64
	for k := range uint64(folds) {
		var in []example
		for i := range rows {
			if group(&rows[i])%folds != k {
				in = append(in, rows[i])
			}
		}
		e := fitEffects(in)
		for i := range rows {
			if r := &rows[i]; group(r)%folds == k {
				left := math.Abs(math.Log(r.time / r.corrected(&e)))
				all = append(all, left)
				if r.serves {
					serving = append(serving, left)
				}
			}
		}
	}
	if len(serving) >= 100 {
		all = serving
	}
	slices.Sort(all)
	return math.Max(0.02, all[min(len(all)-1, len(all)*9/10)]/1.645)
}

// corrected is a time as the effects have it.
func (e *example) corrected(by *effects) float64 {
	u, sum := by.of(&e.keys), 0.0
	for k, x := range e.parts {
		sum += x * math.Exp(u[k])
	}
	return sum
}
