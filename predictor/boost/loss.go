package boost

import (
	"math"
	"slices"
)

// gradient is the loss's derivative by the prediction, at residual r = y -
// prediction. The second derivative is taken as 1 throughout.
func (o *Options) gradient(r float64) float64 {
	switch o.Loss {
	case Absolute, Quantile:
		switch q := o.order(); {
		case r > 0:
			return -q
		case r < 0:
			return 1 - q
		}
		return 0
	case Huber:
		return -min(max(r, -o.Delta), o.Delta)
	}
	return -r
}

// value is the loss at residual r.
func (o *Options) value(r float64) float64 {
	switch o.Loss {
	case Absolute, Quantile:
		q := o.order()
		return max(q*r, (q-1)*r)
	case Huber:
		if a := math.Abs(r); a > o.Delta {
			return o.Delta * (a - o.Delta/2)
		}
	}
	return r * r / 2
}

func (o *Options) order() float64 {
	if o.Loss == Absolute {
		return 0.5
	}
	return o.Quantile
}

// residual is a row's distance from its prediction, and its weight.
type residual struct{ r, w float64 }

// centre is the constant that minimises the loss over rs, before shrinkage. It
// reorders rs.
func (o *Options) centre(rs []residual) float64 {
	switch o.Loss {
	case Absolute, Quantile:
		return weightedQuantile(rs, o.order())
	case Huber:
		m := weightedQuantile(rs, 0.5)
		return m + mean(rs, func(r float64) float64 { return min(max(r-m, -o.Delta), o.Delta) })
	}
	return mean(rs, func(r float64) float64 { return r })
}

func mean(rs []residual, f func(float64) float64) float64 {
	sum, weight := 0.0, 0.0
	for _, x := range rs {
		sum += x.w * f(x.r)
		weight += x.w
	}
	if weight == 0 {
		return 0
	}
	return sum / weight
}

// weightedQuantile is the least value at or below which a share q of the weight lies;
// where the share is met exactly, the middle between it and the next value.
func weightedQuantile(rs []residual, q float64) float64 {
	slices.SortFunc(rs, func(a, b residual) int {
		switch {
		case a.r < b.r:
			return -1
		case a.r > b.r:
			return 1
		case a.w < b.w: // equal residuals: any order gives the same answer, but sums are to be repeatable
			return -1
		case a.w > b.w:
			return 1
		}
		return 0
	})
	total := 0.0
	for _, x := range rs {
		total += x.w
	}
	below := 0.0
	for i, x := range rs {
		below += x.w
		if x.w == 0 || below < q*total {
			continue
		}
		if below == q*total && i+1 < len(rs) {
			return x.r + (rs[i+1].r-x.r)/2
		}
		return x.r
	}
	return 0
}
