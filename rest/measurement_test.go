package rest_test

import (
	"math"
	"testing"

	"github.com/perfcast/perfcast/rest"
)

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
