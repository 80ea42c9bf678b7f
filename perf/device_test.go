package perf

import (
	"math"
	"testing"
	"testing/quick"
)

func TestShareOf(t *testing.T) {
	big := Device{Cores: 8, Clusters: []Cluster{{4, 2e9, 16}, {4, 1e9, 8}}} // 128 and 32 GFLOP/s
	alike := Device{Cores: 4}
	for _, c := range []struct {
		d    Device
		n    int
		want float64
	}{
		{big, 1, 32.0 / 160}, {big, 4, 128.0 / 160}, {big, 5, 136.0 / 160}, {big, 8, 1}, {big, 0, 1}, {big, 99, 1},
		{alike, 1, 0.25}, {alike, 3, 0.75}, {Device{}, 2, 1},
	} {
		if got := c.d.ShareOf(c.n); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d threads of %d cores: %g, want %g", c.n, c.d.Cores, got, c.want)
		}
	}
	grows := func(n uint8) bool { a, b := int(n%8), int(n%8)+1; return a == 0 || big.ShareOf(a) <= big.ShareOf(b) }
	if err := quick.Check(grows, nil); err != nil {
		t.Error(err)
	}
}
