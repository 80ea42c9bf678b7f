package resolvers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Bad input gets an error that names the field, and changes nothing.
func TestBadInput(t *testing.T) {
	f := newFace(t, Options{})
	long := strings.Repeat("x", 10_000)
	predict := func(fields string) string { return "{ predict(input: { " + fields + " }) { id } }" }
	measure := func(fields string) string {
		return `mutation { recordMeasurement(input: { model: "bert-base-uncased", platform: cuda, ` + fields + ` }) { measurement { id } } }`
	}
	for _, c := range []struct{ query, code, field string }{
		{predict(`model: ""`), "INVALID_ARGUMENT", "model"},
		{predict(`model: "` + long + `"`), "INVALID_ARGUMENT", "model"},
		{predict(`model: "bert-base-uncasde", platform: cuda`), "UNKNOWN_NAME", "model"},
		{predict(`model: 7`), "GRAPHQL_VALIDATION_FAILED", ""},
		{predict(`platform: cuda`), "GRAPHQL_VALIDATION_FAILED", ""},
		{predict(`model: "gpt2", platform: abacus`), "", "platform"},
		{predict(`model: "gpt2", platform: 7`), "INVALID_ARGUMENT", "platform"},
		{predict(`model: "gpt2", platform: "` + long + `"`), "INVALID_ARGUMENT", "platform"},
		{predict(`model: "gpt2", device: "NVIDIA A101"`), "UNKNOWN_NAME", "device"},
		{predict(`model: "gpt2", device: "` + long + `"`), "INVALID_ARGUMENT", "device"},
		{predict(`model: "gpt2", platform: cuda, batchSize: 0`), "INVALID_ARGUMENT", "batchSize"},
		{predict(`model: "gpt2", platform: cuda, batchSize: -1`), "INVALID_ARGUMENT", "batchSize"},
		{predict(`model: "gpt2", platform: cuda, batchSize: 3000000000`), "INVALID_ARGUMENT", "batchSize"},
		{predict(`model: "gpt2", platform: cuda, batchSize: 1.5`), "GRAPHQL_VALIDATION_FAILED", ""},
		{predict(`model: "gpt2", platform: cuda, sequenceLength: 0`), "INVALID_ARGUMENT", "sequenceLength"},
		{predict(`model: "gpt2", platform: cuda, outputLength: -1`), "INVALID_ARGUMENT", "outputLength"},
		{predict(`model: "gpt2", platform: cuda, concurrency: -1`), "INVALID_ARGUMENT", "concurrency"},
		{predict(`model: "gpt2", platform: cuda, devices: -1`), "INVALID_ARGUMENT", "devices"},
		{predict(`model: "gpt2", platform: cuda, precision: fp17`), "INVALID_ARGUMENT", "precision"},
		{predict(`model: "gpt2", platform: cuda, precision: ""`), "INVALID_ARGUMENT", "precision"},
		{predict(`model: "gpt2", platform: cuda, mode: dreaming`), "INVALID_ARGUMENT", "mode"},
		{predict(`model: "gpt2", platform: cuda, runtime: "` + long + `"`), "INVALID_ARGUMENT", "runtime"},
		{`{ sweep(input: { model: "gpt2", platform: cuda }, batchSizes: [1, 0]) { id } }`, "INVALID_ARGUMENT", "batchSize"},
		{`{ recommend(input: { model: "gpt2" }, constraints: { maxLatencyMs: -1 }) { id } }`, "INVALID_ARGUMENT", "maxLatencyMs"},
		{`{ recommend(input: { model: "gpt2" }, constraints: { maxMemoryMb: -1 }) { id } }`, "INVALID_ARGUMENT", "maxMemoryMb"},
		{`{ recommend(input: { model: "gpt2" }, objective: beauty) { id } }`, "GRAPHQL_VALIDATION_FAILED", ""},
		{`{ task(id: "hardware-none") { id } }`, "NOT_FOUND", ""},
		{`{ device(name: "") { id } }`, "INVALID_ARGUMENT", "device"},
		{`{ model(name: "bert-base-uncasde") { id } }`, "UNKNOWN_NAME", "model"},
		{`{ accuracy(days: 1, metric: speed) { keys } }`, "GRAPHQL_VALIDATION_FAILED", ""},
		{measure(`latencyMs: -1`), "INVALID_ARGUMENT", "latencyMs"},
		{measure(`memoryMb: -1`), "INVALID_ARGUMENT", "memoryMb"},
		{measure(`throughput: "NaN"`), "GRAPHQL_VALIDATION_FAILED", ""},
		{measure(`latencyMs: 1, batchSize: 0`), "INVALID_ARGUMENT", "batchSize"},
		{measure(`latencyMs: 1, environment: "x"`), "INVALID_ARGUMENT", "environment"},
		{measure(`latencyMs: 1, source: "` + long + `"`), "INVALID_ARGUMENT", "source"},
		{`mutation { recordMeasurements(inputs: [{ model: "gpt2", platform: cuda, latencyMs: 1 }, { model: "gpt2", platform: cuda, latencyMs: 1, batchSize: 0 }]) { measurement { id } } }`, "INVALID_ARGUMENT", "inputs.1.batchSize"},
		{`mutation { recordFeedback(input: { recommendationId: "rec-none", accepted: true }) { id } }`, "NOT_FOUND", "recommendationId"},
		{`mutation { predictHardware(input: { model: "gpt2", batchSize: 0 }) { id } }`, "INVALID_ARGUMENT", "batchSize"},
		{`mutation { predictPerformance(input: { model: "no-such-model", platform: cuda }) { id } }`, "UNKNOWN_NAME", "model"},
		{`mutation { generateMatrix(models: ["gpt2"], platforms: [cuda], batchSizes: [0]) { id } }`, "INVALID_ARGUMENT", "batchSizes.0"},
		{`mutation { generateSampleData(numModels: -1) { id } }`, "INVALID_ARGUMENT", "numModels"},
		{`mutation { upsertDevice(input: { name: " ", platform: cuda }) { id } }`, "INVALID_ARGUMENT", "name"},
		{`mutation { setFleet(entries: [{ device: "NVIDIA T4", count: -1 }]) { device } }`, "INVALID_ARGUMENT", "entries[0].count"},
		{`mutation { setFleet(entries: [{ device: "NVIDIA T4" }, { device: "nothing like it" }]) { device } }`, "UNKNOWN_NAME", "entries[1].device"},
		{`mutation { cancelTask(id: "none") { id } }`, "NOT_FOUND", ""},
		{`mutation { retryTask(id: "none") { id } }`, "NOT_FOUND", ""},
		{`mutation { promoteModel(id: "none") { id } }`, "NOT_FOUND", ""},
		{`mutation { confirmMeasurement(id: "none") { id } }`, "NOT_FOUND", ""},
	} {
		p := f.refused(c.query, nil)
		if code := p.Extensions.Code; code == "" || code == "INTERNAL" || c.code != "" && code != c.code || c.field != "" && p.Extensions.Field != c.field {
			t.Errorf("%.150s\n%s %q: %s, want %s %q", c.query, code, p.Extensions.Field, p.Message, c.code, c.field)
		}
		if len(p.Message) > 1000 {
			t.Errorf("%.100s: the message has %d bytes", c.query, len(p.Message))
		}
	}
	var left struct {
		Measurements, Predictions, Recommendations, Tasks, PredictionModels struct{ TotalCount int }
		Fleet                                                               []any
	}
	f.ask(&left, `{ measurements { totalCount } predictions { totalCount } recommendations { totalCount } tasks { totalCount } predictionModels { totalCount } fleet { device } }`, nil)
	if fmt.Sprint(left) != "{{0} {0} {0} {0} {0} []}" {
		t.Errorf("bad input left something behind: %+v", left)
	}
}

