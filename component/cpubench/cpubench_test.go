package cpubench

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The product is right for every shape, tiles and blocks that don't divide it
// included, with the assembly and without.
func TestMultiply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, k, n := rapid.IntRange(1, 210).Draw(t, "m"), rapid.IntRange(1, 300).Draw(t, "k"), rapid.IntRange(1, 70).Draw(t, "n")
		transpose := rapid.Bool().Draw(t, "transpose")
		a, b, c := newMatrix(m, k), newMatrix(k, n), newMatrix(m, n)
		if transpose {
			b = newMatrix(n, k)
		}
		fill(a, 1)
		fill(b, 2)
		fill(c, 3) // what was there before must not matter
		multiply(c, a, pack(b, transpose))
		for i := range m {
			for j := range n {
				want := 0.0
				for p := range k {
					at := p*b.stride + j
					if transpose {
						at = j*b.stride + p
					}
					v := b.data[at]
					want += float64(a.row(i)[p]) * float64(v)
				}
				if got := float64(c.row(i)[j]); math.Abs(got-want) > 1e-5 {
					t.Fatalf("%dx%dx%d: c[%d][%d] = %v, want %v", m, k, n, i, j, got, want)
				}
			}
		}
	})
}

func TestTilesAgree(t *testing.T) {
	a, b := newMatrix(1, 6*100), newMatrix(1, 16*100)
	fill(a, 1)
	fill(b, 2)
	x, y := make([]float32, 6*20), make([]float32, 6*20)
	tile(100, a.data, b.data, x, 20)
	tileGo(100, a.data, b.data, y, 20)
	for i := range x {
		if math.Abs(float64(x[i]-y[i])) > 1e-5 {
			t.Fatalf("%d: %v and %v", i, x[i], y[i])
		}
	}
}

func TestExpAndGelu(t *testing.T) {
	for x := float32(-90); x <= 0; x += 0.01 {
		want := math.Exp(float64(x))
		if got := float64(exp(x)); math.Abs(got-want) > 3e-6*want+1e-37 {
			t.Fatalf("exp(%v) = %v, want %v", x, got, want)
		}
	}
	for x := float32(-10); x < 10; x += 0.01 {
		want := float64(x) / 2 * (1 + math.Erf(float64(x)/math.Sqrt2))
		if got := float64(gelu(x)); math.Abs(got-want) > 1e-3 {
			t.Fatalf("gelu(%v) = %v, want %v", x, got, want)
		}
	}
}

// The layer computes what its definition says: for equal tokens, attention is
// the value itself, and norms have mean 0 and variance 1.
func TestLayer(t *testing.T) {
	l := newLayer(2, 17)
	l.forward()
	for i := range l.sum.rows {
		mean, square := 0.0, 0.0
		for _, v := range l.sum.row(i) {
			mean += float64(v) / Hidden
			square += float64(v) * float64(v) / Hidden
		}
		if math.Abs(mean) > 1e-4 || math.Abs(square-1) > 1e-2 {
			t.Fatalf("row %d: mean %v, mean square %v", i, mean, square)
		}
	}
	for i := range l.x.rows {
		copy(l.x.row(i), l.x.row(0))
	}
	l.forward()
	for i := range l.mixed.rows {
		for j, v := range l.mixed.row(i) {
			if d := math.Abs(float64(v - l.v.row(i)[j])); d > 1e-5 {
				t.Fatalf("equal tokens: mixed[%d][%d] is off by %v", i, j, d)
			}
		}
	}
}

func TestRun(t *testing.T) {
	o := Options{Repeats: 3, Bytes: 8 << 20, Sizes: []int{64, 128}, Batches: []int{1}, Least: time.Millisecond}
	last := -1.0
	r, err := Run(context.Background(), o, func(f float64, _ string) {
		if f < last {
			t.Errorf("progress went back from %v to %v", last, f)
		}
		last = f
	})
	if err != nil || last != 1 || len(r.Products) != 2 || len(r.Layers) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, s := range []Sample{r.Peak, r.Bandwidth, r.Products[1].Time, r.Layers[0].Time} {
		if !(0 < s.Best && 0 < s.Low && s.Low <= s.Median && s.Median <= s.High) || s.Repeats != 3 {
			t.Errorf("%+v", s)
		}
	}
	if got := r.Products[1].Operations / r.Products[1].Time.Low; got > 1.5*r.Peak.Best {
		t.Errorf("a matrix product ran at %.3g FLOP/s, above the peak of %.3g", got, r.Peak.High)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	if _, err := Run(ctx, o, func(float64, string) {}); err == nil || err.Error() != "enough" {
		t.Errorf("cancelled: %v", err)
	}
}

func BenchmarkProduct1024(b *testing.B) {
	x, y, z := newMatrix(1024, 1024), newMatrix(1024, 1024), newMatrix(1024, 1024)
	fill(x, 1)
	fill(y, 2)
	p := pack(y, false)
	for b.Loop() {
		multiply(z, x, p)
	}
	b.ReportMetric(2*1024*1024*1024*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
