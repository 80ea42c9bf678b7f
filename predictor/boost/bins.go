package boost

import (
	"math"
	"slices"
	"sort"
	"sync"
)

// missing is the bin of NaN; values take bins 1 to len(cuts)+1.
const missing = 0

// table is the training set, each feature replaced by the number of its bin.
type table struct {
	bins [][]uint8   // per feature, per row
	cuts [][]float32 // per feature, ascending: bin b holds cuts[b-2] < x <= cuts[b-1]
}

// maxSorted bounds the values that a feature's quantiles are taken from.
const maxSorted = 200_000

func newTable(x [][]float64, bins, threads int) *table {
	features := len(x[0])
	t := &table{bins: make([][]uint8, features), cuts: make([][]float32, features)}
	parallel(features, threads, func(f int) {
		t.cuts[f] = cutsOf(x, f, bins)
		col := make([]uint8, len(x))
		for i, row := range x {
			col[i] = binOf(row[f], t.cuts[f])
		}
		t.bins[f] = col
	})
	return t
}

// binOf agrees with Model.Predict: both compare with the same float32.
func binOf(v float64, cuts []float32) uint8 {
	if math.IsNaN(v) {
		return missing
	}
	return uint8(1 + sort.Search(len(cuts), func(i int) bool { return v <= float64(cuts[i]) }))
}

// cutsOf places at most bins-2 thresholds: between all distinct values when
// they are few, else so that each bin holds about as many rows.
func cutsOf(x [][]float64, f, bins int) []float32 {
	stride := (len(x) + maxSorted - 1) / maxSorted
	values := make([]float64, 0, len(x)/stride+1)
	for i := 0; i < len(x); i += stride {
		if v := x[i][f]; !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	n := len(values)
	distinct := slices.Compact(slices.Clone(values))
	cut := func(lo, hi float64) float32 {
		c := float32(lo + (hi-lo)/2)
		if float64(c) >= hi { // rounding must not move hi to the other side
			c = math.Nextafter32(c, float32(math.Inf(-1)))
		}
		return c
	}
	var cuts []float32
	add := func(c float32) {
		if (len(cuts) == 0 || c > cuts[len(cuts)-1]) && !math.IsInf(float64(c), 0) {
			cuts = append(cuts, c)
		}
	}
	if len(distinct) <= bins-1 {
		for i := 1; i < len(distinct); i++ {
			add(cut(distinct[i-1], distinct[i]))
		}
		return cuts
	}
	for b := 1; b < bins-1; b++ {
		i := b * n / (bins - 1)
		// the nearest change of value at or after i
		j := sort.SearchFloat64s(values[i:], math.Nextafter(values[i-1], math.Inf(1))) + i
		if j < n {
			add(cut(values[j-1], values[j]))
		}
	}
	return cuts
}

// parallel calls do(0) to do(n-1), each once, on at most threads goroutines.
func parallel(n, threads int, do func(i int)) {
	threads = min(threads, n)
	if threads <= 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var wg sync.WaitGroup
	for t := range threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := t; i < n; i += threads {
				do(i)
			}
		}()
	}
	wg.Wait()
}
