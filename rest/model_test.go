package rest_test

import (
	"strings"
	"testing"

	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/rest"
)

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
