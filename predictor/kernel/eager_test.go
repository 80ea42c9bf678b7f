package kernel

import (
	"math"
	"testing"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

var gpt2Large = &perf.Model{Name: "gpt2-large", Family: "text_generation", Kind: "decoder", Architecture: "gpt2", Params: 774e6,
	Layers: 36, Hidden: 1280, Intermediate: 5120, Heads: 20, KVHeads: 20, Vocab: 50257, MaxPosition: 1024}

func workload(batch, tokens int) perf.Workload {
	return perf.Workload{Config: perf.Config{BatchSize: batch, SequenceLength: tokens, Precision: perf.FP32}, Facts: gpt2Large}
}

func productFLOPs(list []ops.Op) (sum float64) {
	for _, o := range list {
		if product(o.Class) {
			sum += o.FLOPs * o.Count
		}
	}
	return sum
}

// What PyTorch dispatches was counted on meta tensors with Hugging Face's
// transformers 4.33.3 (kernels that are no views; every tensor read or written
// counts once, what is broadcast as what is stored; dropout as one kernel), for
// four sequences of 512 tokens. The optimiser was not run.
func TestEagerIsWhatIsDispatched(t *testing.T) {
	bert := &perf.Model{Family: "text_generation", Kind: "encoder", Architecture: "bert", Params: 335e6,
		Layers: 24, Hidden: 1024, Intermediate: 4096, Heads: 16, KVHeads: 16, Vocab: 30522, MaxPosition: 512}
	opt := &perf.Model{Family: "text_generation", Kind: "decoder", Architecture: "opt", Params: 1316e6,
		Layers: 24, Hidden: 2048, Intermediate: 8192, Heads: 32, KVHeads: 32, Vocab: 50272, MaxPosition: 2048}
	routed := &perf.Model{Family: "text_generation", Kind: "encoder-decoder", Architecture: "switch_transformers", Params: 1e9, Layers: 4, DecoderLayers: 4,
		Hidden: 1024, Intermediate: 16384, ExpertIntermediate: 16384, Heads: 32, KVHeads: 32, HeadDim: 128, Vocab: 32128, Experts: 4, ExpertsPerToken: 1}
	for _, c := range []struct {
		name              string
		m                 *perf.Model
		forward, step     float64 // bytes
		kernels, kernels3 float64 // of a forward pass, of a step
	}{
		{"BERT-large", bert, 23.97e9, 68.48e9, 491, 1484},
		{"GPT-2 large", gpt2Large, 69.53e9, 201.04e9, 978, 2612},
		{"OPT-1.3B", opt, 52.26e9, 164.48e9, 524, 1591},
		{"Switch, 4 + 4 layers", routed, 28.99e9, 89.19e9, 569, 1494},
	} {
		w := workload(4, 512)
		w.Facts = c.m
		near := func(what string, got, want, within float64) {
			if math.Abs(got/want-1) > within {
				t.Errorf("%s, %s: %.4g listed, %.4g dispatched", c.name, what, got, want)
			}
		}
		forward, step := ops.Sum(Eager(w, ops.Forward(w))), ops.Totals{}
		var list []ops.Op
		for _, o := range Eager(w, ops.Train(w)) {
			if o.Class != ops.Update {
				list = append(list, o)
			}
		}
		step = ops.Sum(list)
		near("bytes of a pass", forward.Bytes, c.forward, 0.07)
		near("bytes of a training step", step.Bytes, c.step, 0.07)
		near("kernels of a pass", forward.Launches, c.kernels, 0.2)
		near("kernels of a training step", step.Launches, c.kernels3, 0.2)
	}
}

func TestEagerComputesWhatTheModelDoes(t *testing.T) {
	w := workload(4, 1024)
	plain, eager, training := ops.Of(w, ops.Forward(w)), Eager(w, ops.Forward(w)), Eager(w, ops.Train(w))
	if a, b := productFLOPs(plain), productFLOPs(eager); a != b {
		t.Errorf("products of a forward pass: %g FLOP eager, %g listed", b, a)
	}
	if r := productFLOPs(training) / productFLOPs(eager); math.Abs(r-3) > 1e-9 {
		t.Errorf("products of a training step are %.3f forward passes, want 3", r)
	}
	if a, b := ops.Sum(plain).Bytes, ops.Sum(eager).Bytes; b < 1.2*a || b > 3*a {
		t.Errorf("eager moves %.2f times the bytes of a fused list", b/a)
	}
}

// The shapes of a backward pass: every product of gradients has the forward
// product's size, and writes what was read.
func TestBackwardShapes(t *testing.T) {
	w := workload(2, 512)
	for _, o := range Eager(w, ops.Train(w)) {
		if !product(o.Class) {
			continue
		}
		if f := 2 * float64(o.B) * float64(o.M) * float64(o.N) * float64(o.K); math.Abs(f/o.FLOPs-1) > 1e-9 {
			t.Errorf("%s: %d x %d x %d x %d is %g FLOP, not %g", o.Name, o.B, o.M, o.N, o.K, f, o.FLOPs)
		}
	}
}

func TestStepWaitsForTheHost(t *testing.T) {
	d := device(1)
	w := workload(1, 16)
	list := Eager(w, ops.Forward(w))
	launches := ops.Sum(list).Launches
	var m *Model
	if got, _ := m.Step(list, d, perf.FP32, 1e-3); got < 1e-3*launches {
		t.Errorf("%.3g s for %g launches of 1 ms", got, launches)
	}
	free, s := m.Step(list, d, perf.FP32, 0)
	if sum := s.Compute + s.MemoryBandwidth + s.Overhead; math.Abs(sum-1) > 1e-9 {
		t.Errorf("shares %+v", s)
	}
	if got, _ := m.Step(list, d, perf.FP32, 1e-9); math.Abs(got/free-1) > 1e-3 {
		t.Errorf("%g s with a host that costs nothing, %g s without one", got, free)
	}
}

func TestEagerStepSaysWhereItCannot(t *testing.T) {
	var m *Model
	ask := func(change func(*perf.Workload)) bool {
		w := workload(4, 512)
		w.Hardware = device(1)
		change(&w)
		s, _, ok := m.EagerStep(w, ops.Forward(w), 8e-6)
		return ok && s > 0
	}
	if !ask(func(*perf.Workload) {}) {
		t.Error("no time for GPT-2 on a GPU")
	}
	for name, change := range map[string]func(*perf.Workload){
		"half precision": func(w *perf.Workload) { w.Precision = perf.FP16 },
		"two devices":    func(w *perf.Workload) { w.Devices = 2 },
		"generation":     func(w *perf.Workload) { w.OutputLength = 10 },
		"aggregates":     func(w *perf.Workload) { w.Facts = &perf.Model{Kind: "cnn", Family: "vision", MACs: 4e9} },
		"experts":        func(w *perf.Workload) { f := *w.Facts; f.Experts = 8; w.Facts = &f },
		"a CPU":          func(w *perf.Workload) { d := *w.Hardware; d.Platform = perf.CPU; w.Hardware = &d },
		"no bandwidth":   func(w *perf.Workload) { d := *w.Hardware; d.MemoryBandwidth = 0; w.Hardware = &d },
	} {
		if ask(change) {
			t.Errorf("%s: a time", name)
		}
	}
}

// BenchmarkStep is what a prediction pays: the list of a training step, and its time.
func BenchmarkStep(b *testing.B) {
	m := train(b, append(measure(device(0), 1500, false, 1), measure(device(1), 1500, false, 2)...))
	w := workload(4, 1024)
	for name, s := range map[string]ops.Step{"forward": ops.Forward(w), "train": ops.Train(w)} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for b.Loop() {
				list := Eager(w, s)
				m.Step(list, device(2), perf.FP32, 8e-6)
				n = len(list)
			}
			b.ReportMetric(float64(n), "operations")
		})
	}
}
