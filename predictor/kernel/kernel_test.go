package kernel

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// device makes a GPU of one invented design: n cores, all rates in proportion
// to plausible ones.
func device(i int) *perf.Device {
	r := rand.New(rand.NewPCG(uint64(i), 5))
	n := 30 + r.IntN(110)
	clock := 1.2e9 + 0.8e9*r.Float64()
	return &perf.Device{Name: fmt.Sprintf("gpu %d", i), Platform: perf.CUDA, Kind: "datacenter-gpu", Year: 2020,
		FP32: float64(n) * clock * 128, MemoryBandwidth: (0.3 + 1.5*r.Float64()) * 1e12, CacheBytes: 6e6 + 40e6*r.Float64(),
		Cores: n, ClockHz: clock, PowerW: 300}
}

func matmul(m, n, k int) ops.Op {
	M, N, K := float64(m), float64(n), float64(k)
	return ops.Op{Class: ops.Matmul, B: 1, M: m, N: n, K: k, FLOPs: 2 * M * N * K, Bytes: 4 * (M*K + N*K + M*N), Count: 1, Launches: 1}
}

func add(m, n int) ops.Op {
	e := float64(m) * float64(n)
	return ops.Op{Class: ops.Elementwise, Kind: "add", B: 1, M: m, N: n, FLOPs: e, Bytes: 12 * e, Count: 1, Launches: 1}
}

// law is how long operations take on the invented GPUs: products run in tiles
// of 128 x 128 at 85 % of the peak, streams at 80 % of the bandwidth, and both
// need 2 µs to start.
func law(o *ops.Op, d *perf.Device) float64 {
	if o.Class != ops.Matmul {
		return 2e-6 + o.Bytes/d.MemoryBandwidth/0.8
	}
	tiles := math.Ceil(float64(o.M)/128) * math.Ceil(float64(o.N)/128)
	waves := math.Ceil(tiles / float64(d.Cores))
	compute := waves * float64(d.Cores) * 128 * 128 * 2 * float64(o.K) / d.FP32 / 0.85
	return 2e-6 + max(compute, o.Bytes/d.MemoryBandwidth/0.8)
}

// measure draws operations on a device and times them by the law, with 2 %
// noise; launched as a host with 25 µs to launch and 12 µs of events shows them.
func measure(d *perf.Device, n int, launched bool, seed uint64) []Row {
	r := rand.New(rand.NewPCG(seed, 9))
	size := func(low, high float64) int { return int(math.Exp2(low + (high-low)*r.Float64())) }
	var rows []Row
	for i := range n {
		o := matmul(size(5, 13), size(5, 13), size(5, 12))
		if i%3 == 0 {
			o = add(size(6, 13), size(6, 13))
		}
		t := law(&o, d) * math.Exp(0.02*r.NormFloat64())
		if launched {
			t = max(25e-6, 12e-6+t)
		}
		rows = append(rows, Row{Op: o, Device: d, Precision: perf.FP32, Seconds: t, Launched: launched})
	}
	return rows
}

