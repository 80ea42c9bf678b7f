package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/perfcast/perfcast/perf"
)

// database serves /api/db, every route of it behind a key. Its own routes ask
// all components at once; the others are a component's /db under another name.
func (g *Gateway) database(w http.ResponseWriter, r *http.Request, rest string) {
	r, ok := g.o.Keys.Authorize(w, r, scopeOf(r))
	if !ok {
		return
	}
	segment, below := cut(rest)
	switch {
	case segment == "overview" && below == "":
		g.get(w, r, g.overview)
	case segment == "model" && len(below) > 1:
		g.get(w, r, func(w http.ResponseWriter, r *http.Request) { g.model(w, r, strings.TrimSuffix(below[1:], "/")) })
	case segment == "search" && below == "":
		if r.Method != http.MethodPost {
			notAllowed(w, "POST")
			return
		}
		g.search(w, r)
	default:
		if segment == "predictive-performance" {
			segment = "predictive"
		} else if segment == "predictive" {
			segment = ""
		}
		m := g.mount(segment)
		if m == nil || m.handler == nil {
			notFound(w)
			return
		}
		m.handler.ServeHTTP(w, withPath(r, prefixes[segment]+"/db"+below))
	}
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

// overview is GET /api/db/overview: every component's statistics.
func (g *Gateway) overview(w http.ResponseWriter, r *http.Request) {
	parts := make([]part, len(Names))
	for i, name := range Names {
		parts[i] = part{name: name, method: http.MethodGet, path: "/db/models/stats"}
	}
	parts[3].path = "/stats"
	body := map[string]any{"timestamp": stamp(g.o.Now())}
	for i, b := range g.gather(r, parts...) {
		if b == nil {
			b, _ = json.Marshal(map[string]string{"error": "Failed to fetch " + Names[i] + " stats"})
		}
		body[Names[i]+"_stats"] = b
	}
	writeJSON(w, http.StatusOK, body)
}

// recent is how many rows of each component a model's page shows.
const recent = 10

// model is GET /api/db/model/{name}: all that is known of one model, whose
// name may hold slashes.
func (g *Gateway) model(w http.ResponseWriter, r *http.Request, name string) {
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
	writeJSON(w, http.StatusOK, map[string]any{
		"model_name": name,
		"overview": map[string]any{
			"total_test_runs":        t.total,
			"total_generator_tasks":  c.total,
			"total_benchmark_runs":   b.total,
			"test_success_rate":      t.rate(),
			"generator_success_rate": c.rate(),
			"benchmark_success_rate": b.rate(),
			"total_predictions":      max(stored.Predictions, len(predictions)),
			"total_measurements":     max(stored.Measurements, len(measurements)),
		},
		"recent_test_runs":       tests,
		"recent_generator_tasks": tasks,
		"recent_benchmark_runs":  withThroughput(benchmarks),
		"recent_predictions":     predictions,
		"recent_measurements":    measurements,
		"timestamp":              stamp(g.o.Now()),
	})
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

// search is POST /api/db/search?query=&limit=: rows of every component.
func (g *Gateway) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !q.Has("query") {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{map[string]any{
			"type": "missing", "loc": []string{"query", "query"}, "msg": "Field required", "input": nil}}})
		return
	}
	limit, problem := limitOf(q, 100, 1, 1000)
	if problem != nil {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{problem}})
		return
	}
	query := q.Get("query")
	body, err := json.Marshal(map[string]any{"query": query, "limit": limit})
	if err != nil {
		g.fail(w, err)
		return
	}
	parts := make([]part, len(Names))
	for i, name := range Names {
		parts[i] = part{name: name, method: http.MethodPost, path: "/db/search", body: body}
	}
	answer, counts, total := map[string]any{"query": query, "timestamp": stamp(g.o.Now())}, map[string]int{}, 0
	for i, b := range g.gather(r, parts...) {
		rows := rowsOf(b, "")
		if len(rows) == 0 {
			rows = rowsOf(b, "results")
		}
		answer[Names[i]+"_results"] = rows
		counts[Names[i]] = len(rows)
		total += len(rows)
	}
	counts["total"] = total
	answer["result_counts"] = counts
	writeJSON(w, http.StatusOK, answer)
}

// limitOf reads the parameter "limit"; problem is an entry of a 422 answer.
func limitOf(q url.Values, standard, least, most int) (_ int, problem map[string]any) {
	if !q.Has("limit") {
		return standard, nil
	}
	s := q.Get("limit")
	n, err := strconv.Atoi(strings.TrimSpace(s))
	loc := []string{"query", "limit"}
	switch {
	case err != nil:
		return 0, map[string]any{"type": "int_parsing", "loc": loc, "input": s,
			"msg": "Input should be a valid integer, unable to parse string as an integer"}
	case n < least:
		return 0, map[string]any{"type": "greater_than_equal", "loc": loc, "input": s, "ctx": map[string]int{"ge": least},
			"msg": "Input should be greater than or equal to " + strconv.Itoa(least)}
	case n > most:
		return 0, map[string]any{"type": "less_than_equal", "loc": loc, "input": s, "ctx": map[string]int{"le": most},
			"msg": "Input should be less than or equal to " + strconv.Itoa(most)}
	}
	return n, nil
}
