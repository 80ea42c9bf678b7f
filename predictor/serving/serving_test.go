package serving

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfcast/perfcast/perf"
)

// The models and devices of the tests: public datasheets and config files.
var (
	llama8 = &perf.Model{Name: "llama-3.1-8b", Family: "text_generation", Kind: "decoder", Params: 8.03e9, Layers: 32, Hidden: 4096,
		Intermediate: 14336, Heads: 32, KVHeads: 8, HeadDim: 128, Vocab: 128256, GatedMLP: true}
	llama70 = &perf.Model{Name: "llama-3.1-70b", Family: "text_generation", Kind: "decoder", Params: 70.55e9, Layers: 80, Hidden: 8192,
		Intermediate: 28672, Heads: 64, KVHeads: 8, HeadDim: 128, Vocab: 128256, GatedMLP: true}
	deepseek = &perf.Model{Name: "deepseek-r1", Family: "text_generation", Kind: "decoder", Params: 671e9, ActiveParams: 37.5e9, Layers: 61,
		Hidden: 7168, Intermediate: 18432, Heads: 128, KVHeads: 128, Vocab: 129280, GatedMLP: true, Experts: 256, ExpertsPerToken: 8,
		ExpertIntermediate: 2048, LatentKV: 576}
	models = []*perf.Model{llama8, llama70, deepseek, {Name: "by size alone", Params: 3e9}}

	h100 = &perf.Device{Name: "h100", Platform: perf.CUDA, Kind: "datacenter-gpu", Year: 2022, FP32: 67e12, FP16: 989e12, BF16: 989e12,
		FP8: 1979e12, Int8: 1979e12, MemoryBytes: 80e9, MemoryBandwidth: 3350e9, LinkBandwidth: 450e9}
	rtx4090 = &perf.Device{Name: "4090", Platform: perf.CUDA, Kind: "consumer-gpu", Year: 2022, FP32: 82e12, FP16: 165e12, FP8: 330e12,
		MemoryBytes: 24e9, MemoryBandwidth: 1008e9}
	laptop  = &perf.Device{Name: "cpu", Platform: perf.CPU, Kind: "cpu", FP32: 1e12, MemoryBytes: 32e9, MemoryBandwidth: 80e9}
	devices = []*perf.Device{h100, rtx4090, laptop}
)

func workload(m *perf.Model, d *perf.Device, p perf.Precision, tp, in, out, c int) perf.Workload {
	return perf.Workload{Facts: m, Hardware: d, Config: perf.Config{Model: m.Name, Device: d.Name, Platform: d.Platform, Runtime: "vllm",
		RuntimeVersion: "0.12.0", Precision: p, Mode: perf.Inference, SequenceLength: in, OutputLength: out, Concurrency: c, BatchSize: 1,
		Devices: tp, TensorParallel: tp, PipelineParallel: 1, ExpertParallel: 1}}
}

func anyWorkload(t *rapid.T) perf.Workload {
	w := workload(rapid.SampledFrom(models).Draw(t, "model"), rapid.SampledFrom(devices).Draw(t, "device"),
		rapid.SampledFrom(perf.Precisions).Draw(t, "precision"), 1<<rapid.IntRange(0, 3).Draw(t, "log tp"),
		rapid.IntRange(1, 16384).Draw(t, "in"), rapid.IntRange(1, 8192).Draw(t, "out"), rapid.IntRange(0, 512).Draw(t, "concurrency"))
	w.Runtime = rapid.SampledFrom([]string{"vllm", "tensorrt-llm", "sglang", "llama.cpp", "transformers", "none"}).Draw(t, "runtime")
	w.BatchSize = rapid.IntRange(1, 64).Draw(t, "batch")
	w.Devices *= rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "replicas")
	w.ExpertParallel = rapid.SampledFrom([]int{1, 2, 8}).Draw(t, "expert parallel")
	return w
}

// truth is the physics that synthetic measurements follow: constants unlike
// the stated ones, the model's and the engine's own factors, and noise.
func truth(n int, noise float64) []Row {
	c := defaults()
	c.Engines[captured].Step, c.Engines[captured].Queueing = 2e-3, 0.14
	c.Products[Half].Bandwidth = 0.7
	m := Model{constants: c}
	r := rand.New(rand.NewPCG(1, 2))
	var rows []Row
	for range n {
		model, device := models[r.IntN(2)], devices[r.IntN(2)]
		w := workload(model, device, []perf.Precision{perf.BF16, perf.FP8}[r.IntN(2)], 1<<r.IntN(4), 512<<r.IntN(4), 128<<r.IntN(4), 0)
		curve := w.Key()
		for c := 1; c <= 64; c *= 4 {
			w.Concurrency = c
			a, err := m.Predict(w)
			if err != nil {
				panic(err)
			}
			own := 1.0
			if model == llama70 {
				own = 1.3
			}
			rows = append(rows,
				Row{Workload: w, Quantity: TPOT, Value: a.TPOT * own * math.Exp(noise*r.NormFloat64()), Curve: curve},
				Row{Workload: w, Quantity: TTFT, Value: a.TTFT * math.Exp(noise*r.NormFloat64()), Curve: curve})
		}
	}
	return rows
}

