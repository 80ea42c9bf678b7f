package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// database serves /api/db; the key has been checked. Its own routes ask all
// components at once; the others are a component's /db under another name.
func (g *Gateway) database(w http.ResponseWriter, r *http.Request, rest string) {
	segment, below := cut(rest)
	switch segment {
	case "overview", "model", "search":
		g.own.ServeHTTP(w, r)
		return
	}
	name := componentAt(segment)
	m := g.mount(name)
	if m == nil || m.handler == nil || segment == "predictive" {
		notFound(w)
		return
	}
	m.handler.ServeHTTP(w, withPath(r, prefixes[name]+"/db"+below))
}

// part is a component's part of a fan-out.
type part struct {
	name, method, path string
	query              url.Values
	body               []byte
}

// gather calls the components at once and gives back each one's answer, in
// order; nil for one that failed, which takes none of the others along.
func (g *Gateway) gather(r *http.Request, parts ...part) []json.RawMessage {
	out := make([]json.RawMessage, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() {
			b, err := g.call(r, p.name, p.method, p.path, p.query, p.body)
			if err == nil && !json.Valid(b) {
				err = perf.Invalid("body", "is not JSON")
			}
			if err != nil {
				g.o.Log.Warn("a component's part is missing", "component", p.name, "path", p.path, "error", err)
				return
			}
			out[i] = b
		})
	}
	wg.Wait()
	return out
}

// overviewBody is GET /api/db/overview: every component's statistics, or why
// they are missing.
type overviewBody struct {
	Test       json.RawMessage `json:"test_stats"`
	Generator  json.RawMessage `json:"generator_stats"`
	Benchmark  json.RawMessage `json:"benchmark_stats"`
	Predictive json.RawMessage `json:"predictive_stats"`
	Timestamp  string          `json:"timestamp"`
}

func (g *Gateway) overview(r *http.Request, _ openapi.None) (overviewBody, error) {
	parts := make([]part, len(Names))
	for i, name := range Names {
		parts[i] = part{name: name, method: http.MethodGet, path: "/db/models/stats"}
	}
	parts[3].path = "/stats"
	got := g.gather(r, parts...)
	for i := range got {
		if got[i] == nil {
			got[i] = json.RawMessage(`{"error":"Failed to fetch ` + Names[i] + ` stats"}`)
		}
	}
	return overviewBody{got[0], got[1], got[2], got[3], stamp(g.o.Now())}, nil
}

// recent is how many rows of each component a model's page shows.
const recent = 10

// modelPath names a model in a path.
type modelPath struct {
	Name string `json:"model_name" in:"path" doc:"under any of its names; may hold slashes"`
}

// modelBody is GET /api/db/model/{name}: all that is known of one model.
type modelBody struct {
	Name         string        `json:"model_name"`
	Overview     modelOverview `json:"overview"`
	Tests        []row         `json:"recent_test_runs"`
	Tasks        []row         `json:"recent_generator_tasks"`
	Benchmarks   []row         `json:"recent_benchmark_runs" doc:"each with its throughput, samples per second"`
	Predictions  []row         `json:"recent_predictions" doc:"the newest first"`
	Measurements []row         `json:"recent_measurements"`
	Timestamp    string        `json:"timestamp"`
}

// modelOverview counts; rates are the shares of completed runs, 0 where there
// are none.
type modelOverview struct {
	Tests         int     `json:"total_test_runs"`
	Tasks         int     `json:"total_generator_tasks"`
	Benchmarks    int     `json:"total_benchmark_runs"`
	TestRate      float64 `json:"test_success_rate" doc:"0 to 1"`
	TaskRate      float64 `json:"generator_success_rate" doc:"0 to 1"`
	BenchmarkRate float64 `json:"benchmark_success_rate" doc:"0 to 1"`
	Predictions   int     `json:"total_predictions"`
	Measurements  int     `json:"total_measurements"`
}

