package predictor

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfcast/perfcast/perf"
)

var (
	a100 = &perf.Device{Name: "NVIDIA A100 SXM 80GB", Platform: perf.CUDA, Kind: "datacenter-gpu", Year: 2020,
		FP64: 9.7e12, FP32: 19.5e12, TF32: 156e12, FP16: 312e12, BF16: 312e12, Int8: 624e12, Int4: 1248e12,
		MemoryBytes: 80e9, MemoryBandwidth: 2039e9, CacheBytes: 40e6, Cores: 108, ClockHz: 1.41e9, LinkBandwidth: 300e9}
	xeon = &perf.Device{Name: "Xeon Platinum 8380", Platform: perf.CPU, Kind: "cpu", Year: 2021,
		FP32: 5.9e12, Int8: 23e12, MemoryBytes: 256e9, MemoryBandwidth: 204e9, CacheBytes: 60e6, Cores: 40, ClockHz: 2.3e9}
	resnet50 = &perf.Model{Name: "resnet50", Family: "vision", Kind: "cnn", Architecture: "resnet",
		Params: 25.6e6, MACs: 4.11e9, Activations: 11.1e6, ImageSize: 224}
	bert = &perf.Model{Name: "bert-base-uncased", Family: "embedding", Kind: "encoder", Architecture: "bert",
		Params: 109.5e6, Layers: 12, Hidden: 768, Intermediate: 3072, Heads: 12, KVHeads: 12, Vocab: 30522, MaxPosition: 512}
	llama = &perf.Model{Name: "llama-3-8b", Family: "text_generation", Kind: "decoder", Architecture: "llama",
		Params: 8.03e9, Layers: 32, Hidden: 4096, Intermediate: 14336, Heads: 32, KVHeads: 8, Vocab: 128256, MaxPosition: 8192, GatedMLP: true}
)

func workload(m *perf.Model, d *perf.Device, batch, seq int, p perf.Precision) perf.Workload {
	return perf.Workload{Facts: m, Hardware: d, Config: perf.Config{Model: m.Name, Device: d.Name, Platform: d.Platform,
		BatchSize: batch, SequenceLength: seq, Precision: p, Mode: perf.Inference}}
}

func mustDefault(t testing.TB) *Predictor {
	t.Helper()
	p, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustPredict(t testing.TB, p *Predictor, w perf.Workload) perf.Prediction {
	t.Helper()
	out, err := p.Predict(w)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// anyWorkload draws a workload of the models and devices above, with rates
// changed a little.
func anyWorkload(t *rapid.T) perf.Workload {
	m := rapid.SampledFrom([]*perf.Model{resnet50, bert, llama}).Draw(t, "model")
	d := *rapid.SampledFrom([]*perf.Device{a100, xeon}).Draw(t, "device")
	k := rapid.Float64Range(0.3, 3).Draw(t, "scale")
	d.MemoryBandwidth *= k
	w := workload(m, &d, rapid.IntRange(1, 512).Draw(t, "batch"), rapid.IntRange(1, 2048).Draw(t, "sequence"),
		rapid.SampledFrom(perf.Precisions).Draw(t, "precision"))
	w.Mode = rapid.SampledFrom(perf.Modes).Draw(t, "mode")
	w.Runtime = rapid.SampledFrom([]string{"", "pytorch-eager", "torch-compile", "tensorrt", "onnxruntime", "vllm"}).Draw(t, "runtime")
	return w
}

func TestLatencyIsNeverBelowTheBound(t *testing.T) {
	p := mustDefault(t)
	rapid.Check(t, func(t *rapid.T) {
		out, err := p.Predict(anyWorkload(t))
		if err != nil {
			t.Fatal(err)
		}
		l := out.Latency
		if !(out.Attainable > 0 && l.Low >= out.Attainable*(1-1e-9) && l.Low <= l.Value && l.Value <= l.High) {
			t.Errorf("attainable %g, latency %+v", out.Attainable, l)
		}
	})
}

func TestThroughputDoesNotFallWithTheBatch(t *testing.T) {
	p := mustDefault(t)
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorkload(t)
		small, _ := p.Predict(w)
		w.BatchSize += rapid.IntRange(1, 64).Draw(t, "more")
		large, _ := p.Predict(w)
		if large.Throughput.Value < small.Throughput.Value*(1-1e-9) {
			t.Errorf("batch %d: %g/s, batch %d: %g/s", small.BatchSize, small.Throughput.Value, large.BatchSize, large.Throughput.Value)
		}
	})
}

