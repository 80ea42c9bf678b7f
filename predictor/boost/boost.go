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
	trees    []tree
	nodes    []node    // every tree in breadth-first order
	gain     []float64 // per feature: loss reduction of its splits, summing to 1
}

// tree is where a tree begins in Model.nodes, and its depth in splits.
type tree struct{ root, depth int32 }

// node is a split: child takes x <= threshold, child+1 the rest. A leaf is a
// split that every x passes back to itself: its threshold is infinite and it
// is its own child. Walking a tree then takes its depth in steps for every x,
// and the processor need not guess where a walk ends.
type node struct {
	threshold    float32
	value        float32 // what a leaf contributes
	child        int32
	feature      int16
	missingRight bool // where NaN goes
}

func leaf(at int32, value float32) node {
	return node{threshold: float32(math.Inf(1)), value: value, child: at}
}

// Features is the length of the vectors that Predict takes.
func (m *Model) Features() int { return m.features }

// Trees is the number of trees.
func (m *Model) Trees() int { return len(m.trees) }

// Importance is each feature's share of the reduction in loss that all splits
// achieved while fitting. The shares sum to 1, or are all 0 for a model
// without splits.
func (m *Model) Importance() []float64 { return append([]float64(nil), m.gain...) }

// Predict evaluates the model at x, which must have Features elements; NaN
// means missing. It does not allocate.
func (m *Model) Predict(x []float64) float64 {
	for _, v := range x {
		if math.IsNaN(v) {
			return m.predictMissing(x)
		}
	}
	// Four trees at a time, in the order of the trees: the walks do not depend
	// on each other, so their memory accesses overlap.
	sum, nodes, trees := m.base, m.nodes, m.trees
	for ; len(trees) >= 4; trees = trees[4:] {
		a, b, c, d := trees[0].root, trees[1].root, trees[2].root, trees[3].root
		for range max(trees[0].depth, trees[1].depth, trees[2].depth, trees[3].depth) {
			a, b, c, d = nodes[a].next(x), nodes[b].next(x), nodes[c].next(x), nodes[d].next(x)
		}
		sum += float64(nodes[a].value)
		sum += float64(nodes[b].value)
		sum += float64(nodes[c].value)
		sum += float64(nodes[d].value)
	}
	for _, t := range trees {
		a := t.root
		for range t.depth {
			a = nodes[a].next(x)
		}
		sum += float64(nodes[a].value)
	}
	return sum
}

// next is the node that x, which has no missing values, goes to.
func (n *node) next(x []float64) int32 {
	right := int32(0)
	if x[n.feature] > float64(n.threshold) {
		right = 1
	}
	return n.child + right
}

// predictMissing is Predict for an x with missing values.
func (m *Model) predictMissing(x []float64) float64 {
	sum := m.base
	for _, t := range m.trees {
		at := t.root
		for range t.depth {
			n := &m.nodes[at]
			if n.missingRight && math.IsNaN(x[n.feature]) {
				at = n.child + 1
			} else {
				at = n.next(x)
			}
		}
		sum += float64(m.nodes[at].value)
	}
	return sum
}
