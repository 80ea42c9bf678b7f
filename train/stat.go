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
	slices.Sort(s)
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 >= len(s) {
		return s[len(s)-1]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
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