func (g *Gateway) model(r *http.Request, in modelPath) (modelBody, error) {
	name := strings.TrimSuffix(in.Name, "/")
	if name == "" {
		return modelBody{}, perf.NotFound("Not Found")
	}
	q := url.Values{"model_name": {name}, "limit": {strconv.Itoa(recent)}}
	one := url.Values{"model_name": {name}}
	got := g.gather(r,
		part{name: "test", method: http.MethodGet, path: "/db/runs", query: q},
		part{name: "generator", method: http.MethodGet, path: "/db/tasks", query: q},
		part{name: "benchmark", method: http.MethodGet, path: "/db/runs", query: q},
		part{name: "predictive", method: http.MethodGet, path: "/predictions", query: q},
		part{name: "predictive", method: http.MethodGet, path: "/measurements", query: q},
		part{name: "test", method: http.MethodGet, path: "/db/models/stats", query: one},
		part{name: "generator", method: http.MethodGet, path: "/db/models/stats", query: one},
		part{name: "benchmark", method: http.MethodGet, path: "/db/models/stats", query: one},
		part{name: "predictive", method: http.MethodGet, path: "/stats", query: one},
	)
	tests, tasks, benchmarks := rowsOf(got[0], ""), rowsOf(got[1], ""), rowsOf(got[2], "")
	t, c, b := tally(got[5], name, tests), tally(got[6], name, tasks), tally(got[7], name, benchmarks)
	predictions, measurements := rowsOf(got[3], "predictions"), rowsOf(got[4], "measurements")
	var stored struct{ Predictions, Measurements int }
	_ = json.Unmarshal(got[8], &stored)
	return modelBody{name, modelOverview{
		Tests: t.total, Tasks: c.total, Benchmarks: b.total, TestRate: t.rate(), TaskRate: c.rate(), BenchmarkRate: b.rate(),
		Predictions: max(stored.Predictions, len(predictions)), Measurements: max(stored.Measurements, len(measurements)),
	}, tests, tasks, withThroughput(benchmarks), predictions, measurements, stamp(g.o.Now())}, nil
}

type row = map[string]any

// rowsOf reads a list of rows, which may lie under a name; never nil.
func rowsOf(b json.RawMessage, under string) []row {
	if under != "" {
		var m map[string]json.RawMessage
		if json.Unmarshal(b, &m) != nil {
			return []row{}
		}
		b = m[under]
	}
	var rows []row
	if json.Unmarshal(b, &rows) != nil || rows == nil {
		return []row{}
	}
	return rows
}

// outcome counts a component's runs of one model.
type outcome struct{ total, completed int }

// rate is the share of completed runs, 0 where there are none.
func (o outcome) rate() float64 {
	if o.total == 0 {
		return 0
	}
	return float64(o.completed) / float64(o.total)
}

// tally takes the counts from a component's statistics, or, where it keeps
// none, from the recent rows. A component that chose the model shows one row,
// perhaps under another of its names; one that did not shows all models.
func tally(stats json.RawMessage, model string, rows []row) outcome {
	all := rowsOf(stats, "")
	for _, s := range all {
		total, ok := s["total_runs"].(float64)
		if completed, ok2 := s["completed_runs"].(float64); ok && ok2 && (s["model_name"] == model || len(all) == 1 && len(rows) > 0) {
			return outcome{int(total), int(completed)}
		}
	}
	o := outcome{total: len(rows)}
	for _, x := range rows {
		if x["status"] == "completed" {
			o.completed++
		}
	}
	return o
}

// withThroughput gives every benchmark row the "throughput" that the guide
// reads: the row's own under the name of the benchmark's tables, or null.
func withThroughput(rows []row) []row {
	for _, x := range rows {
		if _, ok := x["throughput"]; !ok {
			x["throughput"] = x["throughput_items_per_second"]
		}
	}
	return rows
}

// searchParameters say what to look for.
type searchParameters struct {
	Query string `json:"query" in:"query" doc:"text"`
	Limit int    `json:"limit,omitempty" in:"query" default:"100" min:"1" max:"1000" doc:"most rows of each component"`
}

// searchBody is the answer to POST /api/db/search.
type searchBody struct {
	Query      string       `json:"query"`
	Test       []row        `json:"test_results"`
	Generator  []row        `json:"generator_results"`
	Benchmark  []row        `json:"benchmark_results"`
	Predictive []row        `json:"predictive_results"`
	Counts     searchCounts `json:"result_counts"`
	Timestamp  string       `json:"timestamp"`
}

type searchCounts struct {
	Test       int `json:"test"`
	Generator  int `json:"generator"`
	Benchmark  int `json:"benchmark"`
	Predictive int `json:"predictive"`
	Total      int `json:"total"`
}

func (g *Gateway) search(r *http.Request, in searchParameters) (searchBody, error) {
	body, err := json.Marshal(map[string]any{"query": in.Query, "limit": in.Limit})
	if err != nil {
		return searchBody{}, err
	}
	parts := make([]part, len(Names))
	for i, name := range Names {
		parts[i] = part{name: name, method: http.MethodPost, path: "/db/search", body: body}
	}
	found, n := make([][]row, len(parts)), make([]int, len(parts))
	for i, b := range g.gather(r, parts...) {
		if found[i] = rowsOf(b, ""); len(found[i]) == 0 {
			found[i] = rowsOf(b, "results")
		}
		n[i] = len(found[i])
	}
	return searchBody{in.Query, found[0], found[1], found[2], found[3],
		searchCounts{n[0], n[1], n[2], n[3], n[0] + n[1] + n[2] + n[3]}, stamp(g.o.Now())}, nil
}
