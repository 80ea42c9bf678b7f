package boost

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
)

// missing is the bin of NaN; values take bins 1 to len(cuts)+1.
const missing = 0

// Matrix is rows of features, each value replaced by the number of its bin: what
// trees are grown on. Made once, it serves any number of fits to any of its
// rows; it is immutable and safe for concurrent use.
type Matrix struct {
	rows int
	bins [][]uint8   // per feature, per row
	cuts [][]float32 // per feature, ascending: bin b holds cuts[b-2] < x <= cuts[b-1]
}

// maxSorted bounds the values that a feature's quantiles are taken from.
const maxSorted = 200_000

// maxFeatures keeps a node's feature in a byte.
const maxFeatures = 255

// NewMatrix bins the rows of x, NaN standing for missing, in at most so many
// bins (255) for each feature. It reports rows that make no sense.
func NewMatrix(x [][]float64, bins, threads int) (*Matrix, error) {
	if len(x) == 0 || len(x[0]) == 0 || len(x[0]) > maxFeatures || len(x) > math.MaxInt32 {
		return nil, fmt.Errorf("boost: no rows, no features, or too many")
	}
	if bins < 2 || bins > 255 {
		return nil, fmt.Errorf("boost: Bins must be in [2, 255]")
	}
	if err := checkRows(x, len(x[0])); err != nil {
		return nil, err
	}
	m := &Matrix{rows: len(x), bins: make([][]uint8, len(x[0])), cuts: make([][]float32, len(x[0]))}
	parallel(len(m.bins), threads, func(f int) {
		m.cuts[f] = cutsOf(x, f, bins)
		col := make([]uint8, len(x))
		for i, row := range x {
			col[i] = binOf(row[f], m.cuts[f])
		}
		m.bins[f] = col
	})
	return m, nil
}

// Rows is the number of rows.
func (m *Matrix) Rows() int { return m.rows }

// Features is the number of features of a row.
func (m *Matrix) Features() int { return len(m.bins) }

// binOf agrees with Model.Predict: both compare with the same float32.
func binOf(v float64, cuts []float32) uint8 {
	if math.IsNaN(v) {
		return missing
	}
	lo, hi := 0, len(cuts) // the first cut that v does not pass is in [lo, hi]
	for lo < hi {
		if mid := (lo + hi) / 2; v <= float64(cuts[mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return uint8(1 + lo)
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