func fitted(t testing.TB, rows []Row) *Model {
	t.Helper()
	m, err := Fit(rows, nil, Options{Rounds: 300})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func medianError(t *testing.T, m *Model, rows []Row) float64 {
	t.Helper()
	var e []float64
	for i := range rows {
		a, err := m.Predict(rows[i].Workload)
		if err != nil {
			t.Fatal(err)
		}
		e = append(e, math.Abs(a.Of(rows[i].Quantity, &rows[i].Workload)/rows[i].Value-1))
	}
	slices.Sort(e)
	return e[len(e)/2]
}

func TestRecoversWhatItWasNotTold(t *testing.T) {
	all := truth(80, 0.03)
	var train, held []Row
	for _, r := range all {
		if hashName(9, r.Curve)%4 == 0 {
			held = append(held, r)
		} else {
			train = append(train, r)
		}
	}
	before, after := medianError(t, Physical(), held), medianError(t, fitted(t, train), held)
	t.Logf("median error on curves held out: %.1f %% before, %.1f %% after", 100*before, 100*after)
	if after > 0.07 || after > before/2 {
		t.Errorf("median error %.3f after fitting (%.3f before), want at most 0.07", after, before)
	}
}

func TestSpreadCovers(t *testing.T) {
	all := truth(80, 0.1)
	m := fitted(t, all[:len(all)/2])
	inside, n := 0, 0
	for _, r := range all[len(all)/2:] {
		a, err := m.Predict(r.Workload)
		if err != nil {
			t.Fatal(err)
		}
		s := a.SigmaTPOT
		if r.Quantity == TTFT {
			s = a.SigmaTTFT
		}
		if n++; math.Abs(math.Log(r.Value/a.Of(r.Quantity, &r.Workload))) <= 1.645*s {
			inside++
		}
	}
	if c := float64(inside) / float64(n); c < 0.8 || c > 0.98 {
		t.Errorf("the 90 %% interval holds %.0f %% of %d held-out values", 100*c, n)
	}
}

// An engine whose requests arrive slowly is slow to start at any length of
// prompt by the same time, not by the same factor.
func TestLearnsWhichPartIsOff(t *testing.T) {
	var rows []Row
	for _, model := range models[:2] {
		for in := 128; in <= 4096; in *= 2 {
			for c := 1; c <= 16; c *= 4 {
				w := workload(model, h100, perf.FP8, 4, in, 256, c)
				a, err := Physical().Predict(w)
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, Row{Workload: w, Quantity: TTFT, Value: a.TTFT + 0.2, Curve: fmt.Sprint(model.Name, in), Weight: 1})
			}
		}
	}
	m := Physical()
	m.learn(startHead, rows)
	added := func(in int) (seconds, share float64) {
		w := workload(llama70, h100, perf.FP8, 4, in, 256, 4)
		before, _ := Physical().Predict(w)
		after, _ := m.Predict(w)
		return after.TTFT - before.TTFT, after.TTFT/before.TTFT - 1
	}
	if s, _ := added(1); s < 0.15 || s > 0.25 {
		t.Errorf("a prompt of one token starts %.3f s later than physics has it, want 0.2", s)
	}
	if s, share := added(30000); share > 0.1 {
		t.Errorf("a long prompt starts %.3f s or %.0f %% later, want 0.2 s, which is hardly any of it", s, 100*share)
	}
}

// Engines set up for one kind of traffic start late under it alone, and yet no
// prompt starts before a shorter one.
func TestLearnsTraffic(t *testing.T) {
	lengths := [][2]int{{1024, 8192}, {1024, 1024}, {8192, 1024}}
	var rows []Row
	for _, device := range devices {
		for tp := 1; tp <= 8; tp *= 2 {
			for _, n := range lengths {
				w := workload(llama70, device, perf.FP8, tp, n[0], n[1], 8)
				a, err := Physical().Predict(w)
				if err != nil {
					t.Fatal(err)
				}
				late := a.TTFT
				if n[0] == n[1] { // the first token is seen with the nineteen after it
					late += 19 * a.TPOT
				}
				rows = append(rows, Row{Workload: w, Quantity: TTFT, Value: late, Curve: w.Key(), Weight: 1})
			}
		}
	}
	m := Physical()
	m.learn(startHead, rows)
	ttft := func(in, out int) float64 {
		a, _ := m.Predict(workload(llama70, h100, perf.FP8, 4, in, out, 8))
		return a.TTFT
	}
	if many, few := ttft(1024, 1024), ttft(1024, 8192); many < 1.4*few {
		t.Errorf("%.3f s under balanced traffic, %.3f s under long answers: hardly apart", many, few)
	}
	last := 0.0
	for in := 64; in <= 16384; in += 64 {
		if now := ttft(in, 1024); now < last*(1-1e-9) {
			t.Errorf("%d tokens start in %.3f s, fewer in %.3f s", in, now, last)
		} else {
			last = now
		}
	}
}

