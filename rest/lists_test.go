package rest_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/perfcast/perfcast/rest"
)

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
