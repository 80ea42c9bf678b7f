package component

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

// Options are what the components are made of.
type Options struct {
	App     *app.App         // nil: runs are kept in memory, measurements go to Record
	Config  string           // configuration file whose commands may be run; may be empty
	Reports string           // folder for benchmark reports (--benchmark-dir); may be empty
	Scripts string           // folder for generated scripts; may be empty
	Now     func() time.Time // nil = time.Now
	Log     *slog.Logger     // nil = none

	// Record stores measurements where there is no App; nil = nowhere, which
	// results then say.
	Record func(context.Context, []perf.Measurement) ([]string, error)
}

// Set is the three components.
type Set struct {
	Test, Generator, Benchmark http.Handler

	all []*runs
}

// New makes the components. Commands that can't be read are an error.
func New(o Options) (*Set, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if _, err := LoadCommands(o.Config); err != nil {
		return nil, err
	}
	s := &Set{}
	for _, c := range []struct {
		component perf.Component
		atOnce    int // benchmarks disturb each other, so one at a time
		make      func(*base) http.Handler
		to        *http.Handler
	}{
		{perf.ComponentTest, 2, newTest, &s.Test},
		{perf.ComponentGenerator, 4, newGenerator, &s.Generator},
		{perf.ComponentBenchmark, 1, newBenchmark, &s.Benchmark},
	} {
		rs := newRuns(c.component, o.App, c.atOnce, o.Now, o.Log)
		s.all = append(s.all, rs)
		*c.to = c.make(&base{Options: o, runs: rs, prefix: "/api/" + string(c.component)})
	}
	return s, nil
}

// Builtin are the components by the names that the gateway knows them under.
func (s *Set) Builtin() map[string]http.Handler {
	return map[string]http.Handler{"test": s.Test, "generator": s.Generator, "benchmark": s.Benchmark}
}

// Close cancels all runs and waits for their ends.
func (s *Set) Close() {
	for _, rs := range s.all {
		rs.close()
	}
}

// base is what the components have in common.
type base struct {
	Options
	runs    *runs
	sockets sockets
	prefix  string // of its routes
	noun    string // what a run is called: "Test run", "Task"
	id      string // the key of a run's id: "run_id", "task_id"
	list    string // the name of the list of runs: "runs", "tasks"

	cancelable bool                        // over the WebSocket
	status     func(*perf.Run) any         // the body of status/{id}
	row        func(*perf.Run, string) any // a row of db/{list}, perhaps as seen from one model
}

// notFound is the documented word for an id that there is not.
func (b *base) notFound(id string) string { return fmt.Sprintf("%s %s not found", b.noun, shorten(id)) }

// canonical is a model's name in the catalogue, or the caller's own.
func (b *base) canonical(model string) string {
	if b.App != nil && model != "" {
		if m, err := b.App.Model(model); err == nil {
			return m.Name
		}
	}
	return model
}

// routes are those that all components have.
func (b *base) routes(mux *http.ServeMux) {
	get := func(path string, h http.HandlerFunc) { mux.HandleFunc("GET "+b.prefix+path, h) }
	get("/ws/{id}", b.watch)
	get("/status/{id}", b.of(func(w http.ResponseWriter, _ *http.Request, r *perf.Run) { writeJSON(w, http.StatusOK, b.status(r)) }))
	get("/db/"+b.list, b.dbList)
	get("/db/"+strings.TrimSuffix(b.list, "s")+"/{id}", b.of(func(w http.ResponseWriter, _ *http.Request, r *perf.Run) {
		writeJSON(w, http.StatusOK, map[string]any{"run": b.row(r, ""), "config": r.Config, "result": r.Result})
	}))
	mux.HandleFunc("DELETE "+b.prefix+"/db/"+strings.TrimSuffix(b.list, "s")+"/{id}", b.dbDelete)
	get("/db/models/stats", func(w http.ResponseWriter, r *http.Request) {
		b.dbStats(w, r, "model_name", func(r *perf.Run) []string { return b.modelsOf(r) })
	})
	get("/db/hardware/stats", func(w http.ResponseWriter, r *http.Request) {
		b.dbStats(w, r, "hardware", func(r *perf.Run) []string { return r.Hardware })
	})
	get("/db/performance", b.dbPerformance)
	mux.HandleFunc("POST "+b.prefix+"/db/search", b.dbSearch)
	mux.HandleFunc("POST "+b.prefix+"/db/export", b.dbExport)
	mux.HandleFunc(b.prefix+"/", func(w http.ResponseWriter, r *http.Request) {
		other := "GET"
		if r.Method == http.MethodGet {
			other = "POST"
		}
		probe := r.Clone(r.Context())
		probe.Method = other
		if _, pattern := mux.Handler(probe); pattern != b.prefix+"/" {
			w.Header().Set("Allow", other)
			writeDetail(w, http.StatusMethodNotAllowed, "Method Not Allowed")
			return
		}
		writeDetail(w, http.StatusNotFound, "Not Found")
	})
}