func TestUnknownRuntimeWidens(t *testing.T) {
	m := fitted(t, truth(40, 0.1))
	w := workload(llama8, h100, perf.FP8, 1, 1024, 256, 8)
	known, _ := m.Predict(w)
	w.Runtime = "an engine of tomorrow"
	strange, err := m.Predict(w)
	if err != nil || strange.SigmaTPOT <= known.SigmaTPOT || strange.SigmaTTFT <= known.SigmaTTFT {
		t.Errorf("spreads %g and %g with a known engine, %g and %g with another (%v)", known.SigmaTTFT, known.SigmaTPOT, strange.SigmaTTFT, strange.SigmaTPOT, err)
	}
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		l    Layout
		want [4]int // devices, tensor, pipeline, expert
	}{
		{Layout{Devices: 8, Tensor: 8, ExpertTensor: 8, Expert: 1, Attention: 1}, [4]int{8, 8, 1, 1}},
		{Layout{Devices: 64, Tensor: 64, ExpertTensor: 8, Expert: 8, Attention: 1}, [4]int{8, 8, 1, 8}},
		{Layout{Devices: 64, Tensor: 1, ExpertTensor: 8, Expert: 8, Attention: 64}, [4]int{8, 1, 1, 8}},
		{Layout{Devices: 16, Tensor: 4, ExpertTensor: 1, Expert: 16, Attention: 4}, [4]int{4, 1, 1, 4}},
		{Layout{Devices: 8, Tensor: 1, ExpertTensor: 1, Expert: 8, Attention: 8}, [4]int{8, 1, 1, 8}},
		{Layout{Tensor: 2}, [4]int{2, 2, 1, 1}},
	} {
		var g perf.Config
		c.l.Apply(&g)
		if got := [4]int{g.Devices, g.TensorParallel, g.PipelineParallel, g.ExpertParallel}; got != c.want {
			t.Errorf("%+v: %v, want %v", c.l, got, c.want)
		}
	}
}

func TestFacts(t *testing.T) {
	w := workload(&perf.Model{Name: "nothing"}, h100, perf.FP16, 1, 1, 1, 1)
	if _, err := Physical().Predict(w); err == nil || perf.AsError(err).Field != "model" {
		t.Errorf("a model of no size: %v", err)
	}
	w = workload(llama8, &perf.Device{Name: "d", FP16: 1e12}, perf.FP16, 1, 1, 1, 1)
	if _, err := Physical().Predict(w); err == nil || perf.AsError(err).Field != "hardware" {
		t.Errorf("a device of no bandwidth: %v", err)
	}
}

func TestEncoding(t *testing.T) {
	rows := truth(30, 0.1)
	m := fitted(t, rows)
	b := m.Encode()
	if again := fitted(t, rows).Encode(); !bytes.Equal(b, again) {
		t.Error("the same rows gave two models")
	}
	back, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		x, _ := m.Predict(r.Workload)
		y, _ := back.Predict(r.Workload)
		if x != y {
			t.Fatalf("decoded model answers %+v, not %+v", y, x)
		}
	}
	for n := range len(b) {
		if _, err := Decode(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(b))
		}
	}
	if _, err := Decode(append(slices.Clone(b), 0)); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := Decode(append([]byte{format + 1}, b[1:]...)); err == nil {
		t.Error("another format was accepted")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Physical().Encode())
	f.Add(fitted(f, truth(10, 0.1)).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if _, err := m.Predict(workload(llama8, h100, perf.FP16, 1, 100, 100, 4)); err != nil {
			t.Fatal(err)
		}
	})
}

func TestKernelConstantsAreRecovered(t *testing.T) {
	c := defaults()
	c.Products[Half] = Efficiency{0.6, 0.9, 5e-6}
	c.Hop, c.Link = 5e-6, 0.5
	var rows []KernelRow
	for m := 1; m <= 8192; m *= 2 {
		for n := 1024; n <= 16384; n *= 4 {
			rows = append(rows, KernelRow{Kind: ProductKernel, Device: h100, Precision: perf.BF16, M: m, N: n, K: 4096})
		}
		rows = append(rows, KernelRow{Kind: CollectiveKernel, Device: h100, Precision: perf.BF16, Group: 8, Bytes: float64(1024 * m)},
			KernelRow{Kind: CollectiveKernel, Device: h100, Precision: perf.BF16, Group: 2, Bytes: float64(1024 * m)})
	}
	for i := range rows {
		rows[i].Seconds = c.Seconds(&rows[i])
	}
	m, err := Fit(nil, rows, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Constants()
	for i, p := range append(got.Products[Half].fields(), &got.Hop, &got.Link) {
		want := *append(c.Products[Half].fields(), &c.Hop, &c.Link)[i]
		if math.Abs(*p/want-1) > 0.05 {
			t.Errorf("constant %d is %g, was made with %g", i, *p, want)
		}
	}
}

func BenchmarkPredict(b *testing.B) {
	m, err := Fit(truth(60, 0.1), nil, Options{Rounds: 200})
	if err != nil {
		b.Fatal(err)
	}
	w := workload(llama70, h100, perf.FP8, 4, 1024, 1024, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Predict(w); err != nil {
			b.Fatal(err)
		}
	}
}
