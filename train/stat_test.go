package train

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Selection finds what sorting finds, and leaves the values as they are.
func TestQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(-1, 1), rapid.Map(rapid.IntRange(-2, 2), func(i int) float64 { return float64(i) })), 1, 50).Draw(t, "xs")
		before, sorted := slices.Clone(xs), slices.Clone(xs)
		slices.Sort(sorted)
		for i, want := range sorted {
			q := 0.0
			if len(xs) > 1 {
				q = float64(i) / float64(len(xs)-1)
			}
			if got := quantile(xs, q); got < want-1e-9 || got > want+1e-9 {
				t.Fatalf("quantile %v is %v, want %v", q, got, want)
			}
		}
		if !slices.Equal(xs, before) {
			t.Fatal("the values were reordered")
		}
	})
}
