package serving

import (
	"math"
	"slices"
)

// tunable are all constants, in a fixed order.
func (k *Constants) tunable() []*float64 {
	list := []*float64{&k.Traffic, &k.Mixture, &k.Utilise, &k.Hop, &k.Link}
	for e := range k.Engines {
		list = append(list, k.Engines[e].fields()...)
	}
	list = append(list, k.Attend.fields()...)
	list = append(list, k.Prompt.fields()...)
	for c := range k.Products {
		list = append(list, k.Products[c].fields()...)
		list = append(list, k.Experts[c].fields()...)
	}
	return list
}

// leash is the distance, as a logarithm, at which a constant that has left its
// start costs as much as one percent of error: what measurements say little of
// stays where kernel tables, or round figures, put it. A loose leash (1.5) fits
// the few systems that were measured better and all others worse.
const leash = 0.5

// tune fits all constants to rows, starting from k, in rounds evaluations of
// all rows. Half of the loss is the mean absolute logarithm of actual over
// predicted, half the same within each cell (one model, device, engine version
// and precision, one quantity) about the cell's median: flags that a row does
// not tell of move a whole cell, and should not bend how time grows with load.
func tune(k Constants, rows []Row, rounds int) Constants {
	base := k
	var cells [][]int
	index := map[uint64]int{}
	plans, loads := make([]plan, len(rows)), make([]load, len(rows)) // they do not depend on the constants, which they refer to
	for i := range rows {
		var err error
		if plans[i], loads[i], err = (&Model{constants: k}).lay(&rows[i].Workload); err != nil {
			continue
		}
		key := mix(keysOf(&rows[i].Workload, &plans[i])[byCell], uint64(rows[i].Quantity))
		if _, ok := index[key]; !ok {
			index[key] = len(cells)
			cells = append(cells, nil)
		}
		cells[index[key]] = append(cells[index[key]], i)
	}
	e, weights := make([]float64, len(rows)), make([]float64, len(rows))
	for i := range rows {
		weights[i] = rows[i].Weight
	}
	return minimise(k, (*Constants).tunable, rounds, func(c *Constants) float64 {
		sum, total := 0.0, 0.0
		var a Answer
		for i := range rows {
			r := &rows[i]
			if i == 0 || r.Workload != rows[i-1].Workload { // rows of one workload follow each other
				plans[i].refer(c, r.Workload.Runtime)
				s := plans[i].settle(loads[i])
				a.fill(&plans[i], loads[i], &s)
			}
			e[i] = math.Log(r.Value / a.Of(r.Quantity, &r.Workload))
		}
		for _, cell := range cells {
			level := median(cell, e, weights)
			for _, i := range cell {
				sum += weights[i] * (math.Min(math.Abs(e[i]), 1) + math.Min(math.Abs(e[i]-level), 1)) / 2
				total += weights[i]
			}
		}
		return sum/total + 0.01*strain(&base, c)
	})
}

// strain is the sum of squares of how far the constants b lie from a, in
// leashes.
func strain(a, b *Constants) float64 {
	sum := 0.0
	x, y := a.tunable(), b.tunable()
	for i := range x {
		sum += math.Pow(math.Log(*y[i] / *x[i])/leash, 2)
	}
	return sum
}

// median is the weighted median of x over rows.
func median(rows []int, x, w []float64) float64 {
	s := slices.Clone(rows)
	slices.SortFunc(s, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return a - b
	})
	total := 0.0
	for _, i := range s {
		total += w[i]
	}
	sum := 0.0
	for n, i := range s {
		sum += w[i]
		if 2*sum > total {
			return x[i]
		}
		if 2*sum == total && n+1 < len(s) {
			return (x[i] + x[s[n+1]]) / 2
		}
	}
	return 0
}
