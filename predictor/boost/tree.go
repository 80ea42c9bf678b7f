package boost

// grower grows one tree at a time on a part of a matrix's rows. Its slices are
// reused between trees.
type grower struct {
	*Matrix
	o       *Options
	sums    []int64  // per row of the matrix: gradient and weight, packed
	unit    sum      // what a step of either stands for
	rows    division // sampled
	rest    division // not sampled: they go along, to be predicted
	columns []int    // features this tree may use, ascending
	start   []int    // per column: where its bins begin in a histogram
	best    []split  // per column, of the node at hand
	free    [][]int64
	counted []int64 // sums in the order of a node's rows
	seen    []int32 // per cluster: the last node that had it
	nodes   int32   // searched so far
	one     []int32 // a row of each cluster of the node at hand
}

// sum of gradient and weight, in rows of average weight.
type sum struct{ g, w float64 }

// split cuts a node in two.
type split struct {
	gain         float64 // 0: there is none
	feature      int
	bin          uint8 // the last on the left
	missingRight bool
}

// branch is a node of the tree being grown.
type branch struct {
	rows, rest  span
	depth       int
	total       int64   // of its rows
	hist        []int64 // nil once split or beyond splitting
	split       split
	left, right int // in the tree; 0 for a leaf
	value       float64
}

// grow returns the tree's branches, the root first.
func (t *grower) grow() []branch {
	root := branch{rows: t.rows.all(), rest: t.rest.all(), hist: t.histogram()}
	root.total = t.count(root.hist, t.rows.of(root.rows))
	t.search(&root)
	tree := []branch{root}
	for leaves := 1; leaves < t.o.MaxLeaves; leaves++ {
		next := -1
		for i := range tree {
			if tree[i].left == 0 && tree[i].split.gain > 0 && (next < 0 || tree[i].split.gain > tree[next].split.gain) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		tree = t.divide(tree, next)
	}
	for i := range tree {
		t.release(&tree[i])
	}
	return tree
}

// divide splits branch i. Only the smaller child's histogram is counted; the
// other's is what remains of the parent's.
func (t *grower) divide(tree []branch, i int) []branch {
	p := &tree[i]
	left, right := branch{depth: p.depth + 1}, branch{depth: p.depth + 1}
	bins := t.bins[p.split.feature]
	left.rows, right.rows = t.rows.divide(p.rows, bins, p.split)
	left.rest, right.rest = t.rest.divide(p.rest, bins, p.split)
	small, large := &left, &right
	if right.rows.len() < left.rows.len() {
		small, large = &right, &left
	}
	if left.depth < t.o.MaxDepth {
		small.hist = t.histogram()
		small.total = t.count(small.hist, t.rows.of(small.rows))
		large.total = p.total - small.total
		large.hist, p.hist = p.hist, nil
		for b, s := range small.hist {
			large.hist[b] -= s
		}
		t.search(&left)
		t.search(&right)
	}
	t.release(p)
	p.left, p.right = len(tree), len(tree)+1
	return append(tree, left, right)
}

// search finds the best split of b: the greatest gain, then the lowest
// feature, then the lowest threshold.
func (t *grower) search(b *branch) {
	if t.sum(b.total).w < 2*t.o.MinChildWeight {
		return
	}
	t.represent(b)
	t.each(len(t.columns), 4*len(b.hist), func(c int) { t.best[c] = t.searchColumn(b, c) })
	for _, s := range t.best[:len(t.columns)] {
		if s.gain > b.split.gain {
			b.split = s
		}
	}
}

// represent finds a row of each cluster of b.
func (t *grower) represent(b *branch) {
	if t.o.Cluster == nil {
		return
	}
	t.nodes++
	t.one = t.one[:0]
	for _, r := range t.rows.of(b.rows) {
		if k := t.o.Cluster[r]; t.seen[k] != t.nodes {
			t.seen[k] = t.nodes
			t.one = append(t.one, r)
		}
	}
}

// clusters counts those of the node at hand by feature f's bins; nil where the
// feature may differ within one.
func (t *grower) clusters(f int) *[256]int32 {
	if t.o.Cluster == nil || !t.o.Clustered[f] {
		return nil
	}
	var n [256]int32
	for _, r := range t.one {
		n[t.bins[f][r]]++
	}
	return &n
}

func (t *grower) searchColumn(b *branch, c int) (best split) {
	f := t.columns[c]
	sums, none := b.hist[t.start[c]:], b.hist[t.start[c]]
	v := t.valuation(b, f)
	clusters, before := t.clusters(f), 0
	try := func(left int64, bin int, missingRight bool) {
		if clusters != nil && min(before, len(t.one)-before) < t.o.MinClusters {
			return
		}
		if gain := v.gain(t.sum(left), t.sum(b.total-left)); gain > best.gain {
			best = split{gain, f, uint8(bin), missingRight}
		}
	}
	var left int64
	for bin := 1; bin <= len(t.cuts[f]); bin++ {
		if sums[bin] == 0 && (bin > 1 || none == 0) {
			continue // nothing lies between this threshold and the last
		}
		left += sums[bin]
		if clusters != nil {
			before += int(clusters[bin])
		}
		// Where nothing was missing, what is missing later follows the majority.
		try(left, bin, none != 0 || t.sum(left).w < t.sum(b.total).w/2)
		if none != 0 {
			try(left+none, bin, false)
		}
	}
	return best
}

// valuation says what a split on one feature is worth.
type valuation struct {
	parent, floor float64
	least, l2     float64
	sign          int // of a monotone feature
}

func (t *grower) valuation(b *branch, f int) valuation {
	total := t.sum(b.total)
	v := valuation{parent: total.g * total.g / (total.w + t.o.L2), least: t.o.MinChildWeight, l2: t.o.L2}
	v.floor = t.o.MinGain + 1e-10*(v.parent+total.w) + t.unit.g*t.unit.g // rounding is no gain
	if t.o.Monotone != nil {
		v.sign = t.o.Monotone[f]
	}
	return v
}

// gain is the reduction of the loss; 0 where the split is not allowed or worth nothing.
func (v *valuation) gain(l, r sum) float64 {
	if l.w < v.least || r.w < v.least {
		return 0
	}
	lv, rv := -l.g/(l.w+v.l2), -r.g/(r.w+v.l2)
	if v.sign > 0 && lv > rv || v.sign < 0 && lv < rv {
		return 0
	}
	if gain := -lv*l.g - rv*r.g - v.parent; gain > v.floor {
		return gain
	}
	return 0
}