func TestMoreBandwidthIsNeverSlower(t *testing.T) {
	p := mustDefault(t)
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorkload(t)
		before, _ := p.Predict(w)
		d := *w.Hardware
		d.MemoryBandwidth *= rapid.Float64Range(1, 4).Draw(t, "factor")
		w.Hardware = &d
		after, _ := p.Predict(w)
		if after.Latency.Value > before.Latency.Value*(1+1e-9) {
			t.Errorf("latency %g -> %g", before.Latency.Value, after.Latency.Value)
		}
		if before.TPOT != nil && after.TPOT.Value > before.TPOT.Value*(1+1e-9) {
			t.Errorf("time per token %g -> %g", before.TPOT.Value, after.TPOT.Value)
		}
	})
}

func TestSharesSumToOne(t *testing.T) {
	p := mustDefault(t)
	rapid.Check(t, func(t *rapid.T) {
		out, _ := p.Predict(anyWorkload(t))
		s := out.Shares
		if sum := s.Compute + s.MemoryBandwidth + s.Overhead + s.Communication; math.Abs(sum-1) > 1e-9 {
			t.Errorf("shares %+v sum to %g", s, sum)
		}
	})
}

func TestSameRequestSameAnswer(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 4, 512, perf.BF16)
	w.OutputLength = 128
	if a, b := mustPredict(t, p, w), mustPredict(t, p, w); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v\n%+v", a, b)
	}
}

// Memory of well-known cases, within 15 %: llama-3-8b holds 16.1 GB of weights
// in 16 bits and 131,072 bytes of cache a token; Adam trains BERT base in
// 16 bytes a parameter of state.
func TestMemory(t *testing.T) {
	p := mustDefault(t)
	out := mustPredict(t, p, workload(llama, a100, 4, 2048, perf.BF16))
	if got, want := out.MemoryParts.Weights, 16.06e9; math.Abs(got/want-1) > 0.01 {
		t.Errorf("weights %g, want %g", got, want)
	}
	if got, want := out.MemoryParts.KVCache, 4*2048*131072.0; math.Abs(got/want-1) > 0.01 {
		t.Errorf("cache %g, want %g", got, want)
	}
	if out.Fits != perf.FitYes {
		t.Errorf("verdict %s", out.Fits)
	}
	w := workload(bert, a100, 8, 128, perf.FP32)
	w.Mode = perf.Training
	out = mustPredict(t, p, w)
	state := out.MemoryParts.Weights + out.MemoryParts.Gradients + out.MemoryParts.Optimizer
	if want := 16 * bert.Params; math.Abs(state/want-1) > 0.01 {
		t.Errorf("training state %g, want %g", state, want)
	}
	big := *llama
	big.Params = 70.6e9
	big.Layers, big.Hidden, big.Intermediate = 80, 8192, 28672
	if out := mustPredict(t, p, workload(&big, a100, 1, 128, perf.BF16)); out.Fits != perf.FitNo || out.Latency.Value <= 0 || out.MaxBatch != 0 {
		t.Errorf("140 GB of weights in 80 GB: %s, latency %g, largest batch %d", out.Fits, out.Latency.Value, out.MaxBatch)
	}
}

func TestLargestBatchIsTheLargest(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 1, 4096, perf.BF16)
	out := mustPredict(t, p, w)
	w.BatchSize = out.MaxBatch
	if fits := mustPredict(t, p, w); fits.Memory.Value > a100.UsableMemoryBytes() || fits.Fits == perf.FitNo {
		t.Errorf("batch %d needs %g", w.BatchSize, fits.Memory.Value)
	}
	w.BatchSize++
	if not := mustPredict(t, p, w); not.Memory.Value <= a100.UsableMemoryBytes() || not.Fits == perf.FitYes {
		t.Errorf("batch %d needs only %g", w.BatchSize, not.Memory.Value)
	}
}

