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
	if len(x) == 0 || len(x[0]) == 0 || len(x[0]) > math.MaxInt16 || len(x) > math.MaxInt32 {
		return nil, fmt.Errorf("boost: no rows, no features, or too many")
	}
	features := len(x[0])
	o, err := o.withDefaults(features)
	if err != nil {
		return nil, err
	}
	if err := (Data{x, y, w}).check(features); err != nil {
		return nil, err
	}
	if o.Valid != nil {
		if err := o.Valid.check(features); err != nil {
			return nil, fmt.Errorf("validation rows: %w", err)
		}
	}
	if o.Cluster != nil && (len(o.Cluster) != len(x) || slices.Min(o.Cluster) < 0) {
		return nil, fmt.Errorf("boost: %d rows, but not as many clusters numbered from 0", len(x))
	}
	b := newBooster(Data{x, y, w}, &o)
	b.run()
	return b.m, nil
}

// booster is the state between rounds.
type booster struct {
	grower
	m      *Model
	y      []float64
	pred   []float64 // per row
	valid  []float64 // prediction per row of o.Valid
	random *rand.Rand
	rs     []residual
	gain   []float64
}

func newBooster(d Data, o *Options) *booster {
	n, features := len(d.X), len(d.X[0])
	b := &booster{
		grower: grower{
			table: newTable(d.X, o.Bins, o.Threads), o: o,
			grad: make([]float64, n), weight: make([]float64, n),
			rows: make([]int32, 0, n), spare: make([]int32, n),
			g: make([]float64, n), w: make([]float64, n),
			best: make([]split, features),
		},
		m:      &Model{features: features},
		y:      d.Y,
		pred:   make([]float64, n),
		random: rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15)),
		rs:     make([]residual, n),
		gain:   make([]float64, features),
	}
	if o.Cluster != nil {
		b.seen = make([]int32, int(slices.Max(o.Cluster))+1)
	}
	total := 0.0
	for i := range n {
		total += d.weight(i)
	}
	for i := range n {
		b.weight[i] = d.weight(i) * float64(n) / total
		b.rs[i] = residual{d.Y[i], b.weight[i]}
	}
	b.m.base = o.centre(b.rs)
	for i := range b.pred {
		b.pred[i] = b.m.base
	}
	if o.Valid != nil {
		b.valid = make([]float64, len(o.Valid.X))
		for i := range b.valid {
			b.valid[i] = b.m.base
		}
	}
	return b
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
	if keep < len(b.m.trees) {
		b.m.nodes = slices.Clip(b.m.nodes[:b.m.trees[keep].root])
		b.m.trees = slices.Clip(b.m.trees[:keep])
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
	for i, y := range b.y {
		b.grad[i] = b.weight[i] * b.o.gradient(y-b.pred[i])
	}
	b.sample()
	tree := b.grow()
	b.assign(tree, 0, math.Inf(-1), math.Inf(1))
	b.append(tree)
	if len(b.rows) == len(b.y) {
		for _, t := range tree {
			if t.left == 0 {
				v := float64(float32(t.value))
				for _, r := range b.rows[t.from:t.to] {
					b.pred[r] += v
				}
			}
		}
		return
	}
	for i := range b.pred {
		at := 0
		for tree[at].left != 0 {
			if s := &tree[at].split; s.right(b.bins[s.feature][i]) {
				at = tree[at].right
			} else {
				at = tree[at].left
			}
		}
		b.pred[i] += float64(float32(tree[at].value))
	}
}

// sample chooses the rows and columns of the next tree.
func (b *booster) sample() {
	b.rows = b.rows[:0]
	for i := range b.y {
		if b.o.Rows >= 1 || b.random.Float64() < b.o.Rows {
			b.rows = append(b.rows, int32(i))
		}
	}
	columns := b.random.Perm(b.m.features)[:max(1, int(math.Round(b.o.Columns*float64(b.m.features))))]
	slices.Sort(columns)
	if len(columns) != len(b.columns) {
		b.free = nil
	}
	b.columns = columns
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
	rs, weight := b.rs[:t.to-t.from], 0.0
	for i, r := range b.rows[t.from:t.to] {
		rs[i] = residual{b.y[r] - b.pred[r], b.weight[r]}
		weight += b.weight[r]
	}
	if weight == 0 {
		return 0
	}
	return b.o.LearningRate * b.o.centre(rs) * weight / (weight + b.o.L2)
}

// append copies the grown tree to the model in breadth-first order.
func (b *booster) append(grown []branch) {
	m := b.m
	root, depth := int32(len(m.nodes)), 0
	queue := []int{0}
	for at := 0; at < len(queue); at++ {
		t := &grown[queue[at]]
		depth = max(depth, t.depth)
		if t.left == 0 {
			m.nodes = append(m.nodes, leaf(root+int32(at), float32(t.value)))
			continue
		}
		s := t.split
		b.gain[s.feature] += s.gain
		m.nodes = append(m.nodes, node{
			threshold:    b.cuts[s.feature][s.bin-1],
			child:        root + int32(len(queue)),
			feature:      int16(s.feature),
			missingRight: s.missingRight,
		})
		queue = append(queue, t.left, t.right)
	}
	m.trees = append(m.trees, tree{root, int32(depth)})
}

// advanceValid adds the newest tree to the validation predictions.
func (b *booster) advanceValid() {
	last := Model{nodes: b.m.nodes, trees: b.m.trees[len(b.m.trees)-1:]}
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
