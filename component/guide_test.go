//go:build unix

package component

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/gateway"
	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/openapi/openapitest"
	"github.com/perfcast/perfcast/rest"
)

// unified is a gateway over everything, as the program has it.
func unified(t *testing.T, commands string) *server {
	t.Helper()
	a := apptest.New(t)
	ring, err := key.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	ring.Add("test", "the-key", key.Admin)
	config := filepath.Join(t.TempDir(), "perfcast.yaml")
	if err := os.WriteFile(config, []byte(commands), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := New(Options{App: a, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	builtin := set.Builtin()
	builtin["predictive"] = rest.New(a, rest.Options{})
	documents := set.Documents()
	predictive := rest.Document(false)
	predictive.Add(gateway.DatabaseDocument())
	documents["predictive"] = predictive
	g, err := gateway.New(gateway.Options{App: a, Keys: ring, Builtin: builtin, Config: config, Documents: documents})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(g)
	t.Cleanup(func() { s.Close(); g.Close(); set.Close() })
	res, err := http.Get(s.URL + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &server{t, s, openapitest.Parse(t, text), set, a}
}

// The guide's story through the gateway: run a benchmark and a test, ask for a
// prediction, and look at all of it with the snippet of its last section.
func TestGuideThroughGateway(t *testing.T) {
	s := unified(t, benchCommands)
	s.end("benchmark", s.begin("/api/benchmark/run", `{"model_name":"bert-base-uncased","hardware":"cpu","batch_size":8}`))
	s.end("test", s.begin("/api/test/run", `{"model_name":"bert-base-uncased","hardware":"cuda"}`))
	s.end("generator", s.begin("/api/generator/model", `{"model_name":"bert-base-uncased"}`))
	code, v, text := s.do("POST", "/api/predictive-performance/predict-hardware", `{"model_name":"bert-base-uncased","batch_size":8,"predict_performance":true}`)
	if code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	if task := s.get("/api/predictive-performance/task/" + v["task_id"].(string)); task["status"] != "completed" {
		t.Fatalf("%v", task)
	}

	req, err := http.NewRequest("GET", s.URL+"/api/db/model/bert-base-uncased", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-API-Key", "the-key")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var data struct {
		Overview map[string]float64 `json:"overview"`
		Tests    []map[string]any   `json:"recent_test_runs"`
		Tasks    []map[string]any   `json:"recent_generator_tasks"`
		Runs     []map[string]any   `json:"recent_benchmark_runs"`
		Preds    []map[string]any   `json:"recent_predictions"`
	}
	if err := json.Unmarshal(b, &data); err != nil || res.StatusCode != 200 {
		t.Fatalf("%d %v %s", res.StatusCode, err, b)
	}
	if data.Overview["test_success_rate"] != 1 || data.Overview["benchmark_success_rate"] != 1 || data.Overview["generator_success_rate"] != 1 ||
		data.Runs[0]["throughput"] != 50.0 || len(data.Tests) != 1 || len(data.Tasks) != 1 {
		t.Errorf("%s", b)
	}
	if x, ok := data.Preds[0]["throughput"].(float64); !ok || x <= 0 {
		t.Errorf("recent_predictions: %v", data.Preds)
	}
	for _, path := range []string{"/api/benchmark/db/runs", "/api/generator/db/tasks", "/api/test/db/runs", "/api/predictive-performance/db/measurements"} {
		if code, _, _ := s.do("GET", path, ""); code != 403 {
			t.Errorf("%s without a key: %d", path, code)
		}
	}
}

// What a gateway without a database measures is recorded by the predictive API
// that it stands in front of.
func TestRecordAt(t *testing.T) {
	there := unified(t, "")
	s := serve(t, Options{Record: RecordAt(there.URL, "")}, benchCommands)
	id := s.begin("/api/benchmark/run", `{"model_name":"bert-base-uncased","hardware":"cpu","batch_size":8}`)
	s.end("benchmark", id)
	row := s.get("/api/benchmark/results/" + id)["results"].([]any)[0].(map[string]any)
	m, ok := row["measurement_id"].(string)
	if !ok || !strings.HasPrefix(m, "meas-") {
		t.Fatalf("%v", row)
	}
	list := there.get("/api/predictive-performance/measurements?model_name=bert-base-uncased")["measurements"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["latency"] != 20.0 {
		t.Errorf("%v", list)
	}
}

// Every route that the document says needs a key refuses a request without one,
// and the open ones do not ask.
func TestKeyedRoutes(t *testing.T) {
	s := unified(t, "")
	keyed := 0
	for path, item := range s.document.Value["paths"].(map[string]any) {
		at := strings.NewReplacer("{id}", "x", "{task_id}", "x", "{name}", "test", "{model_name}", "gpt2").Replace(path)
		for method, op := range item.(map[string]any) {
			code, _, text := s.do(strings.ToUpper(method), at, "")
			_, secured := op.(map[string]any)["security"]
			if refused := code == http.StatusForbidden; refused != secured {
				t.Errorf("%s %s: %d %s, and the document says it needs a key: %t", method, path, code, text, secured)
			}
			if secured {
				keyed++
			}
			if want := strings.Contains(path, "/db/") || strings.HasPrefix(path, "/api/components"); want != secured {
				t.Errorf("%s %s needs a key: %t", method, path, secured)
			}
		}
	}
	if keyed < 60 {
		t.Errorf("%d routes need a key", keyed)
	}
}
