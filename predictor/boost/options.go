package boost

import (
	"fmt"
	"math"
)

// Loss is what a fit minimises.
type Loss int

// The losses. For Absolute and Quantile a leaf holds the weighted quantile of
// its rows' residuals; for Huber the median plus the mean of the residuals
// about it, clipped to ±Delta.
const (
	Squared Loss = iota
	Absolute
	Quantile // of order Options.Quantile
	Huber    // quadratic within Options.Delta, linear beyond
)

// Options steer a fit. The zero value of each field asks for the default named
// beside it.
type Options struct {
	Loss     Loss
	Quantile float64 // in (0, 1); 0.5
	Delta    float64 // in units of y; 1

	Trees          int     // rounds; 200
	LearningRate   float64 // in (0, 1]; 0.1
	MaxDepth       int     // splits from root to leaf, at most 30; 6
	MaxLeaves      int     // per tree; 2^MaxDepth, at most 4096
	MinChildWeight float64 // least weight of a leaf, in rows of average weight; 5
	L2             float64 // added to a leaf's weight when its value is computed, in the same unit; 0
	MinGain        float64 // least reduction of the loss by a split; 0

	Bins     int     // at most 255 per feature; 255. Of a Matrix they are what they are.
	Rows     float64 // share of the rows each tree sees, in (0, 1]; 1
	Columns  float64 // share of the features each tree sees, in (0, 1]; 1
	Seed     uint64  // of the subsampling
	Monotone []int   // per feature: +1 never falls, -1 never rises, 0 free; nil = all free
	// Rows come in clusters, all of a cluster alike in some features: of those
	// there are as many examples as clusters, and a split on one needs
	// MinClusters on either side.
	Cluster     []int32 // per row, from 0; nil = every row for itself
	Clustered   []bool  // per feature: alike within a cluster
	MinClusters int     // 1

	Threads  int   // goroutines; 2. The result does not depend on it.
	Valid    *Data // when set, trees after the best round on it are dropped
	Patience int   // rounds without improvement on Valid before stopping; 30
	Progress func(done, total int)
}

// maxLeaves of one tree.
const maxLeaves = 4096

// Data is a set of rows: X[i] are the features of row i (NaN: missing), Y[i]
// its target, W[i] >= 0 its weight (nil: all equal).
type Data struct {
	X [][]float64
	Y []float64
	W []float64
}

// check reports the first thing wrong with the rows.
func (d Data) check(features int) error {
	if len(d.Y) != len(d.X) {
		return fmt.Errorf("boost: %d rows but %d targets", len(d.X), len(d.Y))
	}
	if err := checkRows(d.X, features); err != nil {
		return err
	}
	return checkTargets(d.Y, d.W, everyRow(len(d.Y)))
}

// checkRows reports the first row of another length or with an infinite value.
func checkRows(rows [][]float64, features int) error {
	for i, x := range rows {
		if len(x) != features {
			return fmt.Errorf("boost: row %d has %d features, want %d", i, len(x), features)
		}
		for j, v := range x {
			if math.IsInf(v, 0) {
				return fmt.Errorf("boost: row %d, feature %d is infinite; NaN stands for missing", i, j)
			}
		}
	}
	return nil
}

// checkTargets reports the first of the rows whose target or weight makes no sense.
func checkTargets(y, w []float64, rows []int32) error {
	if w != nil && len(w) != len(y) {
		return fmt.Errorf("boost: %d targets but %d weights", len(y), len(w))
	}
	total, d := 0.0, Data{W: w}
	for _, i := range rows {
		if i < 0 || int(i) >= len(y) {
			return fmt.Errorf("boost: row %d of %d", i, len(y))
		}
		if math.IsNaN(y[i]) || math.IsInf(y[i], 0) {
			return fmt.Errorf("boost: row %d has target %v", i, y[i])
		}
		weight := d.weight(int(i))
		if !(weight >= 0) || math.IsInf(weight, 0) {
			return fmt.Errorf("boost: row %d has weight %v", i, weight)
		}
		total += weight
	}
	if !(total > 0) || math.IsInf(total, 0) {
		return fmt.Errorf("boost: the weights of %d rows sum to %v", len(rows), total)
	}
	return nil
}

// everyRow lists n rows.
func everyRow(n int) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}

func (d Data) weight(i int) float64 {
	if d.W == nil {
		return 1
	}
	return d.W[i]
}

// withDefaults fills zero fields and refuses values out of range.
func (o Options) withDefaults(features int) (Options, error) {
	set := func(p *float64, v float64) {
		if *p == 0 {
			*p = v
		}
	}
	setInt := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&o.Quantile, 0.5)
	set(&o.Delta, 1)
	set(&o.LearningRate, 0.1)
	set(&o.MinChildWeight, 5)
	set(&o.Rows, 1)
	set(&o.Columns, 1)
	setInt(&o.Trees, 200)
	setInt(&o.MaxDepth, 6)
	setInt(&o.MaxLeaves, min(1<<min(o.MaxDepth, 12), maxLeaves))
	setInt(&o.Bins, 255)
	setInt(&o.Threads, 2)
	setInt(&o.Patience, 30)
	setInt(&o.MinClusters, 1)
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{o.Loss >= Squared && o.Loss <= Huber, "Loss is not one of the losses"},
		{o.Quantile > 0 && o.Quantile < 1, "Quantile must be in (0, 1)"},
		{o.Delta > 0, "Delta must be positive"},
		{o.LearningRate > 0 && o.LearningRate <= 1, "LearningRate must be in (0, 1]"},
		{o.Trees > 0 && o.Threads > 0 && o.Patience > 0, "Trees, Threads and Patience must be positive"},
		{o.MaxDepth > 0 && o.MaxDepth <= 30, "MaxDepth must be in [1, 30]"},
		{o.MaxLeaves > 1 && o.MaxLeaves <= maxLeaves, "MaxLeaves must be in [2, 4096]"},
		{o.MinChildWeight > 0, "MinChildWeight must be positive"},
		{o.L2 >= 0 && o.MinGain >= 0, "L2 and MinGain must not be negative"},
		{o.Bins > 1 && o.Bins <= 255, "Bins must be in [2, 255]"},
		{o.Rows > 0 && o.Rows <= 1 && o.Columns > 0 && o.Columns <= 1, "Rows and Columns must be in (0, 1]"},
		{o.MinClusters > 0, "MinClusters must be positive"},
		{o.Cluster == nil || len(o.Clustered) == features, "Clustered must name every feature"},
		{o.Monotone == nil || len(o.Monotone) == features, "Monotone must name every feature"},
	} {
		if !c.ok {
			return o, fmt.Errorf("boost: %s", c.what)
		}
	}
	return o, nil
}
