package rest_test

import (
	"math"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/rest"
)

var (
	taskID    = regexp.MustCompile(`^[a-z]+-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?$`)
)

// TestTaskIDs: each endpoint's task has its prefix and a UUIDv4.
func TestTaskIDs(t *testing.T) {
	s := serve(t, rest.Options{})
	for endpoint, c := range map[string]struct{ prefix, body string }{
		"predict-hardware":     {"hardware-", `{"model_name":"bert-base-uncased"}`},
		"predict-performance":  {"performance-", `{"model_name":"bert-base-uncased","hardware":"cuda"}`},
		"record-measurement":   {"measurement-", `{"model_name":"bert-base-uncased","hardware_platform":"cuda"}`},
		"analyze-predictions":  {"analysis-", `{}`},
		"record-feedback":      {"feedback-", `{"recommendation_id":"rec-x","accepted":true}`},
		"store-model":          {"model-", `{"model_type":"t","target_metric":"throughput","serialized_model_path":"","hardware_platform":"cpu","features":[]}`},
		"generate-matrix":      {"matrix-", `{"model_configs":[],"hardware_platforms":[],"batch_sizes":[]}`},
		"generate-sample-data": {"sample-", `{"num_models":0}`},
	} {
		id := s.start(endpoint, c.body)
		if !strings.HasPrefix(id, c.prefix) || !taskID.MatchString(id) {
			t.Errorf("%s: task id %q", endpoint, id)
		}
		task := s.wait(id)
		s.exactly("task", task, "status progress message timestamp result")
		equal(t, "status", task["status"], "completed")
		equal(t, "progress", task["progress"], 1.0)
		equal(t, "message", task["message"], "Task completed successfully")
		if !timestamp.MatchString(task["timestamp"].(string)) {
			t.Errorf("timestamp %q", task["timestamp"])
		}
		s.validate("#/components/schemas/"+resultOf[endpoint], task["result"])
	}
}

func TestUnknownTask(t *testing.T) {
	s := serve(t, rest.Options{})
	for _, id := range []string{"hardware-00000000-0000-4000-8000-000000000000", "x", "%00", "a%20b", "%F0%9F%90%A7"} {
		a := s.get(prefix + "task/" + id)
		if a.status != http.StatusNotFound || a.text != `{"detail":"Task not found"}` {
			t.Errorf("task %q: %d %s", id, a.status, a.text)
		}
	}
}

// TestPredictHardware sends the guide's example.
func TestPredictHardware(t *testing.T) {
	s := serve(t, rest.Options{})
	r := s.run("predict-hardware", `{"model_name":"bert-base-uncased","model_family":"embedding","batch_size":8,"sequence_length":128,
		"mode":"inference","precision":"fp16","available_hardware":["cuda","cpu","rocm"],"predict_performance":true}`)
	s.has("result", r, `model_family model_name model_size model_size_category batch_size sequence_length precision mode
		primary_recommendation fallback_options alternative_recommendations compatible_hardware explanation prediction_source recommendation_id performance`)
	equal(t, "model_family", r["model_family"], "embedding")
	equal(t, "model_name", r["model_name"], "bert-base-uncased")
	equal(t, "model_size_category", r["model_size_category"], "medium")
	equal(t, "batch_size", r["batch_size"], 8)
	equal(t, "sequence_length", r["sequence_length"], 128)
	equal(t, "precision", r["precision"], "fp16")
	equal(t, "mode", r["mode"], "inference")
	if size := r["model_size"].(float64); size < 108e6 || size > 111e6 {
		t.Errorf("bert-base has %v parameters", size)
	}
	equal(t, "alternatives", r["alternative_recommendations"], r["fallback_options"])
	all := append([]any{r["primary_recommendation"]}, r["fallback_options"].([]any)...)
	equal(t, "compatible_hardware", r["compatible_hardware"], all)
	if len(all) != 3 {
		t.Errorf("of three platforms that run bert-base, %v qualify", all)
	}
	for _, p := range all {
		if !strings.Contains("cuda cpu rocm", p.(string)) {
			t.Errorf("recommends %v, which is not available", p)
		}
	}
	if !strings.HasPrefix(r["recommendation_id"].(string), "rec-") || r["explanation"] == "" {
		t.Errorf("recommendation %v: %v", r["recommendation_id"], r["explanation"])
	}
	p := r["performance"].(map[string]any)
	s.has("performance", p, "throughput latency memory_usage source prediction_id interval device confidence_score")
	sane(t, p, 8)
	s.row("recommendations", "recommendation_id", r["recommendation_id"])
	s.row("predictions", "prediction_id", p["prediction_id"])

	// Without being asked, no performance; without a list or with an empty
	// one, a choice all the same. Null is as good as nothing.
	for _, body := range []string{`{"model_name":"gpt2"}`, `{"model_name":"gpt2","available_hardware":[]}`,
		`{"model_name":"gpt2","available_hardware":null,"model_family":null}`} {
		r := s.run("predict-hardware", body)
		if _, ok := r["performance"]; ok {
			t.Errorf("%s: performance without being asked", body)
		}
		equal(t, "model_family", r["model_family"], "text_generation")
		if r["primary_recommendation"] == nil {
			t.Errorf("%s: nothing recommended", body)
		}
	}
	// Bounds that nothing keeps: nothing is recommended, and it says why.
	r = s.run("predict-hardware", `{"model_name":"gpt2","max_latency_ms":1e-9}`)
	equal(t, "primary", r["primary_recommendation"], nil)
	equal(t, "alternatives", r["alternative_recommendations"], []any{})
	if r["explanation"] == "" {
		t.Error("no explanation")
	}
}

