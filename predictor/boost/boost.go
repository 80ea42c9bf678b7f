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
	roots    []int32   // index of each tree's root in nodes, ascending
	nodes    []node    // every tree in breadth-first order
	gain     []float64 // per feature: loss reduction of its splits, summing to 1
}

// node is a split, or a leaf when child is 0. The children of a split are
// adjacent: child takes x <= value, child+1 the rest.
type node struct {
	value        float32 // threshold of a split, contribution of a leaf
	child        int32
	feature      int16
	missingRight bool // where NaN goes
}

// Features is the length of the vectors that Predict takes.
func (m *Model) Features() int { return m.features }

// Trees is the number of trees.
func (m *Model) Trees() int { return len(m.roots) }

// Importance is each feature's share of the reduction in loss that all splits
// achieved while fitting. The shares sum to 1, or are all 0 for a model
// without splits.
func (m *Model) Importance() []float64 { return append([]float64(nil), m.gain...) }

// Predict evaluates the model at x, which must have Features elements; NaN
// means missing. It does not allocate.
func (m *Model) Predict(x []float64) float64 {
	sum := m.base
	for _, i := range m.roots {
		n := &m.nodes[i]
		for n.child != 0 {
			v := x[n.feature]
			next := n.child
			if v > float64(n.value) || n.missingRight && math.IsNaN(v) {
				next++
			}
			n = &m.nodes[next]
		}
		sum += float64(n.value)
	}
	return sum
}