func train(t testing.TB, rows []Row) *Model {
	t.Helper()
	m, err := Fit(rows, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// medianError of m's kernel times on d against the law, for products.
func medianError(m *Model, d *perf.Device, seed uint64) float64 {
	var errs []float64
	for _, r := range measure(d, 900, false, seed) {
		if r.Op.Class == ops.Matmul {
			got, _ := m.Time(&r.Op, d, perf.FP32)
			errs = append(errs, math.Abs(got/law(&r.Op, d)-1))
		}
	}
	return median(errs)
}

func TestLearnsADeviceItNeverSaw(t *testing.T) {
	for _, launched := range []bool{false, true} {
		var rows []Row
		for i := range 6 {
			rows = append(rows, measure(device(i), 1500, launched, uint64(i))...)
		}
		m := train(t, rows)
		for i := 6; i < 9; i++ {
			got, stated := medianError(m, device(i), 99), medianError(nil, device(i), 99)
			if got > 0.09 || got > stated/2 {
				t.Errorf("launched %v, %s: median error %.3f; with a stated utilisation %.3f", launched, device(i).Name, got, stated)
			}
		}
	}
}

func TestMeasuredDeviceKeepsItsLevel(t *testing.T) {
	odd := device(3)
	var rows []Row
	for i := range 6 {
		for _, r := range measure(device(i), 1200, false, uint64(i)) {
			if r.Device.Name == odd.Name && r.Op.Class == ops.Matmul {
				r.Seconds *= 1.4 // sustains less of its peak than its peers
			}
			rows = append(rows, r)
		}
	}
	m := train(t, rows)
	o := matmul(4096, 4096, 4096)
	got, _ := m.Time(&o, odd, perf.FP32)
	if r := got / (1.4 * law(&o, odd)); r < 0.93 || r > 1.07 {
		t.Errorf("%.2f of the measured time", r)
	}
	twin, stranger := *odd, *odd
	twin.Name, stranger.Name = "another board", "another design"
	stranger.Cores++
	if other, _ := m.Time(&o, &twin, perf.FP32); math.Abs(other/got-1) > 0.01 {
		t.Errorf("a board of the same design takes %.2g s, the measured one %.2g s", other, got)
	}
	if other, _ := m.Time(&o, &stranger, perf.FP32); other > 0.9*got {
		t.Errorf("another design takes %.2g s, the measured one %.2g s: its level is its own", other, got)
	}
}

func TestThrottledCampaignIsScreened(t *testing.T) {
	var rows []Row
	for i := range 4 {
		rows = append(rows, measure(device(i), 1200, false, uint64(i))...)
	}
	clean := train(t, rows)
	for _, r := range measure(device(0), 1200, false, 77) {
		if r.Op.Class == ops.Matmul {
			r.Seconds *= 4
		}
		r.Set = "hot day"
		rows = append(rows, r)
	}
	if a, b := medianError(clean, device(0), 5), medianError(train(t, rows), device(0), 5); b > a+0.02 {
		t.Errorf("median error %.3f with a throttled campaign, %.3f without", b, a)
	}
}

func TestTimeIsBoundedAndSharesSumToOne(t *testing.T) {
	m := train(t, append(measure(device(0), 900, false, 1), measure(device(1), 900, false, 2)...))
	rapid.Check(t, func(t *rapid.T) {
		d := device(rapid.IntRange(0, 50).Draw(t, "device"))
		n := rapid.IntRange(1, 20000)
		o := matmul(n.Draw(t, "m"), n.Draw(t, "n"), n.Draw(t, "k"))
		if rapid.Bool().Draw(t, "stream") {
			o = add(n.Draw(t, "rows"), n.Draw(t, "columns"))
		}
		p := rapid.SampledFrom(perf.Precisions).Draw(t, "precision")
		for _, m := range []*Model{m, nil} {
			s, share := m.Time(&o, d, p)
			b := boundOf(&o, d, p)
			if !(s >= b.time()) || !perf.Finite(s) {
				t.Fatalf("%g s, the bound is %g s", s, b.time())
			}
			if sum := share.Compute + share.MemoryBandwidth + share.Overhead; math.Abs(sum-1) > 1e-9 || share.Overhead < 0 {
				t.Fatalf("shares %+v", share)
			}
		}
	})
}

func TestUnknownFactsStillGiveATime(t *testing.T) {
	m := train(t, append(measure(device(0), 900, false, 1), measure(device(1), 900, false, 2)...))
	o := matmul(512, 512, 512)
	for _, d := range []*perf.Device{{Name: "peak only", FP32: 1e13}, {Name: "bandwidth only", MemoryBandwidth: 1e11}, {Name: "nothing"}} {
		if s, _ := m.Time(&o, d, perf.FP32); !(s > 0) || !perf.Finite(s) {
			t.Errorf("%s: %g s", d.Name, s)
		}
	}
}

func TestDeterministicAndRoundTrip(t *testing.T) {
	rows := append(measure(device(0), 900, true, 1), measure(device(1), 900, false, 2)...)
	eight := *device(2)
	eight.FP8 = eight.FP32
	for _, r := range measure(&eight, 900, false, 3) {
		r.Precision = perf.FP8
		rows = append(rows, r)
	}
	a, b := train(t, rows), train(t, rows)
	if !bytes.Equal(a.Encode(), b.Encode()) {
		t.Fatal("the same rows give other bytes")
	}
	got, err := Decode(a.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), a.Encode()) {
		t.Fatal("encoding the decoded model gives other bytes")
	}
	if a.narrow == nil || got.narrow == nil {
		t.Error("products in 8 bits were not learned apart, or lost")
	}
	for _, r := range rows {
		x, _ := a.Time(&r.Op, r.Device, r.Precision)
		y, _ := got.Time(&r.Op, r.Device, r.Precision)
		if math.Abs(x/y-1) > 1e-6 {
			t.Fatalf("%g s before, %g s after", x, y)
		}
	}
}

func TestDecodeRefusesEveryPrefix(t *testing.T) {
	b := train(t, append(measure(device(0), 600, false, 1), measure(device(1), 600, false, 2)...)).Encode()
	for n := 0; n < len(b); n += 1 + n/100 {
		if _, err := Decode(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a model", n, len(b))
		}
	}
	if _, err := Decode(append(slices.Clone(b), 0)); err == nil {
		t.Error("a byte too many was not noticed")
	}
}

// FuzzDecode: no input makes Decode panic, and what it returns can be asked.
func FuzzDecode(f *testing.F) {
	f.Add(train(f, append(measure(device(0), 300, false, 1), measure(device(1), 300, false, 2)...)).Encode())
	f.Add([]byte{format})
	o := matmul(64, 64, 64)
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := Decode(b); err == nil {
			m.Time(&o, device(0), perf.FP32)
		}
	})
}

func TestFitRefuses(t *testing.T) {
	if _, err := Fit(nil, nil); err == nil {
		t.Error("no rows: no error")
	}
	if _, err := Fit([]Row{{Op: add(9, 9), Device: device(0), Seconds: 1}}, nil); err == nil {
		t.Error("no products: no error")
	}
}

func TestPeakFallsBack(t *testing.T) {
	pascal := &perf.Device{FP32: 9.3e12, FP16: 1.5e11}
	cdna := &perf.Device{FP32: 23e12, FP32Matrix: 46e12, FP16: 184e12}
	hopper := &perf.Device{FP32: 67e12, FP16: 989e12, FP8: 1979e12}
	for _, c := range []struct {
		d    *perf.Device
		p    perf.Precision
		want float64
	}{{pascal, perf.FP16, 9.3e12}, {cdna, perf.FP32, 46e12}, {hopper, perf.FP32, 67e12}, {hopper, perf.FP8, 1979e12},
		{hopper, perf.FP4, 989e12}, {hopper, perf.W4A16, 989e12}, {&perf.Device{}, perf.FP32, 0}} {
		if got, _ := peakOf(c.d, c.p); got != c.want {
			t.Errorf("%s: %g, want %g", c.p, got, c.want)
		}
	}
}

func BenchmarkTime(b *testing.B) {
	m := train(b, append(measure(device(0), 1500, false, 1), measure(device(1), 1500, false, 2)...))
	rows := measure(device(2), 1000, false, 3)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		r := &rows[i%len(rows)]
		m.Time(&r.Op, r.Device, perf.FP32)
		i++
	}
}
