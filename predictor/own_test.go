package predictor

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

func mustLearn(t testing.TB, p *Predictor, w perf.Workload, m perf.Measurement) {
	t.Helper()
	if v, err := p.Learn(w, m); err != nil || v.Quarantined {
		t.Fatalf("%s: %v %v", m.ID, v.Reason, err)
	}
}

func warned(out perf.Prediction, code string) bool {
	return slices.ContainsFunc(out.Warnings, func(w perf.Warning) bool { return w.Code == code })
}

// A question that names no version is answered by the newest one measured, one
// that names a version by that alone.
func TestTheNewestVersionAnswersForAll(t *testing.T) {
	p := mustDefault(t)
	open := workload(resnet50, a100, 32, 0, perf.FP16)
	x := mustPredict(t, p, open).Latency.Value
	for i, version := range []string{"2.4.1", "2.10.0", "2.9.0"} {
		w := open
		w.RuntimeVersion = version
		mustLearn(t, p, w, measured("meas-"+version, x*(1+0.1*float64(i))))
	}
	out := mustPredict(t, p, open)
	if out.Basis != perf.BasisMeasured || out.Evidence[0].ID != "meas-2.10.0" || out.RuntimeVersion != "" {
		t.Errorf("%s by %+v", out.Basis, out.Evidence)
	}
	if !strings.Contains(strings.Join(out.Assumptions, "\n"), "in version 2.10.0") {
		t.Errorf("%q", out.Assumptions)
	}
	open.RuntimeVersion = "2.4.1"
	if out := mustPredict(t, p, open); out.Evidence[0].ID != "meas-2.4.1" {
		t.Errorf("%+v", out.Evidence)
	}
	open.RuntimeVersion = "2.3.0"
	if out := mustPredict(t, p, open); out.Basis != perf.BasisNeighbour {
		t.Errorf("a version that nobody measured is %s", out.Basis)
	}
}

// Only what was measured is: a recorded memory makes no measured time, changes
// what fits, and moves what takes memory alike.
func TestMeasuredMemory(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 1, 2048, perf.BF16)
	w.Runtime = "transformers"
	other := w
	other.BatchSize = 4
	prior, before := mustPredict(t, p, w), mustPredict(t, p, other)
	mustLearn(t, p, w, perf.Measurement{ID: "meas-1", Memory: new(1.5 * prior.Memory.Value)})
	out, after := mustPredict(t, p, w), mustPredict(t, p, other)
	if out.Basis == perf.BasisMeasured || out.Latency != prior.Latency {
		t.Errorf("the time is %s, %+v and not %+v", out.Basis, out.Latency, prior.Latency)
	}
	if math.Abs(out.Memory.Value/(1.5*prior.Memory.Value)-1) > 1e-9 || math.Abs(out.MemoryParts.Total()/out.Memory.Value-1) > 1e-9 {
		t.Errorf("memory %g in parts of %g", out.Memory.Value, out.MemoryParts.Total())
	}
	if out.MaxBatch >= prior.MaxBatch || !strings.Contains(strings.Join(out.Assumptions, "\n"), "measured: memory;") || out.Evidence[0].ID != "meas-1" {
		t.Errorf("largest batch %d of %d, %q", out.MaxBatch, prior.MaxBatch, out.Assumptions)
	}
	if r := after.Memory.Value / before.Memory.Value; r < 1.1 || r > 1.5 {
		t.Errorf("the neighbour moved by %g", r)
	}
	if after.Memory.High/after.Memory.Low >= before.Memory.High/before.Memory.Low {
		t.Error("its interval did not narrow")
	}
}

// What follows from measured times follows from them in the answer, too.
func TestMeasuredTokensMakeTheRequest(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 1, 1024, perf.BF16)
	w.Runtime, w.OutputLength, w.Concurrency = "vllm", 256, 16
	prior := mustPredict(t, p, w)
	ttft, tpot := 1.3*prior.TTFT.Value, 1.2*prior.TPOT.Value
	mustLearn(t, p, w, perf.Measurement{ID: "meas-1", TTFT: &ttft, TPOT: &tpot})
	out := mustPredict(t, p, w)
	if out.Basis != perf.BasisMeasured || out.TTFT.Value != ttft || out.TPOT.Value != tpot {
		t.Fatalf("%s %+v %+v", out.Basis, out.TTFT, out.TPOT)
	}
	whole := ttft + 255*tpot
	if math.Abs(out.EndToEnd.Value/whole-1) > 1e-9 || math.Abs(out.OutputTokensPerSec.Value/(16*256/whole)-1) > 1e-9 {
		t.Errorf("a request of %g s, %g tokens/s", out.EndToEnd.Value, out.OutputTokensPerSec.Value)
	}
}

