package boost

// grower grows one tree at a time. Its slices are reused between trees.
type grower struct {
	*table
	o       *Options
	grad    []float64 // per row: weight x gradient
	weight  []float64 // per row
	rows    []int32   // sampled rows, those of a node adjacent
	spare   []int32   // room for partitioning
	g, w    []float64 // gradient and weight in the order of a node's rows
	columns []int     // features this tree may use, ascending
	best    []split   // per column, of the node at hand
	free    []histogram
	seen    []int32 // per cluster: the last node that had it
	nodes   int32   // searched so far
	one     []int32 // a row of each cluster of the node at hand
}

// histogram sums gradient and weight by column and bin.
type histogram [][256]sum

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
	from, to    int // its rows in grower.rows
	depth       int
	total       sum
	hist        histogram // nil once split or beyond splitting
	split       split
	left, right int // in the tree; 0 for a leaf
	value       float64
}

// grow returns the tree's branches, the root first.
func (t *grower) grow() []branch {
	root := branch{to: len(t.rows), hist: t.histogram()}
	for _, r := range t.rows {
		root.total.g += t.grad[r]
		root.total.w += t.weight[r]
	}
	t.fill(root.hist, t.rows)
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
	middle := t.partition(p)
	left := branch{from: p.from, to: middle, depth: p.depth + 1}
	right := branch{from: middle, to: p.to, depth: p.depth + 1}
	small, large := &left, &right
	if right.to-right.from < left.to-left.from {
		small, large = &right, &left
	}
	for _, r := range t.rows[small.from:small.to] {
		small.total.g += t.grad[r]
		small.total.w += t.weight[r]
	}
	large.total = sum{p.total.g - small.total.g, p.total.w - small.total.w}
	if left.depth < t.o.MaxDepth {
		small.hist = t.histogram()
		t.fill(small.hist, t.rows[small.from:small.to])
		large.hist, p.hist = p.hist, nil
		for c := range large.hist {
			for b := range large.hist[c] {
				large.hist[c][b].g -= small.hist[c][b].g
				large.hist[c][b].w -= small.hist[c][b].w
			}
		}
		t.search(&left)
		t.search(&right)
	}
	t.release(p)
	p.left, p.right = len(tree), len(tree)+1
	return append(tree, left, right)
}

// partition orders the rows of p by side, keeping their order within a side,
// and returns where the right side begins.
func (t *grower) partition(p *branch) int {
	bins := t.bins[p.split.feature]
	at, over := p.from, 0
	for _, r := range t.rows[p.from:p.to] {
		if p.split.right(bins[r]) {
			t.spare[over] = r
			over++
		} else {
			t.rows[at] = r
			at++
		}
	}
	copy(t.rows[at:p.to], t.spare[:over])
	return at
}

// right reports whether a row in bin b goes right.
func (s *split) right(b uint8) bool {
	if b == missing {
		return s.missingRight
	}
	return b > s.bin
}

// fill counts rows into h, each column by one goroutine, so that sums do not
// depend on how many there are.
func (t *grower) fill(h histogram, rows []int32) {
	g, w := t.g[:len(rows)], t.w[:len(rows)]
	for i, r := range rows {
		g[i], w[i] = t.grad[r], t.weight[r]
	}
	t.each(len(rows), func(c int) {
		bins, sums := t.bins[t.columns[c]], &h[c]
		*sums = [256]sum{}
		for i, r := range rows {
			s := &sums[bins[r]]
			s.g += g[i]
			s.w += w[i]
		}
	})
}

// each calls do for every column, on several goroutines if rows make it worth it.
func (t *grower) each(rows int, do func(c int)) {
	threads := t.o.Threads
	if rows*len(t.columns) < 20_000 {
		threads = 1
	}
	parallel(len(t.columns), threads, do)
}

// search finds the best split of b: the greatest gain, then the lowest
// feature, then the lowest threshold.
func (t *grower) search(b *branch) {
	if b.total.w < 2*t.o.MinChildWeight {
		return
	}
	t.represent(b)
	t.each(256*4, func(c int) { t.best[c] = t.searchColumn(b, c) })
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
	for _, r := range t.rows[b.from:b.to] {
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
	sign := 0
	if t.o.Monotone != nil {
		sign = t.o.Monotone[f]
	}
	sums, none := &b.hist[c], b.hist[c][missing]
	least, l2 := t.o.MinChildWeight, t.o.L2
	parent := b.total.g * b.total.g / (b.total.w + l2)
	floor := t.o.MinGain + 1e-10*(parent+b.total.w) // rounding is no gain
	clusters, before := t.clusters(f), 0
	try := func(l sum, bin int, missingRight bool) {
		if clusters != nil && min(before, len(t.one)-before) < t.o.MinClusters {
			return
		}
		r := sum{b.total.g - l.g, b.total.w - l.w}
		if l.w < least || r.w < least {
			return
		}
		lv, rv := -l.g/(l.w+l2), -r.g/(r.w+l2)
		if sign > 0 && lv > rv || sign < 0 && lv < rv {
			return
		}
		if gain := -lv*l.g - rv*r.g - parent; gain > floor && gain > best.gain {
			best = split{gain, f, uint8(bin), missingRight}
		}
	}
	seen := none.w > 1e-9*b.total.w
	var l sum
	for bin := 1; bin <= len(t.cuts[f]); bin++ {
		l.g += sums[bin].g
		l.w += sums[bin].w
		if clusters != nil {
			before += int(clusters[bin])
		}
		// Where nothing was missing, what is missing later follows the majority.
		try(l, bin, seen || l.w < b.total.w/2)
		if seen {
			try(sum{l.g + none.g, l.w + none.w}, bin, false)
		}
	}
	return best
}

func (t *grower) histogram() histogram {
	if n := len(t.free); n > 0 {
		h := t.free[n-1]
		t.free = t.free[:n-1]
		return h
	}
	return make(histogram, len(t.columns))
}

func (t *grower) release(b *branch) {
	if b.hist != nil {
		t.free = append(t.free, b.hist)
		b.hist = nil
	}
}
