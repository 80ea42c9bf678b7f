package train

import (
	"cmp"
	"slices"
)

// med is the median; 0 of nothing.
func med(xs []float64) float64 { return quantile(xs, 0.5) }

// mean is the arithmetic mean; 0 of nothing.
func mean(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x / float64(len(xs))
	}
	return sum
}

// quantile interpolates between the order statistics of xs, which it leaves
// as they are.
func quantile(xs []float64, q float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	s := slices.Clone(xs)
	at := q * float64(len(s)-1)
	i := int(at)
	order(s, i)
	if i+1 >= len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(slices.Min(s[i+1:])-s[i])
}

// order puts the i-th of xs in its place, what is less before it and what is
// more behind it (Hoare's selection).
func order(xs []float64, i int) {
	for lo, hi := 0, len(xs)-1; lo < hi; {
		pivot, l, r := xs[lo+(hi-lo)/2], lo, hi
		for l <= r {
			for xs[l] < pivot {
				l++
			}
			for xs[r] > pivot {
				r--
			}
			if l <= r {
				xs[l], xs[r] = xs[r], xs[l]
				l, r = l+1, r-1
			}
		}
		switch { // between r and l all are the pivot
		case i <= r:
			hi = r
		case i >= l:
			lo = l
		default:
			return
		}
	}
}

// weightedQuantile is the least x below or at which a share q of the weight
// lies; 0 of nothing.
func weightedQuantile(xs, w []float64, q float64) float64 {
	order := make([]int, len(xs))
	total := 0.0
	for i := range xs {
		order[i] = i
		total += w[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(xs[a], xs[b]) })
	sum := 0.0
	for _, i := range order {
		if sum += w[i]; sum >= q*total {
			return xs[i]
		}
	}
	return 0
}
