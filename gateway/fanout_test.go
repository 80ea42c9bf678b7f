package gateway

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOverview(t *testing.T) {
	o := Options{Builtin: allEchoes(), Targets: map[string]Target{"test": {Kind: KindURL, URL: "http://127.0.0.1:1"}}}
	o.Builtin["generator"] = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh no") })
	_, s := newGateway(t, o)
	code, b := do(t, "GET", s.URL+"/api/db/overview", reader, "")
	v := decode[map[string]any](t, b)
	if code != 200 || v["timestamp"] == nil {
		t.Fatalf("%d %s", code, b)
	}
	for name, want := range map[string]string{"test_stats": "Failed to fetch test stats", "generator_stats": "Failed to fetch generator stats"} {
		if got := v[name].(map[string]any)["error"]; got != want {
			t.Errorf("%s: %v", name, v[name])
		}
	}
	for _, name := range []string{"benchmark_stats", "predictive_stats"} {
		if v[name].(map[string]any)["component"] == nil {
			t.Errorf("%s: %v", name, v[name])
		}
	}
}

// rows is a component that has three runs of one model.
func rows(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := r.URL.Query().Get("model_name"); m != "" && m != "facebook/opt-125m" || strings.HasSuffix(r.URL.Path, "/stats") {
			w.WriteHeader(404)
			return
		}
		_, _ = io.WriteString(w, body)
	})
}

// The guide's snippet, in Go: what it reads is there and of the right type.
func TestModelAcrossComponents(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: map[string]http.Handler{
		"test":       rows(`[{"status":"completed"},{"status":"error"},{"status":"completed"},{"status":"completed"}]`),
		"benchmark":  rows(`[{"status":"completed","throughput_items_per_second":12.5}]`),
		"predictive": rows(`{"count":1,"predictions":[{"throughput":3.5}],"measurements":[]}`),
	}})
	for _, name := range []string{"facebook/opt-125m", "facebook%2Fopt-125m"} {
		code, b := do(t, "GET", s.URL+"/api/db/model/"+name, reader, "")
		v := decode[struct {
			Name     string             `json:"model_name"`
			Overview map[string]float64 `json:"overview"`
			Tests    []row              `json:"recent_test_runs"`
			Tasks    []row              `json:"recent_generator_tasks"`
			Runs     []row              `json:"recent_benchmark_runs"`
			Preds    []row              `json:"recent_predictions"`
		}](t, b)
		if code != 200 || v.Name != "facebook/opt-125m" || v.Overview["test_success_rate"] != 0.75 || v.Overview["total_test_runs"] != 4 ||
			v.Runs[0]["throughput"] != 12.5 || v.Preds[0]["throughput"] != 3.5 || v.Tasks == nil || v.Overview["total_predictions"] != 1 {
			t.Fatalf("%d %s", code, b)
		}
	}
	if _, b := do(t, "GET", s.URL+"/api/db/model/other", reader, ""); !strings.Contains(string(b), `"recent_predictions":[]`) {
		t.Errorf("%s", b)
	}
	if code, _ := do(t, "GET", s.URL+"/api/db/model/", reader, ""); code != 404 {
		t.Errorf("no name: %d", code)
	}
}

func TestSearch(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: map[string]http.Handler{
		"test": rows(`[{"a":1},{"a":2}]`), "predictive": rows(`{"results":[{"b":1}]}`)}})
	code, b := do(t, "POST", s.URL+"/api/db/search?query=bert&limit=5", reader, "")
	v := decode[struct {
		Query   string
		Results []row          `json:"test_results"`
		Counts  map[string]int `json:"result_counts"`
		Bench   []row          `json:"benchmark_results"`
	}](t, b)
	if code != 200 || v.Query != "bert" || len(v.Results) != 2 || v.Counts["total"] != 3 || v.Counts["predictive"] != 1 || v.Bench == nil {
		t.Fatalf("%d %s", code, b)
	}
	for q, typ := range map[string]string{"": "missing", "query=x&limit=abc": "int_parsing", "query=x&limit=0": "greater_than_equal", "query=x&limit=1001": "less_than_equal"} {
		code, b := do(t, "POST", s.URL+"/api/db/search?"+q, reader, "")
		v := decode[struct{ Detail []struct{ Type string } }](t, b)
		if code != 422 || v.Detail[0].Type != typ {
			t.Errorf("%q: %d %s", q, code, b)
		}
	}
	if code, _ := do(t, "GET", s.URL+"/api/db/search?query=x", reader, ""); code != 405 {
		t.Errorf("GET: %d", code)
	}
}