// A rate that its step contradicts waits for confirmation.
func TestContradictionsAreHeld(t *testing.T) {
	p := mustDefault(t)
	w := workload(resnet50, a100, 32, 0, perf.FP16)
	prior := mustPredict(t, p, w)
	v, err := p.Learn(w, perf.Measurement{ID: "meas-1", Latency: &prior.Latency.Value, Throughput: new(prior.Throughput.Value / 20)})
	if err != nil || !v.Quarantined || !strings.Contains(v.Reason, "contradict") {
		t.Errorf("%+v %v", v, err)
	}
	for _, id := range []string{"meas-2", "meas-3"} { // a repeat confirms it, and all that come after
		if v, err = p.Learn(w, perf.Measurement{ID: id, Latency: &prior.Latency.Value, Throughput: new(prior.Throughput.Value / 20)}); err != nil || v.Quarantined {
			t.Errorf("%s: %+v %v", id, v, err)
		}
	}
	if len(v.Released) > 0 {
		t.Errorf("%+v", v)
	}
}

// The nearest measurements are named, with what they are of.
func TestNeighboursAreNamed(t *testing.T) {
	p := mustDefault(t)
	for i, batch := range []int{1, 8, 64, 128, 256, 512} {
		w := workload(resnet50, a100, batch, 0, perf.FP16)
		mustLearn(t, p, w, measured(string(rune('a'+i)), 1.1*mustPredict(t, p, w).Latency.Value))
	}
	out := mustPredict(t, p, workload(resnet50, a100, 500, 0, perf.FP16))
	e := out.Evidence[0]
	if e.ID != "f" || e.Model != "resnet50" || e.Device != a100.Name || e.Runtime != "pytorch-eager" {
		t.Errorf("%+v", out.Evidence)
	}
	sum := 0.0
	for _, e := range out.Evidence[:maxEvidence] {
		sum += e.Weight
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("weights sum to %g", sum)
	}
}

// A version that nobody measured is answered as the nearest one that somebody
// did.
func TestTheNearestVersionStandsIn(t *testing.T) {
	p := mustDefault(t)
	d := &perf.Device{Name: "NVIDIA GeForce RTX 4090", Platform: perf.CUDA, Kind: "consumer-gpu", Vendor: "NVIDIA", Year: 2022,
		FP32: 82.6e12, TF32: 82.6e12, FP16: 165e12, BF16: 165e12, Int8: 330e12, MemoryBytes: 24e9, MemoryBandwidth: 1008e9, CacheBytes: 72e6, Cores: 128, ClockHz: 2.52e9, PowerW: 450}
	w := workload(resnet50, d, 64, 0, perf.AMP)
	w.Runtime, w.Layout = "pytorch-eager", "nhwc"
	of := func(version string) Input {
		w := w
		w.RuntimeVersion = version
		in, err := InputOf(w, StepTime, Plain)
		if err != nil {
			t.Fatal(err)
		}
		p.nearest(&in, w, RuntimeNamed(w.Runtime), StepTime, Plain)
		return in
	}
	known := of("2.4.0")
	if known.Near != [2]uint64{} {
		t.Fatal("a version that was measured has another in its place")
	}
	if near := of("2.5.1").Near; near != [2]uint64{known.Groups[groupVersion], known.Groups[groupDeviceVersion]} {
		t.Errorf("2.5.1 is answered as %v, 2.4.0 is %d and %d", near, known.Groups[groupVersion], known.Groups[groupDeviceVersion])
	}
}