// sane: throughput, latency and memory are numbers that agree with each other,
// in samples per second, ms and MB.
func sane(t *testing.T, p map[string]any, batch float64) {
	t.Helper()
	throughput, latency, memory := p["throughput"].(float64), p["latency"].(float64), p["memory_usage"].(float64)
	if ratio := throughput * latency / 1000 / batch; math.Abs(ratio-1) > 0.01 {
		t.Errorf("%v samples/s and %v ms a step of %v samples do not agree", throughput, latency, batch)
	}
	if memory < 200 || memory > 4000 { // bert-base: 110 M parameters in 2 or 4 bytes, and a runtime
		t.Errorf("memory_usage %v MB", memory)
	}
	i := p["interval"].(map[string]any)
	for _, key := range []string{"throughput", "latency", "memory_usage"} {
		low, high, v := i[key+"_low"].(float64), i[key+"_high"].(float64), p[key].(float64)
		if low > v || v > high {
			t.Errorf("%s %v outside its interval [%v, %v]", key, v, low, high)
		}
	}
	if c := p["confidence_score"].(float64); c < 0 || c > 1 {
		t.Errorf("confidence %v", c)
	}
}

// row finds the row of a list by an id.
func (s *server) row(list, key string, id any) map[string]any {
	s.Helper()
	body := s.get(prefix + list + "?limit=1000").body
	rows := body[strings.ReplaceAll(list, "-", "_")].([]any)
	equal(s.T, "count", body["count"], len(rows))
	for _, row := range rows {
		if row := row.(map[string]any); row[key] == id {
			return row
		}
	}
	s.Fatalf("%s has no row with %s %v", list, key, id)
	return nil
}

// TestPredictPerformance sends the guide's example, and one platform alone.
func TestPredictPerformance(t *testing.T) {
	s := serve(t, rest.Options{})
	r := s.run("predict-performance", `{"model_name":"bert-base-uncased","model_family":"embedding","hardware":["cuda","cpu"],
		"batch_size":8,"sequence_length":128,"mode":"inference","precision":"fp16"}`)
	s.has("result", r, "model_name model_family batch_size sequence_length mode precision predictions prediction_id")
	equal(t, "model_family", r["model_family"], "embedding")
	s.exactly("predictions", r["predictions"], "cuda cpu")
	for platform, p := range r["predictions"].(map[string]any) {
		s.has(platform, p, "throughput latency memory_usage source prediction_id basis fits bound model_version")
		sane(t, p.(map[string]any), 8)
		row := s.row("predictions", "prediction_id", p.(map[string]any)["prediction_id"])
		for _, key := range []string{"throughput", "latency", "memory_usage"} {
			equal(t, key, row[key], p.(map[string]any)[key])
		}
	}
	cuda := r["predictions"].(map[string]any)["cuda"].(map[string]any)
	equal(t, "prediction_id", r["prediction_id"], cuda["prediction_id"])

	r = s.run("predict-performance", `{"model_name":"bert-base-uncased","hardware":"cuda"}`)
	equal(t, "model_family", r["model_family"], nil) // never inferred here
	equal(t, "batch_size", r["batch_size"], 1)
	equal(t, "sequence_length", r["sequence_length"], 128)
	equal(t, "precision", r["precision"], "fp32")
	equal(t, "mode", r["mode"], "inference")
	s.exactly("predictions", r["predictions"], "cuda")

	r = s.run("predict-performance", `{"model_name":"bert-base-uncased","hardware":[]}`)
	equal(t, "predictions", r["predictions"], map[string]any{})

	r = s.run("predict-performance", `{"model_name":"gpt2","hardware":"cuda","device":"NVIDIA A100 SXM 80GB"}`)
	p := r["predictions"].(map[string]any)["cuda"].(map[string]any)
	equal(t, "device", p["device"], "NVIDIA A100 SXM 80GB")
	s.has("a language model's prediction", p, "ttft_ms tpot_ms output_tokens_per_second")
}
