// Package boost learns and evaluates gradient-boosted regression trees.
//
// Trees are grown best-first on histograms of at most 255 bins (the method of
// LightGBM, Ke et al. 2017), for squared, absolute, quantile and Huber loss,
// with row weights, missing values (NaN) and monotone constraints. Fitting is
// deterministic: the same rows and options give the same model whatever the
// number of goroutines. The package is pure: no files, no clock.
package boost

import "math"

// Model is a fitted ensemble. The zero Model predicts 0. It is safe for
// concurrent use.
type Model struct {
	base     float64
	features int
	roots    []int32   // where each tree begins in nodes
	nodes    []node    // every tree in breadth-first order
	depth    int       // splits from root to leaf, of the deepest tree
	gain     []float64 // per feature: loss reduction of its splits, summing to 1
}

// node is a split: x <= value goes jump nodes on, the rest one further. A leaf is
// a split that every x passes back to itself: its feature is one that no number
// is more than, and it jumps nowhere. Walking a tree then takes the same number
// of steps for every x, and the processor need not guess where a walk ends.
type node struct {
	value        float32 // the threshold; what a leaf contributes
	jump         uint16
	feature      uint8
	missingRight bool // where NaN goes
}

func leaf(value float32) node { return node{value: value, feature: leafFeature} }

func (n node) leaf() bool { return n.jump == 0 }

// leafFeature is where every Row holds NaN.
const leafFeature = maxFeatures

// Features is the length of the vectors that Predict takes.
func (m *Model) Features() int { return m.features }

// Trees is the number of trees.
func (m *Model) Trees() int { return len(m.roots) }

// Importance is each feature's share of the reduction in loss that all splits
// achieved while fitting. The shares sum to 1, or are all 0 for a model
// without splits.
func (m *Model) Importance() []float64 { return append([]float64(nil), m.gain...) }

// Row is a vector of features as trees read it: rounded up to float32, which
// compares with thresholds of that type as the float64 did. One Row serves any
// number of models.
type Row struct {
	x       [maxFeatures + 1]float32
	missing bool // some of x
}

// RowOf prepares x, in which NaN means missing, with more behind it.
func RowOf(x []float64, more ...float64) (r Row) {
	n := r.fill(0, x)
	r.fill(n, more)
	r.x[leafFeature] = float32(math.NaN())
	return r
}

// fill rounds xs up from place i on, and returns the place behind them.
func (r *Row) fill(i int, xs []float64) int {
	to := r.x[i:leafFeature]
	for j, v := range xs {
		f := float32(v)
		if float64(f) < v {
			f = math.Nextafter32(f, float32(math.Inf(1)))
		}
		to[j] = f
		r.missing = r.missing || v != v
	}
	return i + len(xs)
}

// Predict evaluates the model at x, which must have Features elements; NaN
// means missing. It does not allocate.
func (m *Model) Predict(x []float64) float64 {
	r := RowOf(x)
	return m.At(&r)
}

// At is Predict of a prepared vector.
func (m *Model) At(r *Row) float64 {
	if r.missing {
		return m.atMissing(r)
	}
	// Eight trees at a time, in the order of the trees: the walks do not depend
	// on each other, so their memory accesses overlap.
	sum, nodes, roots, x := m.base, m.nodes, m.roots, &r.x
	for ; len(roots) >= 8; roots = roots[8:] {
		a, b, c, d := int(roots[0]), int(roots[1]), int(roots[2]), int(roots[3])
		e, f, g, h := int(roots[4]), int(roots[5]), int(roots[6]), int(roots[7])
		for range m.depth {
			a += nodes[a].next(x)
			b += nodes[b].next(x)
			c += nodes[c].next(x)
			d += nodes[d].next(x)
			e += nodes[e].next(x)
			f += nodes[f].next(x)
			g += nodes[g].next(x)
			h += nodes[h].next(x)
		}
		for _, at := range [...]int{a, b, c, d, e, f, g, h} {
			sum += float64(nodes[at].value)
		}
	}
	for _, root := range roots {
		at := int(root)
		for range m.depth {
			at += nodes[at].next(x)
		}
		sum += float64(nodes[at].value)
	}
	return sum
}

// next is how far on the node lies that x, which has no missing values, goes to.
func (n node) next(x *[maxFeatures + 1]float32) int {
	right := 0
	if x[n.feature] > n.value {
		right = 1
	}
	return int(n.jump) + right
}

// atMissing is At for a vector with missing values.
func (m *Model) atMissing(r *Row) float64 {
	sum := m.base
	for _, root := range m.roots {
		at := int(root)
		for n := m.nodes[at]; !n.leaf(); n = m.nodes[at] {
			if v := r.x[n.feature]; v != v && n.missingRight {
				at += int(n.jump) + 1
			} else {
				at += n.next(&r.x)
			}
		}
		sum += float64(m.nodes[at].value)
	}
	return sum
}