// of serves a route about one run.
func (b *base) of(h func(http.ResponseWriter, *http.Request, *perf.Run)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		run, _, err := b.runs.get(r.Context(), r.PathValue("id"))
		if err != nil {
			if perf.AsError(err).Code == perf.CodeNotFound {
				writeDetail(w, http.StatusNotFound, b.notFound(r.PathValue("id")))
				return
			}
			writeError(w, b.Log, err)
			return
		}
		h(w, r, &run)
	}
}

// completed is of, for runs that have completed.
func (b *base) completed(h func(http.ResponseWriter, *http.Request, *perf.Run)) http.HandlerFunc {
	return b.of(func(w http.ResponseWriter, r *http.Request, run *perf.Run) {
		if run.Status != perf.RunCompleted {
			writeDetail(w, http.StatusBadRequest, fmt.Sprintf("%s %s is not completed", b.noun, run.ID))
			return
		}
		h(w, r, run)
	})
}

// begin starts a run and answers as documented.
func (b *base) begin(w http.ResponseWriter, r perf.Run, request any, keep bool, message string, do job) {
	config, err := json.Marshal(request)
	if err != nil {
		writeError(w, b.Log, err)
		return
	}
	r.Config = config
	r, err = b.runs.start(r, keep, do)
	if err != nil {
		writeError(w, b.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{b.id: r.ID, "status": perf.RunInitializing, "message": message, "started_at": stamp(r.Started)})
}

// filterOf reads limit, status, model_name and a kind from a query.
func (b *base) filterOf(r *http.Request, kindParam string) (filter, error) {
	q := r.URL.Query()
	limit, err := intParam(q, "limit", 100, 1, 1000)
	f := filter{status: q.Get("status"), kind: q.Get(kindParam), limit: limit}
	if m := q.Get("model_name"); m != "" {
		f.models = unique([]string{m, b.canonical(m)})
	}
	return f, err
}

// dbList is GET db/runs or db/tasks: the newest, as a plain list.
func (b *base) dbList(w http.ResponseWriter, r *http.Request) {
	f, err := b.filterOf(r, "test_type")
	if err != nil {
		refuse(w, b.Log, err)
		return
	}
	list, err := b.search(r.Context(), f)
	if err != nil {
		writeError(w, b.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, b.rows(list, f))
}

// search lists runs, and finds those of several models by what was asked for.
func (b *base) search(ctx context.Context, f filter) ([]perf.Run, error) {
	list, err := b.runs.list(ctx, f)
	if err != nil || len(f.models) == 0 || b.runs.component != perf.ComponentBenchmark {
		return list, err
	}
	for _, m := range f.models {
		several := f
		several.models, several.text = []string{""}, fmt.Sprintf("%q", m)
		more, err := b.runs.list(ctx, several)
		if err != nil {
			return nil, err
		}
		for _, r := range more {
			if !slices.ContainsFunc(list, func(x perf.Run) bool { return x.ID == r.ID }) {
				list = append(list, r)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b perf.Run) int { return b.Started.Compare(a.Started) })
	return list[:min(len(list), f.limit)], nil
}

func (b *base) rows(list []perf.Run, f filter) []any {
	model := ""
	if len(f.models) > 0 {
		model = f.models[len(f.models)-1]
	}
	out := make([]any, len(list))
	for i := range list {
		out[i] = b.row(&list[i], model)
	}
	return out
}

// dbDelete is DELETE db/run/{id}.
func (b *base) dbDelete(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if err := b.runs.remove(r.Context(), id); err != nil {
		if perf.AsError(err).Code == perf.CodeNotFound {
			writeDetail(w, http.StatusNotFound, b.notFound(id))
			return
		}
		writeError(w, b.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{b.id: id, "deleted": true})
}

// stats summarises the runs of one model or piece of hardware.
type stats struct {
	Total, Completed, Failed, Cancelled int
	sum, least, most                    float64 // s, of the completed
	latest                              time.Time
}

func (s *stats) add(r *perf.Run) {
	s.Total++
	if r.Started.After(s.latest) {
		s.latest = r.Started
	}
	switch r.Status {
	case perf.RunCompleted:
		d := r.Completed.Sub(r.Started).Seconds()
		if s.Completed == 0 || d < s.least {
			s.least = d
		}
		s.most = max(s.most, d)
		s.sum += d
		s.Completed++
	case perf.RunCancelled:
		s.Cancelled++
	case perf.RunError, perf.RunTimeout:
		s.Failed++
	}
}

func (s *stats) row(key, name string) map[string]any {
	row := map[string]any{key: name, "total_runs": s.Total, "completed_runs": s.Completed, "failed_runs": s.Failed,
		"cancelled_runs": s.Cancelled, "avg_duration": nil, "min_duration": nil, "max_duration": nil, "latest_run": stamp(s.latest)}
	if s.Completed > 0 {
		row["avg_duration"], row["min_duration"], row["max_duration"] = s.sum/float64(s.Completed), s.least, s.most
	}
	return row
}

// group sums runs up by name, in order of names.
func group(list []perf.Run, key string, names func(*perf.Run) []string) []map[string]any {
	by := map[string]*stats{}
	for i := range list {
		for _, n := range names(&list[i]) {
			if by[n] == nil {
				by[n] = &stats{}
			}
			by[n].add(&list[i])
		}
	}
	out := []map[string]any{}
	for n, s := range by {
		out = append(out, s.row(key, n))
	}
	slices.SortFunc(out, func(a, b map[string]any) int { return cmp.Compare(a[key].(string), b[key].(string)) })
	return out
}

// dbStats sums up the newest 10,000 runs by model or hardware.
func (b *base) dbStats(w http.ResponseWriter, r *http.Request, key string, names func(*perf.Run) []string) {
	f, err := b.filterOf(r, "test_type")
	if err != nil {
		refuse(w, b.Log, err)
		return
	}
	f.limit = app.MaxLimit
	list, err := b.search(r.Context(), f)
	if err != nil {
		writeError(w, b.Log, err)
		return
	}
	rows := group(list, key, names)
	if key == "model_name" && len(f.models) > 0 {
		rows = slices.DeleteFunc(rows, func(row map[string]any) bool { return !slices.Contains(f.models, row[key].(string)) })
	}
	writeJSON(w, http.StatusOK, rows)
}

// dbPerformance is GET db/performance: how long the runs of the last days took.
func (b *base) dbPerformance(w http.ResponseWriter, r *http.Request) {
	f, err := b.filterOf(r, "test_type")
	days := 0
	if err == nil {
		days, err = intParam(r.URL.Query(), "days", 30, 1, 365)
	}
	if err != nil {
		refuse(w, b.Log, err)
		return
	}
	f.limit, f.since = app.MaxLimit, b.runs.clock().AddDate(0, 0, -days)
	list, err := b.search(r.Context(), f)
	if err != nil {
		writeError(w, b.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"days": days, "total_runs": len(list),
		"models":   group(list, "model_name", func(r *perf.Run) []string { return b.modelsOf(r) }),
		"hardware": group(list, "hardware", func(r *perf.Run) []string { return r.Hardware })})
}

// dbSearch is POST db/search {"query", "limit"}: runs whose request holds the
// text.
func (b *base) dbSearch(w http.ResponseWriter, r *http.Request) {
	ask := struct {
		Query *string `json:"query"`
		Limit int     `json:"limit"`
	}{Limit: 100}
	if !decode(w, r, &ask) {
		return
	}
	if ask.Query == nil {
		writeError(w, b.Log, perf.Invalid("query", "Field required"))
		return
	}
	if ask.Limit < 1 || ask.Limit > 1000 {
		writeError(w, b.Log, perf.Invalid("limit", "must be 1 to 1000"))
		return
	}
	list, err := b.runs.list(r.Context(), filter{text: *ask.Query, limit: ask.Limit})
	if err != nil {
		writeError(w, b.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, b.rows(list, filter{}))
}

// dbExport is POST db/export: the runs as a document to download. Where it is
// kept is for the client to say, not for the server's disk.
func (b *base) dbExport(w http.ResponseWriter, r *http.Request) {
	list, err := b.runs.list(r.Context(), filter{limit: app.MaxLimit})
	if err != nil {
		writeError(w, b.Log, err)
		return
	}
	out := make([]any, len(list))
	for i := range list {
		out[i] = map[string]any{"run": b.row(&list[i], ""), "config": list[i].Config, "result": list[i].Result}
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(b.runs.component)+`.json"`)
	writeJSON(w, http.StatusOK, map[string]any{"count": len(out), b.list: out})
}

// modelsOf are the models of a run, its own or those that it was asked for, by
// their names in the catalogue.
func (b *base) modelsOf(r *perf.Run) []string {
	if r.Model != "" {
		return []string{r.Model}
	}
	var c struct {
		Models []string `json:"models"`
	}
	if json.Unmarshal(r.Config, &c) != nil {
		return nil
	}
	for i, m := range c.Models {
		c.Models[i] = b.canonical(m)
	}
	return unique(c.Models)
}
