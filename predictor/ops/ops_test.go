package ops

import (
	"math"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

var bert = &perf.Model{Name: "bert-base-uncased", Family: "embedding", Kind: "encoder", Params: 109.5e6,
	Layers: 12, Hidden: 768, Intermediate: 3072, Heads: 12, KVHeads: 12, Vocab: 30522, MaxPosition: 512}

var llama = &perf.Model{Name: "llama-3-8b", Family: "text_generation", Kind: "decoder", Params: 8.03e9,
	Layers: 32, Hidden: 4096, Intermediate: 14336, Heads: 32, KVHeads: 8, Vocab: 128256, GatedMLP: true}

func workload(m *perf.Model, batch, seq int, p perf.Precision) perf.Workload {
	return perf.Workload{Config: perf.Config{BatchSize: batch, SequenceLength: seq, Precision: p}, Facts: m}
}

// A forward pass of BERT base over 128 tokens is published as 11.2 GMACs
// (22.5 GFLOPs).
func TestBERTForwardFLOPs(t *testing.T) {
	w := workload(bert, 1, 128, perf.FP32)
	got := Sum(Of(w, Forward(w))).FLOPs / 1e9
	if math.Abs(got-22.4) > 0.5 {
		t.Errorf("forward pass: %.2f GFLOP, want about 22.4", got)
	}
}

// A decode step of one sequence reads nearly all parameters once: 2 FLOPs and
// 2 bytes each in 16 bits.
func TestDecodeReadsTheWeightsOnce(t *testing.T) {
	w := workload(llama, 1, 128, perf.FP16)
	s := Sum(Of(w, Decode(w, 128)))
	weights := (llama.Params - float64(llama.Vocab*llama.Hidden)) * 2 // the embedding table is not read
	if r := s.WeightBytes / weights; r < 0.97 || r > 1.03 {
		t.Errorf("weight bytes are %.3f of the parameters", r)
	}
	if r := s.FLOPs / weights; r < 0.97 || r > 1.05 {
		t.Errorf("FLOPs are %.3f of 2 for each parameter", r)
	}
}

func TestTrainingIsThreeForwardPasses(t *testing.T) {
	w := workload(bert, 8, 128, perf.FP32)
	f, tr := Sum(Of(w, Forward(w))).FLOPs, Sum(Of(w, Train(w))).FLOPs
	if r := tr / f; r < 2.9 || r > 3.2 {
		t.Errorf("training step is %.2f forward passes", r)
	}
}

func TestTensorParallelSplitsTheWork(t *testing.T) {
	w := workload(llama, 4, 512, perf.BF16)
	one := Sum(Of(w, Prefill(w)))
	w.TensorParallel = 4
	four := Sum(Of(w, Prefill(w)))
	if r := one.FLOPs / four.FLOPs; r < 3.9 || r > 4.01 {
		t.Errorf("four devices do 1/%.2f of the FLOPs each", r)
	}
	if one.Wire != 0 || four.Wire == 0 {
		t.Errorf("wire bytes: %g on one device, %g on four", one.Wire, four.Wire)
	}
}

func TestHit(t *testing.T) {
	if got := Hit(8, 2, 1); math.Abs(got-2) > 1e-9 {
		t.Errorf("one token hits %g experts of 8, want 2", got)
	}
	if got := Hit(8, 2, 1000); math.Abs(got-8) > 1e-6 {
		t.Errorf("a thousand tokens hit %g, want 8", got)
	}
}

func TestParamsFromLayers(t *testing.T) {
	m := *llama
	m.Params = 0
	if got := Params(&m); math.Abs(got/7.5e9-1) > 0.02 { // 8.03 without the untied output matrix
		t.Errorf("%.3g parameters", got)
	}
}

func TestImageAreaScalesAggregates(t *testing.T) {
	m := &perf.Model{Family: "vision", Kind: "cnn", Params: 25.6e6, MACs: 4.1e9, Activations: 11.1e6, ImageSize: 224}
	w := perf.Workload{Config: perf.Config{BatchSize: 1, ImageSize: 448, Precision: perf.FP32}, Facts: m}
	if got := Sum(Of(w, Forward(w))).FLOPs; math.Abs(got/(4*2*4.1e9)-1) > 1e-9 {
		t.Errorf("four times the area: %g FLOPs", got)
	}
}
