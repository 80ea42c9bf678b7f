package serving

import (
	"errors"
	"math"
	"slices"

	"github.com/perfcast/perfcast/predictor/boost"
)

// Options steer a fit; zero values ask for the defaults.
type Options struct {
	Rounds   int                   // evaluations of the rows while the constants are fitted, at most; 4000
	Trees    int                   // of each head; 500
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
	if o.Trees == 0 {
		o.Trees = 500
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
	m.constants = tune(m.constants, thin(rows, maxTuned), o.Rounds)
	for h := range m.heads {
		o.Progress(2+h, 4)
		if err := m.learn(h, rows, o); err != nil {
			return nil, err
		}
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

// sample is what one head learns from.
type sample struct {
	x       [][]float64
	tilted  []float64 // log of actual over the tilted physical time: the trees' target
	plain   []float64 // log of actual over the physical time: the far effects'
	weights []float64
	keys    []keys
	curve   []uint64
	config  []uint64
}

// gather computes a head's sample.
func (m *Model) gather(h int, rows []Row) sample {
	var d sample
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
		plain, tilt := ratio(r, &p, l, &s), p.tilt(l, &s)
		v := new(vector)
		v.fill(&r.Workload, &p, l, &s)
		d.x = append(d.x, v[:])
		d.plain = append(d.plain, plain)
		d.tilted = append(d.tilted, plain-tilt[h])
		d.weights = append(d.weights, r.Weight)
		d.keys = append(d.keys, keysOf(&r.Workload, &p))
		d.curve = append(d.curve, hashName(6, r.Curve))
		d.config = append(d.config, mix(hashName(6, r.Curve), mix(uint64(r.Workload.Concurrency), uint64(r.Workload.BatchSize))))
	}
	return d
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

// folds is how often a sample is split, by curve, to see what its learners
// leave on curves they have not seen.
const folds = 5

// learn fits one head. The near effects are fitted to what the trees leave on
// curves held out from them: on their own rows the trees leave too little.
func (m *Model) learn(h int, rows []Row, o Options) error {
	d := m.gather(h, rows)
	if len(d.x) < 2*folds {
		return nil
	}
	opt := boost.Options{Loss: boost.Absolute, Trees: o.Trees, LearningRate: 0.04, MaxDepth: 6, MinChildWeight: 4,
		Rows: 0.7, Columns: 0.5, L2: 2, Monotone: monotone}
	left := make([]float64, len(d.x))
	for k := range folds {
		in, out := d.split(func(i int) bool { return d.curve[i]%folds == uint64(k) })
		if len(in) == 0 {
			continue
		}
		t, err := boost.Fit(pick(d.x, in), pick(d.tilted, in), pick(d.weights, in), opt)
		if err != nil {
			return err
		}
		for _, i := range out {
			left[i] = d.tilted[i] - t.Predict(d.x[i])
		}
	}
	t, err := boost.Fit(d.x, d.tilted, d.weights, opt)
	if err != nil {
		return err
	}
	m.heads[h] = head{trees: t, near: fitEffects(d.keys, d.config, left, d.weights), far: fitEffects(d.keys, d.config, d.plain, d.weights)}
	m.heads[h].spread = d.spreads(left)
	return nil
}

// split deals the rows out to those kept and those held.
func (d *sample) split(held func(i int) bool) (kept, out []int) {
	for i := range d.x {
		if held(i) {
			out = append(out, i)
		} else {
			kept = append(kept, i)
		}
	}
	return kept, out
}

// spreads measures what the effects leave at every level of knowledge: on
// curves, pairs, models and devices held out in turn. left is what the trees
// left out of fold.
func (d *sample) spreads(left []float64) [numLevels]float64 {
	var s [numLevels]float64
	s[Seen] = d.spread(left, func(i int) uint64 { return d.curve[i] })
	s[UnseenPair] = d.spread(d.plain, func(i int) uint64 { return d.keys[i][byModelDevice] })
	s[UnseenModel] = d.spread(d.plain, func(i int) uint64 { return d.keys[i][byModel] })
	s[UnseenDevice] = d.spread(d.plain, func(i int) uint64 { return d.keys[i][byDevice] })
	s[UnseenBoth] = math.Hypot(s[UnseenModel], s[UnseenDevice])
	for l := 1; l < int(numLevels); l++ { // knowing less never narrows
		s[l] = math.Max(s[l], s[l-1])
	}
	return s
}

// spread is the 90 % quantile of what effects leave of r on held-out groups,
// as the standard deviation of a normal distribution that has it.
func (d *sample) spread(r []float64, group func(int) uint64) float64 {
	var e []float64
	for k := range folds {
		in, out := d.split(func(i int) bool { return group(i)%folds == uint64(k) })
		f := fitEffects(pick(d.keys, in), pick(d.config, in), pick(r, in), pick(d.weights, in))
		for _, i := range out {
			e = append(e, math.Abs(r[i]-f.of(&d.keys[i])))
		}
	}
	slices.Sort(e)
	return math.Max(0.02, e[min(len(e)-1, len(e)*9/10)]/1.645)
}

func pick[T any](xs []T, rows []int) []T {
	list := make([]T, len(rows))
	for i, r := range rows {
		list[i] = xs[r]
	}
	return list
}
