package boost

import "math"

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

// residual is a row's distance from its prediction, and its weight in steps of
// fixed point: sums of those are exact, in whatever order.
type residual struct {
	r float64
	w int64
}

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
		sum += float64(x.w) * f(x.r)
		weight += float64(x.w)
	}
	if weight == 0 {
		return 0
	}
	return sum / weight
}

// weightedQuantile is the least value at or below which a share q of the weight lies;
// where the share is met exactly, the middle between it and the next value. It
// reorders rs.
func weightedQuantile(rs []residual, q float64) float64 {
	total := int64(0)
	for _, x := range rs {
		total += x.w
	}
	if total == 0 {
		return 0
	}
	v, below := selectWeight(rs, q*float64(total))
	if float64(below) > q*float64(total) {
		return v
	}
	next := math.Inf(1)
	for _, x := range rs {
		if x.w > 0 && x.r > v {
			next = min(next, x.r)
		}
	}
	if math.IsInf(next, 1) {
		return v
	}
	return v + (next-v)/2
}

// selectWeight is the least value at or below which a weight of at least target
// lies, and that weight: Hoare's selection, in linear time where sorting is not.
// The target is positive and no more than the weight of all rs.
func selectWeight(rs []residual, target float64) (v float64, below int64) {
	for len(rs) > 1 {
		a, b, c := rs[0].r, rs[len(rs)/2].r, rs[len(rs)-1].r
		pivot := max(min(a, b), min(max(a, b), c))
		less, more, lighter, alike := partition(rs, pivot)
		switch {
		case lighter > 0 && float64(below+lighter) >= target:
			rs = rs[:less]
		case alike > 0 && float64(below+lighter+alike) >= target:
			return pivot, below + lighter + alike
		default:
			below += lighter + alike
			rs = rs[more:]
		}
	}
	return rs[0].r, below + rs[0].w
}

// partition moves what is less than the pivot to rs[:less] and what is more to
// rs[more:], and weighs what is less and what is alike.
func partition(rs []residual, pivot float64) (less, more int, lighter, alike int64) {
	more = len(rs)
	for i := 0; i < more; {
		switch x := rs[i]; {
		case x.r < pivot:
			lighter += x.w
			rs[i], rs[less] = rs[less], x
			less++
			i++
		case x.r > pivot:
			more--
			rs[i], rs[more] = rs[more], x
		default:
			alike += x.w
			i++
		}
	}
	return less, more, lighter, alike
}
