package predictor

import (
	"strings"
	"testing"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/boost"
)

// What is left open is assumed aloud, and widens the answer.
func TestUnknownsWiden(t *testing.T) {
	p := mustDefault(t)
	w := workload(resnet50, a100, 32, 0, perf.FP32)
	known := mustPredict(t, p, w)
	for code, leave := range map[string]func(*perf.Workload){
		"PRECISION_ASSUMED": func(w *perf.Workload) { w.Precision = "" },
		"BATCH_ASSUMED":     func(w *perf.Workload) { w.Unknown.Batch = true },
	} {
		v := w
		leave(&v)
		out := mustPredict(t, p, v)
		if !warned(out, code) || out.Precision != perf.FP32 {
			t.Errorf("%s: %+v", code, out.Warnings)
		}
		if out.Latency.High/out.Latency.Low <= known.Latency.High/known.Latency.Low {
			t.Errorf("%s: %+v is no wider than %+v", code, out.Latency, known.Latency)
		}
	}
	if out := mustPredict(t, p, workload(llama, a100, 1, 512, "")); out.Precision != perf.BF16 {
		t.Errorf("a language model is taken to run in %s", out.Precision)
	}
}

// An image has no tokens: what is said of them changes nothing but the echo.
func TestIrrelevantInputsChangeNothing(t *testing.T) {
	p := mustDefault(t)
	w := workload(resnet50, a100, 32, 0, perf.FP16)
	want := mustPredict(t, p, w)
	w.SequenceLength, w.OutputLength, w.Concurrency = 512, 64, 8
	w.Runtime = want.Runtime
	got := mustPredict(t, p, w)
	if got.SequenceLength != 512 || got.OutputLength != 64 || got.Concurrency != 8 {
		t.Errorf("the request is echoed as %+v", got.Config)
	}
	if got.Latency != want.Latency || got.Memory != want.Memory || got.Throughput != want.Throughput {
		t.Errorf("%+v is not %+v", got.Latency, want.Latency)
	}
}

// A language model's token and request have bounds of their own: reading the
// weights, not the prompt's arithmetic.
func TestBreakdowns(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 1, 2048, perf.BF16)
	if out := mustPredict(t, p, w); out.RequestBreakdown() != nil || out.TokenBreakdown() == nil {
		t.Errorf("without output: %+v", out.Breakdowns)
	}
	w.OutputLength = 512
	out := mustPredict(t, p, w)
	if out.Bound() != perf.BoundCompute || out.TokenBreakdown().Bound() != perf.BoundMemory || out.RequestBreakdown().Bound() != perf.BoundMemory {
		t.Errorf("prompt %s, token %s, request %s", out.Bound(), out.TokenBreakdown().Bound(), out.RequestBreakdown().Bound())
	}
	if a := out.RequestBreakdown().Attainable; a <= out.Attainable || a > out.EndToEnd.Low*(1+1e-9) {
		t.Errorf("a request of %+v s is bounded by %g s", out.EndToEnd, a)
	}
}

// What does not fit says what would.
func TestDoesNotFitHints(t *testing.T) {
	p := mustDefault(t)
	big := *llama
	big.Params, big.Layers, big.Hidden, big.Intermediate = 70.6e9, 80, 8192, 28672
	out := mustPredict(t, p, workload(&big, a100, 1, 128, perf.BF16))
	for _, w := range out.Warnings {
		if w.Code == "DOES_NOT_FIT" && strings.Contains(w.Message, "split over 2 devices") {
			return
		}
	}
	t.Errorf("%+v", out.Warnings)
}

// An engine holds back the requests that it has no room for, and says so.
func TestQueuedAloud(t *testing.T) {
	p := mustDefault(t)
	w := workload(llama, a100, 1, 4096, perf.BF16)
	w.Runtime, w.OutputLength, w.Concurrency = "vllm", 512, 4000
	out := mustPredict(t, p, w)
	if out.Fits != perf.FitTight || !warned(out, "QUEUED") || out.MaxBatch < 10 || out.MaxBatch > 200 {
		t.Errorf("%s, %d at once, %+v", out.Fits, out.MaxBatch, out.Warnings)
	}
}

// Weights of microcontrollers lie in flash; memory that nobody states refuses
// nothing, and says so.
func TestLittleMemory(t *testing.T) {
	p := mustDefault(t)
	board := &perf.Device{Name: "board", Platform: "mcu", Kind: "mcu", FP32: 2e8, Int8: 1e9, MemoryBytes: 320e3, MemoryBandwidth: 5e8, Cores: 1, ClockHz: 2e8}
	net := &perf.Model{Name: "net", Family: "vision", Kind: "cnn", Params: 1e6, MACs: 1e7, Activations: 2e5}
	out := mustPredict(t, p, workload(net, board, 1, 0, perf.Int8))
	if out.Fits == perf.FitNo || out.MemoryParts.Weights != 0 {
		t.Errorf("%s: %+v", out.Fits, out.MemoryParts)
	}
	large := *net
	large.Activations = 1e8
	out = mustPredict(t, p, workload(&large, board, 1, 0, perf.Int8))
	if out.Fits != perf.FitNo || !strings.Contains(out.Warnings[len(out.Warnings)-1].Message+out.Warnings[0].Message, "kB of board") {
		t.Errorf("%s: %+v", out.Fits, out.Warnings)
	}
	unknown := *board
	unknown.MemoryBytes = 0
	if out = mustPredict(t, p, workload(net, &unknown, 1, 0, perf.Int8)); out.Fits != perf.FitYes || !warned(out, "MEMORY_UNKNOWN") {
		t.Errorf("%s: %+v", out.Fits, out.Warnings)
	}
}

// Where the bound takes the estimate's place the answer is not certain.
func TestABoundedAnswerHasAnInterval(t *testing.T) {
	w := workload(resnet50, a100, 64, 0, perf.FP16)
	in, err := InputOf(w, StepTime, Plain)
	if err != nil {
		t.Fatal(err)
	}
	x, y := make([][]float64, 100), make([]float64, 100)
	for i := range x {
		x[i] = make([]float64, len(Features))
	}
	flat, err := boost.Fit(x, y, nil, boost.Options{Trees: 1, MaxDepth: 1, LearningRate: 0.1})
	if err != nil {
		t.Fatal(err)
	}
	quick := Effect{Mean: Coefficients{Common: -6}} // 400 times as fast as stated
	a := &Artefact{Learned: &Learned{Folds: []*boost.Model{flat}, Noise: 0.1, Effects: map[uint64]Effect{in.Groups[groupCell]: quick, in.Groups[groupSoftware]: {}}}}
	p, err := NewFrom(a, "too good to be true")
	if err != nil {
		t.Fatal(err)
	}
	out := mustPredict(t, p, w)
	if out.Latency.Value != out.Attainable {
		t.Fatalf("%g s is not the bound of %g s", out.Latency.Value, out.Attainable)
	}
	if out.Latency.High < 1.5*out.Latency.Value || out.Distance == perf.DistanceCovered {
		t.Errorf("%s: %+v", out.Distance, out.Latency)
	}
}
