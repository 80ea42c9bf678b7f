package boost

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Fit learns y from the rows of x. w are row weights (nil: all equal); only
// their ratios matter. It reports rows or options that make no sense.
func Fit(x [][]float64, y, w []float64, o Options) (*Model, error) {
	if len(y) != len(x) {
		return nil, fmt.Errorf("boost: %d rows but %d targets", len(x), len(y))
	}
	bins, threads := o.Bins, o.Threads
	if bins == 0 {
		bins = 255
	}
	m, err := NewMatrix(x, bins, max(1, threads))
	if err != nil {
		return nil, err
	}
	return m.Fit(everyRow(len(x)), y, w, o)
}

// Fit learns y from some of the matrix's rows. Targets, weights (nil: all equal)
// and clusters are those of all rows of the matrix, whichever are learned from.
func (m *Matrix) Fit(rows []int32, y, w []float64, o Options) (*Model, error) {
	o, err := o.withDefaults(m.Features())
	if err != nil {
		return nil, err
	}
	if len(y) != m.rows {
		return nil, fmt.Errorf("boost: %d rows but %d targets", m.rows, len(y))
	}
	if err := checkTargets(y, w, rows); err != nil {
		return nil, err
	}
	if o.Valid != nil {
		if err := o.Valid.check(m.Features()); err != nil {
			return nil, fmt.Errorf("validation rows: %w", err)
		}
	}
	if o.Cluster != nil && (len(o.Cluster) != m.rows || slices.Min(o.Cluster) < 0) {
		return nil, fmt.Errorf("boost: %d rows, but not as many clusters numbered from 0", m.rows)
	}
	b := newBooster(m, rows, y, w, &o)
	b.run()
	return b.m, nil
}

// booster is the state between rounds.
type booster struct {
	grower
	m      *Model
	fitted []int32   // rows of the matrix that are learned from
	y      []float64 // per row of the matrix, as all that follow
	weight []int64   // in steps
	pred   []float64
	grad   []float64 // weight x gradient, in steps x units of y; of the fitted
	valid  []float64 // prediction per row of o.Valid
	random *rand.Rand
	rs     []residual
	gain   []float64
}

func newBooster(m *Matrix, rows []int32, y, w []float64, o *Options) *booster {
	n, features := len(rows), m.Features()
	b := &booster{
		grower: grower{
			Matrix: m, o: o,
			sums: make([]int64, m.rows), counted: make([]int64, n),
			rows: newDivision(n), rest: newDivision(n),
			best: make([]split, features),
		},
		m:      &Model{features: features},
		fitted: rows,
		y:      y,
		weight: make([]int64, m.rows),
		pred:   make([]float64, m.rows),
		grad:   make([]float64, n),
		random: rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15)),
		rs:     make([]residual, n),
		gain:   make([]float64, features),
	}
	if o.Cluster != nil {
		b.seen = make([]int32, int(slices.Max(o.Cluster))+1)
	}
	b.weigh(w)
	for i, r := range rows {
		b.rs[i] = residual{y[r], b.weight[r]}
	}
	b.m.base = o.centre(b.rs)
	for _, r := range rows {
		b.pred[r] = b.m.base
	}
	if o.Valid != nil {
		b.valid = make([]float64, len(o.Valid.X))
		for i := range b.valid {
			b.valid[i] = b.m.base
		}
	}
	return b
}

// weigh turns weights into steps. Their unit makes the average weight 1.
func (b *booster) weigh(w []float64) {
	total, d := 0.0, Data{W: w}
	for _, r := range b.fitted {
		total += d.weight(int(r))
	}
	for _, r := range b.fitted {
		b.weight[r] = int64(math.RoundToEven(d.weight(int(r)) / total * steps))
	}
	b.unit.w = float64(len(b.fitted)) / steps
}

// run adds trees until there are enough or validation says stop, and keeps
// those up to the best round.
func (b *booster) run() {
	o := b.o
	best, keep := math.Inf(1), 0
	if o.Valid != nil {
		best = b.validLoss()
	}
	for round := 1; round <= o.Trees; round++ {
		b.round()
		if o.Progress != nil {
			o.Progress(round, o.Trees)
		}
		if o.Valid == nil {
			keep = round
			continue
		}
		b.advanceValid()
		if l := b.validLoss(); l < best {
			best, keep = l, round
		} else if round-keep >= o.Patience {
			break
		}
	}
	if keep < len(b.m.roots) {
		b.m.nodes = slices.Clip(b.m.nodes[:b.m.roots[keep]])
		b.m.roots = slices.Clip(b.m.roots[:keep])
	}
	total := 0.0
	for _, g := range b.gain {
		total += g
	}
	b.m.gain = make([]float64, len(b.gain))
	for i, g := range b.gain {
		if total > 0 {
			b.m.gain[i] = g / total
		}
	}
}