// Variables are refused like literals.
func TestBadVariables(t *testing.T) {
	f := newFace(t, Options{})
	for field, v := range map[string]any{"batchSize": 0, "sequenceLength": -1, "precision": "fp17", "mode": "x", "platform": 7, "devices": 3_000_000_000} {
		p := f.refused(fixedPredict, map[string]any{"input": map[string]any{"model": "gpt2", "platform": "cuda", field: v}})
		if field == "platform" {
			continue // said twice in the object: the later one counts
		}
		if p.Extensions.Field != field || p.Extensions.Code != "INVALID_ARGUMENT" {
			t.Errorf("%s %v: %+v", field, v, p)
		}
	}
	for _, input := range []any{nil, 7, "x", map[string]any{}, map[string]any{"model": "gpt2", "colour": "red"}, map[string]any{"model": nil}} {
		if p := f.refused(fixedPredict, map[string]any{"input": input}); p.Extensions.Code != "GRAPHQL_VALIDATION_FAILED" {
			t.Errorf("input %v: %+v", input, p)
		}
	}
}

// Numbers beyond what a float holds are refused wherever they stand.
func TestInfinities(t *testing.T) {
	f := newFace(t, Options{})
	record := `mutation($in: MeasurementInput!) { recordMeasurement(input: $in) { measurement { id } } }`
	for _, v := range []any{json.Number("1e999"), json.Number("-1e999"), "NaN", "Infinity", "inf"} {
		r := f.try(record, map[string]any{"in": map[string]any{"model": "gpt2", "platform": "cuda", "throughput": v}})
		if len(r.Errors) == 0 || r.Errors[0].Extensions.Code == "INTERNAL" {
			t.Errorf("throughput %v: %+v, %s", v, r.Errors, r.Data)
		}
		if len(r.Errors) > 0 && strings.Contains(r.Errors[0].Message, "strconv") {
			t.Errorf("throughput %v: internal text: %s", v, r.Errors[0].Message)
		}
	}
	if r := f.try(`mutation { recordMeasurement(input: { model: "gpt2", platform: cuda, throughput: 1e999 }) { measurement { id } } }`, nil); len(r.Errors) == 0 {
		t.Error("a literal beyond all floats was taken")
	}
}

