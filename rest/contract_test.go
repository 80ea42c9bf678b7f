package rest_test

import (
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/predictor"
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

// TestRecordMeasurement sends the guide's example after a prediction of the
// same configuration, and checks the arithmetic of the comparison.
func TestRecordMeasurement(t *testing.T) {
	s := serve(t, rest.Options{})
	const config = `"model_name":"bert-base-uncased","batch_size":8,"sequence_length":128,"precision":"fp16","mode":"inference"`
	before := s.run("predict-performance", `{"hardware":"cuda",`+config+`}`)
	r := s.run("record-measurement", `{"hardware_platform":"cuda","model_family":"embedding","throughput":123.45,"latency":7.89,"memory_usage":1024.5,"source":"benchmark",`+config+`}`)
	s.has("result", r, "measurement_id prediction_id measurement errors prediction accuracy")
	equal(t, "prediction_id", r["prediction_id"], before["prediction_id"])
	m := r["measurement"].(map[string]any)
	s.exactly("measurement", m, `timestamp model_name model_family hardware_platform batch_size sequence_length precision mode
		throughput latency memory_usage measurement_source measurement_id metadata`)
	for key, want := range map[string]any{"throughput": 123.45, "latency": 7.89, "memory_usage": 1024.5, "measurement_source": "benchmark",
		"hardware_platform": "cuda", "batch_size": 8, "model_family": "embedding", "measurement_id": r["measurement_id"]} {
		equal(t, key, m[key], want)
	}
	s.exactly("prediction", r["prediction"], `id timestamp model_name model_family hardware_platform batch_size sequence_length precision mode
		throughput latency memory_usage confidence_score prediction_source prediction_id metadata`)
	errors := r["errors"].([]any)
	for i, metric := range []string{"throughput", "latency", "memory_usage"} {
		e := errors[i].(map[string]any)
		s.exactly("error", e, `prediction_id measurement_id model_name hardware_platform metric predicted_value actual_value
			absolute_error relative_error metadata timestamp`)
		equal(t, "metric", e["metric"], metric)
		equal(t, "actual_value", e["actual_value"], m[metric])
		near(t, "predicted "+metric, e["predicted_value"], r["prediction"].(map[string]any)[metric])
		p, a := e["predicted_value"].(float64), e["actual_value"].(float64)
		near(t, "absolute_error", e["absolute_error"], math.Abs(p-a))
		near(t, "relative_error", e["relative_error"], math.Abs(p-a)/a)
		s.has("metadata", e["metadata"], "batch_size precision mode sequence_length")
	}
	row := s.row("measurements", "measurement_id", r["measurement_id"])
	equal(t, "latency in the list", row["latency"], 7.89)

	// No values: recorded, nothing compared. No fitting prediction: one is made.
	r = s.run("record-measurement", `{"model_name":"gpt2","hardware_platform":"cpu","throughput":null,"latency":null,"memory_usage":null}`)
	s.exactly("result", r, "measurement_id prediction_id measurement")
	r = s.run("record-measurement", `{"model_name":"gpt2","hardware_platform":"cpu","throughput":10}`)
	s.has("result", r, "errors prediction")
	equal(t, "errors", len(r["errors"].([]any)), 1)

	// Facts of the model unknown: accepted, without a comparison, and an
	// unknown prediction that was given is echoed.
	r = s.run("record-measurement", `{"model_name":"nobody/has-this-one","hardware_platform":"cuda","throughput":5,"prediction_id":"pred-mine"}`)
	s.exactly("result", r, "measurement_id prediction_id measurement")
	equal(t, "prediction_id", r["prediction_id"], "pred-mine")
	equal(t, "model_name", r["measurement"].(map[string]any)["model_name"], "nobody/has-this-one")
}

func near(t *testing.T, what string, got, want any) {
	t.Helper()
	if g, w := got.(float64), want.(float64); math.Abs(g-w) > 1e-9*math.Abs(w) {
		t.Errorf("%s is %v, want %v", what, g, w)
	}
}

// TestAnalyze checks the statistics of three measurements against their
// definitions.
func TestAnalyze(t *testing.T) {
	s := serve(t, rest.Options{})
	equal(t, "nothing to analyze", s.run("analyze-predictions", `{}`), map[string]any{})
	var errors, actual, predicted []float64
	for _, throughput := range []string{"100", "150", "400"} {
		r := s.run("record-measurement", `{"model_name":"resnet50","hardware_platform":"cuda","throughput":`+throughput+`}`)
		e := r["errors"].([]any)[0].(map[string]any)
		errors = append(errors, e["absolute_error"].(float64))
		actual = append(actual, e["actual_value"].(float64))
		predicted = append(predicted, e["predicted_value"].(float64))
	}
	r := s.run("analyze-predictions", `{"model_name":"resnet50","hardware_platform":"cuda","metric":"throughput","days":30}`)
	s.exactly("result", r, "throughput overall")
	stats := r["throughput"].(map[string]any)
	s.has("throughput", stats, `count mean_absolute_error mean_relative_error std_absolute_error min_absolute_error max_absolute_error
		mean_predicted mean_actual bias r_squared`)
	s.has("overall", r["overall"], "count metrics overall_mean_relative_error")
	mean := func(xs []float64) float64 { return (xs[0] + xs[1] + xs[2]) / 3 }
	near(t, "mean_absolute_error", stats["mean_absolute_error"], mean(errors))
	near(t, "mean_actual", stats["mean_actual"], mean(actual))
	near(t, "mean_predicted", stats["mean_predicted"], mean(predicted))
	near(t, "bias", stats["bias"], mean(predicted)-mean(actual))
	squares, residual, total := 0.0, 0.0, 0.0
	for i := range errors {
		squares += (errors[i] - mean(errors)) * (errors[i] - mean(errors))
		residual += (predicted[i] - actual[i]) * (predicted[i] - actual[i])
		total += (actual[i] - mean(actual)) * (actual[i] - mean(actual))
	}
	near(t, "std_absolute_error", stats["std_absolute_error"], math.Sqrt(squares/2))
	near(t, "r_squared", stats["r_squared"], 1-residual/total)
	equal(t, "count", stats["count"], 3)
	for key, v := range s.run("analyze-predictions", `{"model_name":null,"hardware_platform":null,"metric":null,"days":0}`) {
		if _, ok := v.(map[string]any); !ok {
			t.Errorf("%s is %T: a client calls .get on it", key, v)
		}
	}
	for _, none := range []string{`{"days":-1}`, `{"metric":"warmth"}`, `{"model_name":"gpt2"}`, `{"hardware_platform":"qnn"}`} {
		equal(t, none, s.run("analyze-predictions", none), map[string]any{})
	}
	guess := s.run("predict-performance", `{"model_name":"gpt2","hardware":"cpu"}`)["predictions"].(map[string]any)["cpu"].(map[string]any)
	actual[0] = math.Round(1.2 * guess["latency"].(float64))
	s.run("record-measurement", `{"model_name":"gpt2","hardware_platform":"cpu","latency":`+marshal(t, actual[0])+`}`)
	one := s.run("analyze-predictions", `{"model_name":"gpt2"}`)["latency"].(map[string]any)
	equal(t, "std of one row", one["std_absolute_error"], nil)
	equal(t, "r_squared of one row", one["r_squared"], nil)
	equal(t, "actual, in ms", one["mean_actual"], actual[0])
}

// TestFeedback: the last word replaces the earlier one, in the same row.
func TestFeedback(t *testing.T) {
	s := serve(t, rest.Options{})
	id := s.run("predict-hardware", `{"model_name":"bert-base-uncased"}`)["recommendation_id"].(string)
	row := s.row("recommendations", "recommendation_id", id)
	equal(t, "was_accepted", row["was_accepted"], nil)
	equal(t, "user_feedback", row["user_feedback"], nil)
	equal(t, "user_id", row["user_id"], "api-server")
	for _, accepted := range []string{"false", "true"} {
		r := s.run("record-feedback", `{"recommendation_id":"`+id+`","accepted":`+accepted+`,"feedback":"said `+accepted+`"}`)
		equal(t, "result", r, map[string]any{"success": true, "recommendation_id": id})
		row := s.row("recommendations", "recommendation_id", id)
		equal(t, "was_accepted", row["was_accepted"], accepted == "true")
		equal(t, "user_feedback", row["user_feedback"], "said "+accepted)
		for _, spelling := range []string{"true", "1", "on", "yes", "t", "y", "TRUE"} {
			equal(t, "accepted="+spelling, s.get(prefix + "recommendations?accepted=" + spelling).body["count"], map[string]int{"true": 1, "false": 0}[accepted])
		}
		for _, spelling := range []string{"false", "0", "off", "no", "f", "n", "False"} {
			equal(t, "accepted="+spelling, s.get(prefix + "recommendations?accepted=" + spelling).body["count"], map[string]int{"true": 0, "false": 1}[accepted])
		}
	}
	equal(t, "rows", s.get(prefix + "recommendations").body["count"], 1)
	r := s.run("record-feedback", `{"recommendation_id":"rec-unknown","accepted":true,"feedback":null}`)
	equal(t, "result", r, map[string]any{"success": false, "recommendation_id": "rec-unknown"})
}

func TestStoreModel(t *testing.T) {
	s := serve(t, rest.Options{})
	r := s.run("store-model", `{"model_type":"gradient_boosting","target_metric":"throughput","serialized_model_path":"/etc/passwd",
		"hardware_platform":"cuda","features":["batch_size","model_size"],"model_family":"embedding","training_score":0.95,"validation_score":null,"test_score":-1}`)
	id := r["model_id"].(string)
	if !strings.HasPrefix(id, "model-") {
		t.Errorf("model_id %q", id)
	}
	row := s.row("models", "model_id", id)
	s.exactly("row", row, `id timestamp model_type target_metric hardware_platform model_family serialized_model features_list
		training_score validation_score test_score model_id metadata`)
	for key, want := range map[string]any{"model_type": "gradient_boosting", "target_metric": "throughput", "hardware_platform": "cuda",
		"features_list": []string{"batch_size", "model_size"}, "training_score": 0.95, "validation_score": nil, "test_score": -1,
		"serialized_model": nil, "model_family": "embedding"} {
		equal(t, key, row[key], want)
	}
	equal(t, "the path is only a label", row["metadata"], map[string]any{"serialized_model_path": "/etc/passwd"})
	equal(t, "models", s.get(prefix + "models").body["count"], 1)
}

// TestArtefact: what is uploaded is looked at. Only our own format is stored,
// and then it can be promoted and answers.
func TestArtefact(t *testing.T) {
	s := serve(t, rest.Options{})
	body := func(artefact []byte) string {
		return marshal(t, map[string]any{"model_type": "perfcast", "target_metric": "latency", "serialized_model_path": "mine", "hardware_platform": "cuda",
			"features": []string{"batch_size"}, "artefact": artefact})
	}
	for _, foreign := range [][]byte{[]byte("garbage"), []byte("\x80\x04\x95a pickle"), make([]byte, 1<<16)} {
		a := s.post("store-model", body(foreign))
		equal(t, "loc", detail(t, a)["loc"], []any{"body", "artefact"})
	}
	equal(t, "models", s.get(prefix + "models").body["count"], 0)
	artefact := predictor.Embedded()
	id := s.run("store-model", body(artefact))["model_id"].(string)
	row := s.row("models", "model_id", id)
	equal(t, "serialized_model", row["serialized_model"], "<binary data>")
	equal(t, "metadata", row["metadata"], map[string]any{"serialized_model_path": "mine", "artefact_bytes": len(artefact)})
	if _, err := s.app.PromoteModel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	equal(t, "promoted", s.row("models", "model_id", id)["metadata"].(map[string]any)["active"], true)
}

func TestMatrix(t *testing.T) {
	s := serve(t, rest.Options{})
	r := s.run("generate-matrix", `{"model_configs":[{"name":"bert-base-uncased","category":"embedding"},{"name":"nobody/has-this-one"}],
		"hardware_platforms":["cuda","cpu"],"batch_sizes":[1,8],"precision_options":["fp32","fp16"],"mode":"inference"}`)
	s.exactly("result", r, "timestamp mode models hardware_platforms batch_sizes precision_options stored_predictions")
	equal(t, "hardware_platforms", r["hardware_platforms"], []string{"cuda", "cpu"})
	equal(t, "batch_sizes", r["batch_sizes"], []int{1, 8})
	equal(t, "precision_options", r["precision_options"], []string{"fp32", "fp16"})
	bert := r["models"].(map[string]any)["bert-base-uncased"].(map[string]any)
	s.exactly("model", bert, "name category predictions")
	equal(t, "category", bert["category"], "embedding")
	cells := 0
	for _, platform := range []string{"cuda", "cpu"} {
		for _, batch := range []string{"1", "8"} {
			for _, precision := range []string{"fp32", "fp16"} {
				cell := bert["predictions"].(map[string]any)[platform].(map[string]any)[batch].(map[string]any)[precision]
				s.has("cell", cell, "throughput latency_mean memory_usage")
				s.row("predictions", "prediction_id", cell.(map[string]any)["prediction_id"])
				cells++
			}
		}
	}
	equal(t, "stored_predictions", r["stored_predictions"], cells)
	unknown := r["models"].(map[string]any)["nobody/has-this-one"].(map[string]any)
	equal(t, "predictions of an unknown model", unknown["predictions"], map[string]any{})
	if unknown["reason"] == "" {
		t.Error("no reason")
	}
}

// TestSampleData: real rows, all of them marked, none in accuracy.
func TestSampleData(t *testing.T) {
	s := serve(t, rest.Options{})
	equal(t, "result", s.run("generate-sample-data", `{"num_models":12}`), map[string]any{"num_models": 12})
	for _, list := range []string{"recommendations", "predictions", "measurements", "models", "feature-importance"} {
		rows := s.get(prefix + list + "?limit=1000").body[strings.ReplaceAll(list, "-", "_")].([]any)
		if len(rows) < 3 {
			t.Errorf("%s has %d rows", list, len(rows))
		}
		for _, row := range rows {
			equal(t, list+" sample", row.(map[string]any)["metadata"].(map[string]any)["sample"], true)
		}
	}
	equal(t, "accuracy", s.run("analyze-predictions", `{}`), map[string]any{})
	equal(t, "by default", s.run("generate-sample-data", `{}`), map[string]any{"num_models": 5})
}

// TestLists: shapes, filters, order and limits.
func TestLists(t *testing.T) {
	s := serve(t, rest.Options{})
	for list, key := range map[string]string{"recommendations": "recommendations", "predictions": "predictions", "measurements": "measurements",
		"models": "models", "feature-importance": "feature_importance"} {
		a := s.get(prefix + list)
		equal(t, list, a.body, map[string]any{"count": 0, key: []any{}})
		for query, kind := range map[string]string{"limit=-1": "greater_than_equal", "limit=1001": "less_than_equal", "limit=abc": "int_parsing",
			"limit=": "int_parsing", "limit=1.5": "int_parsing", "limit=99999999999999999999": "less_than_equal"} {
			a := s.get(prefix + list + "?" + query)
			e := detail(t, a)
			equal(t, list+" "+query, []any{a.status, e["type"], e["loc"]}, []any{422, kind, []any{"query", "limit"}})
		}
		equal(t, "limit 0", s.get(prefix + list + "?limit=0").body["count"], 0)
		equal(t, "an unknown filter", s.get(prefix+list+"?colour=red&limit=1000").status, 200)
	}
	for i := range 12 {
		platform := []string{"cuda", "cpu", "rocm"}[i%3]
		s.run("record-measurement", `{"model_name":"resnet-50","hardware_platform":"`+platform+`","batch_size":`+strconv.Itoa(1+i%2)+`,"throughput":100}`)
	}
	s.run("record-measurement", `{"model_name":"gpt2","model_family":"mine","hardware_platform":"cpu","latency":50}`)
	for query, want := range map[string]int{
		"": 10, "?limit=5": 5, "?limit=1000": 13, "?limit=5&limit=3": 3, "?model_name=gpt2": 1, "?model_family=mine": 1, "?hardware=cuda&limit=99": 4,
		"?hardware=toaster": 0, "?batch_size=2": 6, "?batch_size=0&limit=99": 13, "?batch_size=-1": 0, "?days=1&limit=99": 13, "?days=0&limit=99": 13,
		"?days=-1": 0, "?model_name=&limit=99": 13, "?model_name=resnet-50&limit=99": 12, "?model_name=microsoft/resnet-50&limit=99": 12, "?model_name=gpt2&hardware=cuda": 0,
		"?model_name=%27%20OR%201=1": 0,
	} {
		equal(t, "measurements"+query, s.get(prefix + "measurements" + query).body["count"], want)
	}
	rows := s.get(prefix + "measurements?limit=99").body["measurements"].([]any)
	last := "9999"
	for _, row := range rows {
		row := row.(map[string]any)
		s.exactly("row", row, `id timestamp model_name model_family hardware_platform batch_size sequence_length precision mode
			throughput latency memory_usage measurement_source measurement_id metadata`)
		if at := row["timestamp"].(string); at > last {
			t.Errorf("%s after %s: the newest come first", at, last)
		} else {
			last = at
		}
	}
	equal(t, "predictions of resnet50 on rocm", s.get(prefix + "predictions?model_name=resnet-50&hardware=rocm&batch_size=1").body["count"], 1)
}

func TestFeatureImportanceOrder(t *testing.T) {
	s := serve(t, rest.Options{})
	s.run("generate-sample-data", `{"num_models":1}`)
	rows := s.get(prefix + "feature-importance").body["feature_importance"].([]any)
	if len(rows) < 16 {
		t.Fatalf("%d rows", len(rows))
	}
	var model string
	var rank float64
	for _, row := range rows {
		row := row.(map[string]any)
		s.exactly("row", row, "id timestamp model_id feature_name importance_score rank method metadata")
		id, r := row["model_id"].(string), row["rank"].(float64)
		if id < model || id == model && r < rank {
			t.Errorf("(%s, %v) after (%s, %v)", id, r, model, rank)
		}
		model, rank = id, r
	}
	equal(t, "one feature", s.get(prefix + "feature-importance?feature_name=batch_size&model_id=" + model).body["count"], 1)
	equal(t, "no method", s.get(prefix + "feature-importance?method=guessing").body["count"], 0)
}

func TestHealth(t *testing.T) {
	s := serve(t, rest.Options{})
	for _, path := range []string{"/health", prefix + "health"} {
		a := s.get(path)
		s.exactly("health", a.body, "status timestamp services duckdb_available hardware_model_predictor_available")
		equal(t, "status", a.body["status"], "ok")
		equal(t, "services", a.body["services"], map[string]any{"repository": true, "hardware_adapter": true, "ml_adapter": true})
		at, err := time.ParseInLocation("2006-01-02T15:04:05.999999", a.body["timestamp"].(string), time.Local)
		if err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("timestamp %v: %v", a.body["timestamp"], err)
		}
	}
}