// round adds one tree.
func (b *booster) round() {
	b.differentiate()
	b.sample()
	tree := b.grow()
	b.assign(tree, 0, math.Inf(-1), math.Inf(1))
	b.append(tree)
	for _, t := range tree {
		if t.left != 0 {
			continue
		}
		v := float64(float32(t.value))
		for _, r := range b.grower.rows.of(t.rows) {
			b.pred[r] += v
		}
		for _, r := range b.rest.of(t.rest) {
			b.pred[r] += v
		}
	}
}

// differentiate computes the rows' gradients in fixed point.
func (b *booster) differentiate() {
	total := 0.0
	for i, r := range b.fitted {
		b.grad[i] = float64(b.weight[r]) * b.o.gradient(b.y[r]-b.pred[r])
		total += math.Abs(b.grad[i])
	}
	scale := steps / max(total, math.SmallestNonzeroFloat64*steps)
	for i, r := range b.fitted {
		b.sums[r] = pack(b.grad[i]*scale, b.weight[r])
	}
	b.unit.g = b.unit.w / scale
}

// sample chooses the rows and columns of the next tree. A column of one value can
// split nothing.
func (b *booster) sample() {
	rows, rest := b.grower.rows.rows[:0], b.rest.rows[:0]
	for _, r := range b.fitted {
		if b.o.Rows >= 1 || b.random.Float64() < b.o.Rows {
			rows = append(rows, r)
		} else {
			rest = append(rest, r)
		}
	}
	b.grower.rows.rows, b.rest.rows = rows, rest
	columns := b.random.Perm(b.m.features)[:max(1, int(math.Round(b.o.Columns*float64(b.m.features))))]
	columns = slices.DeleteFunc(columns, func(f int) bool { return len(b.cuts[f]) == 0 })
	slices.Sort(columns)
	if !slices.Equal(columns, b.columns) {
		b.free = nil
	}
	b.columns, b.start = columns, append(b.start[:0], 0)
	for c, f := range columns {
		b.start = append(b.start, b.start[c]+len(b.cuts[f])+2)
	}
}

// assign gives the leaves below branch i their values, in [lo, hi]. Under a
// split on a monotone feature the two sides meet at the middle of what they
// would be alone, so that no leaf of one passes any leaf of the other.
func (b *booster) assign(tree []branch, i int, lo, hi float64) {
	t := &tree[i]
	if t.left == 0 {
		t.value = min(max(b.wanted(t), lo), hi)
		return
	}
	llo, lhi, rlo, rhi := lo, hi, lo, hi
	if b.o.Monotone != nil && b.o.Monotone[t.split.feature] != 0 {
		l, r := b.wanted(&tree[t.left]), b.wanted(&tree[t.right])
		middle := min(max(l+(r-l)/2, lo), hi)
		if b.o.Monotone[t.split.feature] > 0 {
			lhi, rlo = middle, middle
		} else {
			llo, rhi = middle, middle
		}
	}
	b.assign(tree, t.left, llo, lhi)
	b.assign(tree, t.right, rlo, rhi)
}

// wanted is the value the branch's rows ask for: the loss's minimum, shrunk by
// L2 and the learning rate.
func (b *booster) wanted(t *branch) float64 {
	rs, steps := b.rs[:t.rows.len()], int64(0)
	for i, r := range b.grower.rows.of(t.rows) {
		rs[i] = residual{b.y[r] - b.pred[r], b.weight[r]}
		steps += b.weight[r]
	}
	if steps == 0 {
		return 0
	}
	weight := float64(steps) * b.unit.w
	return b.o.LearningRate * b.o.centre(rs) * weight / (weight + b.o.L2)
}

// append copies the grown tree to the model in breadth-first order.
func (b *booster) append(grown []branch) {
	m := b.m
	m.roots = append(m.roots, int32(len(m.nodes)))
	queue := []int{0}
	for at := 0; at < len(queue); at++ {
		t := &grown[queue[at]]
		m.depth = max(m.depth, t.depth)
		if t.left == 0 {
			m.nodes = append(m.nodes, leaf(float32(t.value)))
			continue
		}
		s := t.split
		b.gain[s.feature] += s.gain
		m.nodes = append(m.nodes, node{
			value:        b.cuts[s.feature][s.bin-1],
			jump:         uint16(len(queue) - at),
			feature:      uint8(s.feature),
			missingRight: s.missingRight,
		})
		queue = append(queue, t.left, t.right)
	}
}

// advanceValid adds the newest tree to the validation predictions.
func (b *booster) advanceValid() {
	last := Model{nodes: b.m.nodes, roots: b.m.roots[len(b.m.roots)-1:], depth: b.m.depth}
	for i, x := range b.o.Valid.X {
		b.valid[i] += last.Predict(x)
	}
}

func (b *booster) validLoss() float64 {
	sum := 0.0
	for i, y := range b.o.Valid.Y {
		sum += b.o.Valid.weight(i) * b.o.value(y-b.valid[i])
	}
	return sum
}