// Null is the same as leaving a field out, in literals and in variables, whole
// or one by one.
func TestNullIsLeftOut(t *testing.T) {
	f := newFace(t, Options{})
	const selection = `{ batchSize sequenceLength precision mode devices device throughput { value } }`
	var want, got, one struct{ Predict json.RawMessage }
	f.ask(&want, `{ predict(input: { model: "gpt2", platform: cuda }) `+selection+` }`, nil)
	nulls := map[string]any{"model": "gpt2", "platform": "cuda", "device": nil, "family": nil, "runtime": nil, "runtimeVersion": nil, "precision": nil, "mode": nil,
		"batchSize": nil, "sequenceLength": nil, "outputLength": nil, "concurrency": nil, "imageSize": nil, "devices": nil,
		"tensorParallel": nil, "pipelineParallel": nil, "expertParallel": nil, "threads": nil}
	f.ask(&got, `query($in: PredictInput!) { predict(input: $in) `+selection+` }`, map[string]any{"in": nulls})
	f.ask(&one, `query($m: String!, $b: Int, $s: Int, $p: Precision, $mode: Mode, $d: String, $o: Int, $platform: Platform) {
		predict(input: { model: $m, batchSize: $b, sequenceLength: $s, precision: $p, mode: $mode, device: $d, outputLength: $o, platform: $platform }) `+selection+` }`,
		map[string]any{"m": "gpt2", "b": nil, "p": nil, "d": nil, "platform": "CUDA"})
	if string(got.Predict) != string(want.Predict) || string(one.Predict) != string(want.Predict) {
		t.Errorf("left out %s\nall null %s\none by one %s", want.Predict, got.Predict, one.Predict)
	}
	f.ask(&struct{}{}, `mutation { recordMeasurement(input: { model: "gpt2", platform: cuda, batchSize: null, precision: null, latencyMs: 1, throughput: null, environment: null }) { measurement { id } } }`, nil)
}

// Threads are part of the question: one of 64 cores takes longer than all.
func TestThreads(t *testing.T) {
	f := newFace(t, Options{})
	type answer struct {
		Threads     int
		LatencyMs   struct{ Value float64 }
		Assumptions []string
	}
	var out struct{ One, All, Lite answer }
	const selection = `{ threads latencyMs { value } assumptions }`
	f.ask(&out, `{ one: predict(input: { model: "resnet-50", platform: cpu, device: "AMD EPYC 7763", threads: 1 }) `+selection+`
		all: predict(input: { model: "resnet-50", platform: cpu, device: "AMD EPYC 7763" }) `+selection+`
		lite: predict(input: { model: "resnet-50", platform: cpu, device: "AMD EPYC 7763", runtime: "tflite" }) `+selection+` }`, nil)
	if out.One.Threads != 1 || out.All.Threads != 0 || out.One.LatencyMs.Value < 3*out.All.LatencyMs.Value {
		t.Errorf("one thread %+v, all %+v", out.One, out.All)
	}
	if !strings.Contains(strings.Join(out.Lite.Assumptions, "; "), "threads: 1") {
		t.Errorf("TensorFlow Lite assumes %q", out.Lite.Assumptions)
	}
	if p := f.refused(`{ predict(input: { model: "resnet-50", platform: cpu, threads: -1 }) { id } }`, nil); p.Extensions.Field != "threads" {
		t.Errorf("%+v", p)
	}
}

// An unknown name suggests the nearest ones.
func TestSuggestions(t *testing.T) {
	f := newFace(t, Options{})
	p := f.refused(`{ predict(input: { model: "bert-base-uncasde", platform: cuda }) { id } }`, nil)
	if len(p.Extensions.Suggestions) == 0 || !strings.HasPrefix(p.Extensions.Suggestions[0], "bert-base") {
		t.Errorf("%+v", p)
	}
	if p := f.refused(`{ device(name: "NVIDIA A10O SXM 80GB") { id } }`, nil); len(p.Extensions.Suggestions) == 0 {
		t.Errorf("%+v", p)
	}
}
