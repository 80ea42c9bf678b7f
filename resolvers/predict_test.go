package resolvers

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

type estimate struct{ Value, Low, High float64 }

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

// This query is fixed: clients are written against it.
const fixedPredict = `query($input: PredictInput!) { predict(input: $input) {
	throughput { value low high } latencyMs { value low high } memoryMb { value low high }
	basis fits bound modelVersion warnings } }`

func TestPredictSaysWhatTheAppSays(t *testing.T) {
	f := newFace(t, Options{})
	input := map[string]any{"model": "bert-base-uncased", "device": "NVIDIA A100 SXM 80GB", "platform": "CUDA", "batchSize": 8,
		"sequenceLength": 256, "precision": "FP16", "mode": "Inference"}
	var got struct {
		Predict struct {
			Throughput, LatencyMs, MemoryMb  estimate
			Basis, Fits, Bound, ModelVersion string
			Warnings                         []string
		}
	}
	f.ask(&got, fixedPredict, map[string]any{"input": input})
	c := app.DefaultConfig()
	c.Model, c.Device, c.Platform, c.BatchSize, c.SequenceLength, c.Precision = "bert-base-uncased", "NVIDIA A100 SXM 80GB", perf.CUDA, 8, 256, perf.FP16
	want, err := f.app.Predict(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	p := got.Predict
	if p.Throughput != estimate(want.Throughput) || p.LatencyMs != estimate(want.LatencyMs()) || p.MemoryMb != estimate(want.MemoryMb()) {
		t.Errorf("estimates %+v, want %+v", p, want)
	}
	if p.Basis != string(want.Basis) || p.Fits != string(want.Fits) || p.Bound != string(want.Bound()) || p.ModelVersion != want.ModelVersion {
		t.Errorf("verdicts %+v, want %+v", p, want)
	}
	if len(p.Warnings) != len(want.Warnings) {
		t.Errorf("warnings %q, want %+v", p.Warnings, want.Warnings)
	}
	for i, w := range want.Warnings {
		if p.Warnings[i] != w.Code+": "+w.Message {
			t.Errorf("warning %q, want %+v", p.Warnings[i], w)
		}
	}
}

func TestDefaultsOfPredict(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Predict struct {
			BatchSize, SequenceLength, Devices, TensorParallel int
			Precision, Mode, Platform                          string
			TtftMs                                             *estimate
			WarningDetails                                     []struct{ Code string }
		}
	}
	f.ask(&got, `{ predict(input: { model: "bert-base-uncased", platform: cuda }) { batchSize sequenceLength devices tensorParallel
		precision mode platform ttftMs { value } warningDetails { code } } }`, nil)
	p := got.Predict
	if p.BatchSize != 1 || p.SequenceLength != 128 || p.Precision != "fp32" || p.Mode != "inference" || p.Devices != 1 || p.TensorParallel != 1 || p.Platform != "cuda" {
		t.Errorf("defaults: %+v", p)
	}
	if p.TtftMs != nil {
		t.Errorf("an encoder has a time to first token: %+v", p.TtftMs)
	}
	if !slices.Contains(p.WarningDetails, struct{ Code string }{"DEVICE_ASSUMED"}) {
		t.Errorf("no word of the device being assumed: %+v", p.WarningDetails)
	}
}

func TestRatesOfALanguageModelAreApart(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Predict struct {
			TtftMs, TpotMs, EndToEndMs, RequestsPerSecond, OutputTokensPerSecond, OutputTokensPerSecondPerDevice estimate
			Devices                                                                                              int
			MemoryPartsMb                                                                                        struct{ Weights, KvCache float64 }
			MaxBatch, MaxSequence                                                                                int
		}
	}
	f.ask(&got, `{ predict(input: { model: "meta-llama/Llama-3.1-8B", device: "NVIDIA H100 SXM 80GB", precision: bf16, runtime: "vllm",
		sequenceLength: 512, outputLength: 128, concurrency: 16, tensorParallel: 2 }) { devices maxBatch maxSequence memoryPartsMb { weights kvCache }
		ttftMs { value } tpotMs { value } endToEndMs { value } requestsPerSecond { value } outputTokensPerSecond { value }
		outputTokensPerSecondPerDevice { value } } }`, nil)
	p := got.Predict
	if p.Devices != 2 {
		t.Fatalf("tensorParallel 2 runs on %d devices", p.Devices)
	}
	if !near(p.OutputTokensPerSecond.Value, 128*p.RequestsPerSecond.Value) || !near(p.OutputTokensPerSecond.Value, 2*p.OutputTokensPerSecondPerDevice.Value) {
		t.Errorf("rates do not agree: %+v", p)
	}
	if p.TtftMs.Value <= 0 || p.TpotMs.Value <= 0 || p.EndToEndMs.Value <= p.TtftMs.Value || p.MemoryPartsMb.Weights <= 0 || p.MemoryPartsMb.KvCache <= 0 || p.MaxSequence <= 0 {
		t.Errorf("parts are missing: %+v", p)
	}
}

func TestSweepIsTheProductInOrder(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Sweep []struct {
			Platform, Precision       string
			BatchSize, SequenceLength int
			Throughput                estimate
		}
	}
	f.ask(&got, `{ sweep(input: { model: "bert-base-uncased" }, platforms: [cuda, CPU], batchSizes: [1, 8], sequenceLengths: [64, 128], precisions: [fp32, FP16]) {
		platform batchSize sequenceLength precision throughput { value } } }`, nil)
	var order []string
	for _, p := range got.Sweep {
		order = append(order, fmt.Sprint(p.Platform, p.BatchSize, p.SequenceLength, p.Precision))
		if p.Throughput.Value <= 0 {
			t.Errorf("no throughput: %+v", p)
		}
	}
	var want []string
	for _, platform := range []string{"cuda", "cpu"} {
		for _, batch := range []int{1, 8} {
			for _, length := range []int{64, 128} {
				for _, precision := range []string{"fp32", "fp16"} {
					want = append(want, fmt.Sprint(platform, batch, length, precision))
				}
			}
		}
	}
	if !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}