// A measurement that says what was predicted teaches nothing, in a version that
// nobody measured as in any other.
func TestTheExpectedTeachesNothing(t *testing.T) {
	for _, version := range []string{"", "2.4.0", "2.5.1"} {
		p := mustDefault(t)
		w := workload(resnet50, a100, 64, 0, perf.AMP)
		w.Runtime, w.RuntimeVersion = "pytorch-eager", version
		other := w
		other.BatchSize = 128
		before := mustPredict(t, p, other)
		mustLearn(t, p, w, measured("meas-1", mustPredict(t, p, w).Latency.Value))
		if after := mustPredict(t, p, other); math.Abs(after.Latency.Value/before.Latency.Value-1) > 1e-6 {
			t.Errorf("version %q: the neighbour moved from %g to %g", version, before.Latency.Value, after.Latency.Value)
		}
	}
}

// A pass over a prompt is not an answer to a request with output.
func TestAMeasuredPromptIsNoMeasuredRequest(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 1, 512, perf.BF16)
	w.Runtime, w.OutputLength = "transformers", 256
	prior := mustPredict(t, p, w)
	mustLearn(t, p, w, measured("meas-1", 1.1*prior.Latency.Value))
	out := mustPredict(t, p, w)
	if out.Basis == perf.BasisMeasured || out.TTFT.Value != out.Latency.Value || out.Evidence[0].ID != "meas-1" {
		t.Errorf("%s, first token %g, step %g", out.Basis, out.TTFT.Value, out.Latency.Value)
	}
	rate := 0.8 * prior.OutputTokensPerSec.Value
	mustLearn(t, p, w, perf.Measurement{ID: "meas-2", OutputTokensPerSec: &rate})
	out = mustPredict(t, p, w)
	if out.Basis != perf.BasisMeasured || math.Abs(out.TPOT.Value*rate-1) > 1e-9 || math.Abs(out.EndToEnd.Value/(out.TTFT.Value+255/rate)-1) > 1e-9 {
		t.Errorf("%s: a token %g s, a request %g s at %g tokens/s", out.Basis, out.TPOT.Value, out.EndToEnd.Value, rate)
	}
}

// What an engine takes is as much as it was told to, and no need.
func TestAPoolIsNoNeed(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 1, 2048, perf.BF16)
	w.Runtime, w.OutputLength, w.Concurrency = "vllm", 256, 16
	prior := mustPredict(t, p, w)
	mustLearn(t, p, w, perf.Measurement{ID: "meas-1", Memory: new(72e9)})
	out := mustPredict(t, p, w)
	if out.Memory.Value != 72e9 || out.Fits != prior.Fits || out.MaxBatch != prior.MaxBatch || out.MemoryParts != prior.MemoryParts {
		t.Errorf("%g bytes, %s, %d at once and not %d", out.Memory.Value, out.Fits, out.MaxBatch, prior.MaxBatch)
	}
	w.Concurrency = 4
	if other := mustPredict(t, p, w); other.Memory.Value > prior.Memory.Value {
		t.Errorf("fewer requests need %g bytes", other.Memory.Value)
	}
}

// Copies of a model share the requests in flight.
func TestCopiesShareRequests(t *testing.T) {
	p := mustDefault(t)
	one := workload(llama, a100, 1, 2048, perf.BF16)
	one.Runtime, one.OutputLength, one.Concurrency = "vllm", 256, 16
	eight := one
	eight.Devices, eight.Concurrency = 8, 128
	a, b := mustPredict(t, p, one), mustPredict(t, p, eight)
	if a.Memory != b.Memory || b.MaxBatch < 8*a.MaxBatch {
		t.Errorf("%+v, %d at once, eight copies %+v, %d", a.Memory, a.MaxBatch, b.Memory, b.MaxBatch)
	}
}

// Steps multiply whichever model answers.
func TestStepsMultiplyTheSumOfKernels(t *testing.T) {
	p := mustDefault(t)
	dit := &perf.Model{Name: "dit", Family: "diffusion", Kind: "encoder", Params: 675e6, Layers: 28, Hidden: 1152, Intermediate: 4608, Heads: 16, KVHeads: 16, Vocab: 1000}
	w := workload(dit, a100, 1, 256, perf.FP32)
	w.Runtime = "pytorch-eager"
	one := mustPredict(t, p, w)
	several := *dit
	several.Passes = 30
	w.Facts = &several
	if image := mustPredict(t, p, w); math.Abs(image.Latency.Value/one.Latency.Value-30) > 1 {
		t.Errorf("a pass %g s, thirty %g s", one.Latency.Value, image.Latency.Value)
	}
}