func TestNoFactsIsAnError(t *testing.T) {
	p := mustDefault(t)
	w := workload(&perf.Model{Name: "mystery"}, a100, 1, 1, perf.FP32)
	if _, err := p.Predict(w); err == nil || perf.AsError(err).Field != "model" {
		t.Errorf("got %v", err)
	}
}

func TestPrecisionFallsBackAloud(t *testing.T) {
	p := mustDefault(t)
	out := mustPredict(t, p, workload(bert, a100, 8, 128, perf.FP8))
	if len(out.Warnings) == 0 || out.Warnings[0].Code != "PRECISION_FALLBACK" {
		t.Errorf("warnings %+v", out.Warnings)
	}
}

func measured(id string, latency float64) perf.Measurement {
	return perf.Measurement{ID: id, Latency: &latency}
}

func TestMeasuredAnswersFromTheRecord(t *testing.T) {
	p := mustDefault(t)
	w := workload(resnet50, a100, 32, 0, perf.FP16)
	prior := mustPredict(t, p, w)
	x := prior.Latency.Value * 1.2
	if v, err := p.Learn(w, measured("meas-1", x)); err != nil || v.Quarantined {
		t.Fatal(v, err)
	}
	out := mustPredict(t, p, w)
	if out.Latency.Value != x || out.Basis != perf.BasisMeasured || len(out.Evidence) != 1 || out.Evidence[0].ID != "meas-1" {
		t.Errorf("latency %g basis %s evidence %+v", out.Latency.Value, out.Basis, out.Evidence)
	}
	if out.ModelVersion == prior.ModelVersion {
		t.Error("the version did not change")
	}
	p.Reset()
	if back := mustPredict(t, p, w); !reflect.DeepEqual(back, prior) {
		t.Error("forgetting does not restore the answer")
	}
}

func TestHamtIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h hamt[string, int]
		want := map[string]int{}
		n := rapid.IntRange(0, 400).Draw(t, "n")
		for i := range n {
			k := fmt.Sprint(rapid.IntRange(0, 200).Draw(t, "key"))
			old := h
			before, had := old.get(k)
			h, want[k] = h.with(k, i), i
			if v, ok := old.get(k); v != before || ok != had {
				t.Fatal("an old snapshot changed")
			}
		}
		for k, v := range want {
			if got, ok := h.get(k); !ok || got != v {
				t.Fatalf("%s: %d %v, want %d", k, got, ok, v)
			}
		}
		if h.size != len(want) {
			t.Fatalf("size %d, want %d", h.size, len(want))
		}
	})
}

func BenchmarkPredict(b *testing.B) {
	p := mustDefault(b)
	w := workload(llama, a100, 4, 512, perf.BF16)
	w.OutputLength = 128
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Predict(w); err != nil {
			b.Fatal(err)
		}
	}
}

// A measurement changes the estimate for its neighbours with the next request,
// in its own direction and about as far as it went itself (a little further
// where the neighbour has more of the part that is slow), and says so.
func TestNeighboursLearnAtOnce(t *testing.T) {
	p := mustDefault(t)
	d := *a100
	d.Name = "a GPU that nobody has measured"
	w := workload(resnet50, &d, 32, 0, perf.FP16)
	other := workload(resnet50, &d, 64, 0, perf.FP16)
	before, beforeOther := mustPredict(t, p, w), mustPredict(t, p, other)
	if v, err := p.Learn(w, measured("meas-1", 1.5*before.Latency.Value)); err != nil || v.Quarantined {
		t.Fatal(v, err)
	}
	after := mustPredict(t, p, other)
	moved := math.Log(after.Latency.Value / beforeOther.Latency.Value)
	if moved < 0.2*math.Log(1.5) || moved > 1.3*math.Log(1.5) {
		t.Errorf("a step measured 1.5 times as long moved its neighbour by a factor of %.2f", math.Exp(moved))
	}
	if after.Basis != perf.BasisNeighbour || len(after.Evidence) == 0 || after.Evidence[0].ID != "meas-1" {
		t.Errorf("basis %s, evidence %+v", after.Basis, after.Evidence)
	}
	width := func(e perf.Estimate) float64 { return math.Log(e.High / e.Low) }
	if width(after.Latency) >= width(beforeOther.Latency) {
		t.Errorf("the interval did not shrink: %g, was %g", width(after.Latency), width(beforeOther.Latency))
	}
}

func TestInvert(t *testing.T) {
	a := [][]float64{{4, 1, 0.5}, {1, 3, 0.2}, {0.5, 0.2, 2}}
	inv := invert([][]float64{{4, 1, 0.5}, {1, 3, 0.2}, {0.5, 0.2, 2}})
	for i := range a {
		for j := range a {
			sum, want := 0.0, 0.0
			for k := range a {
				sum += a[i][k] * inv[k][j]
			}
			if i == j {
				want = 1
			}
			if math.Abs(sum-want) > 1e-12 {
				t.Errorf("product[%d][%d] = %g", i, j, sum)
			}
		}
	}
}

// The aim is 50 us with 100,000 measurements recorded.
func BenchmarkPredictAfterMeasurements(b *testing.B) {
	p := mustDefault(b)
	for i := range 2000 {
		w := workload([]*perf.Model{resnet50, bert, llama}[i%3], a100, 1+i%64, 16*(1+i/64), perf.FP16)
		if _, err := p.Learn(w, measured(fmt.Sprint("meas-", i), mustPredict(b, p, w).Latency.Value*1.1)); err != nil {
			b.Fatal(err)
		}
	}
	w := workload(llama, a100, 4, 511, perf.BF16)
	w.OutputLength = 128
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Predict(w); err != nil {
			b.Fatal(err)
		}
	}
}

// A sample of n passes takes n times as long as one, where nothing is known of
// either beyond that.
func TestPassesMultiply(t *testing.T) {
	once := workload(resnet50, a100, 8, 0, perf.FP16)
	f := *resnet50
	f.Passes = 20
	often := workload(&f, a100, 8, 0, perf.FP16)
	a, err := InputOf(once, StepTime, Plain)
	if err != nil {
		t.Fatal(err)
	}
	b, err := InputOf(often, StepTime, Plain)
	if err != nil {
		t.Fatal(err)
	}
	if r := b.Cost.Stated / a.Cost.Stated; math.Abs(r-20) > 1e-9 {
		t.Errorf("20 passes take %g times as long as one", r)
	}
	p := mustDefault(t)
	if one, many := mustPredict(t, p, once), mustPredict(t, p, often); one.Memory.Value != many.Memory.Value {
		t.Errorf("memory of %g B once, %g B pass after pass", one.Memory.Value, many.Memory.Value)
	} else if !slices.Contains(many.Assumptions, "a sample takes 20 forward passes") {
		t.Errorf("assumptions: %q", many.Assumptions)
	}
}

// Copies that learn together wait for the link between them, and a faster one
// never makes them wait longer; copies that serve do not.
func TestCopiesExchange(t *testing.T) {
	stated := func(mode perf.Mode, devices int, link float64) float64 {
		d := *a100
		d.LinkBandwidth = link
		w := workload(bert, &d, 8, 128, perf.FP16)
		w.Mode, w.Devices, w.Runtime = mode, devices, "torch-compile"
		in, err := InputOf(w, StepTime, Plain)
		if err != nil {
			t.Fatal(err)
		}
		return in.Cost.Stated
	}
	if one, eight := stated(perf.Training, 1, 16e9), stated(perf.Training, 8, 16e9); eight <= one {
		t.Errorf("eight copies learn in %g s what one does in %g s", eight, one)
	}
	if slow, fast := stated(perf.Training, 8, 16e9), stated(perf.Training, 8, 300e9); fast >= slow {
		t.Errorf("%g s over a fast link, %g s over a slow one", fast, slow)
	}
	if one, eight := stated(perf.Inference, 1, 16e9), stated(perf.Inference, 8, 16e9); eight != one {
		t.Errorf("eight copies that serve take %g s, one %g s", eight, one)
	}
}

func TestNoTwoRuntimesShareAName(t *testing.T) {
	of := map[string]string{}
	for _, r := range Runtimes {
		for _, name := range append([]string{r.Name}, r.Aliases...) {
			if other, ok := of[name]; ok || name != strings.ToLower(name) {
				t.Errorf("%q is a name of %s and of %s, or not in lower case", name, other, r.Name)
			}
			of[name] = r.Name
		}
	}
}
