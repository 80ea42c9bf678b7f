package component

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// listParameters choose runs.
type listParameters struct {
	Limit  int    `json:"limit,omitempty" default:"100" min:"1" max:"1000" doc:"most rows"`
	Status string `json:"status,omitempty"`
	Model  string `json:"model_name,omitempty" doc:"under any of its names"`
	Kind   string `json:"test_type,omitempty"`
}

// statsParameters choose the runs that are summed up.
type statsParameters struct {
	Status string `json:"status,omitempty"`
	Model  string `json:"model_name,omitempty" doc:"under any of its names"`
	Kind   string `json:"test_type,omitempty"`
}

type performanceParameters struct {
	statsParameters
	Days int `json:"days,omitempty" default:"30" min:"1" max:"365" doc:"look back so many days"`
}

// searchRequest is the body of POST db/search.
type searchRequest struct {
	Query string `json:"query" doc:"text somewhere in the request" example:"\"bert\""`
	Limit int    `json:"limit,omitempty" default:"100" min:"1" max:"1000" example:"10"`
}

// record is a run with all that is stored of it.
type record[Row any] struct {
	Run    Row             `json:"run"`
	Config json.RawMessage `json:"config" doc:"the request"`
	Result json.RawMessage `json:"result" doc:"null unless it completed"`
}

// export is the body of POST db/export.
type export[Row any] struct {
	Count int           `json:"count"`
	Runs  []record[Row] `json:"runs"`
}

// deleted is the answer to a DELETE.
type deleted struct {
	ID      string `json:"id"`
	Deleted bool   `json:"deleted"`
}

// database are the routes below db/.
func (b *base[Status, Row]) database() []openapi.Route {
	one := "/db/" + strings.TrimSuffix(b.list, "s") + "/{id}"
	return []openapi.Route{
		openapi.Handle(openapi.Route{Method: "GET", Path: "/db/" + b.list, ID: "DbList", Summary: "The newest runs"}, b.dbList),
		openapi.Handle(openapi.Route{Method: "GET", Path: one, ID: "DbGet", Summary: "A run with its request and result", Statuses: missing}, b.dbGet),
		openapi.Handle(openapi.Route{Method: "DELETE", Path: one, ID: "DbDelete", Summary: "Delete an ended run",
			Statuses: []int{http.StatusNotFound, http.StatusConflict}}, b.dbDelete),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/db/models/stats", ID: "DbModelStats", Summary: "Runs summed up by model"},
			func(ctx context.Context, in statsParameters) ([]modelStats, error) {
				list, f, err := b.recent(ctx, in, time.Time{})
				stats := group(list, b.modelsOf, modelStatsOf)
				if len(f.models) > 0 {
					stats = slices.DeleteFunc(stats, func(s modelStats) bool { return !slices.Contains(f.models, s.Model) })
				}
				return stats, err
			}),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/db/hardware/stats", ID: "DbHardwareStats", Summary: "Runs summed up by hardware"},
			func(ctx context.Context, in statsParameters) ([]hardwareStats, error) {
				list, _, err := b.recent(ctx, in, time.Time{})
				return group(list, hardwareOf, hardwareStatsOf), err
			}),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/db/performance", ID: "DbPerformance", Summary: "How long the runs of the last days took"},
			b.dbPerformance),
		openapi.Handle(openapi.Route{Method: "POST", Path: "/db/search", ID: "DbSearch", Summary: "Runs whose request holds a text"}, b.dbSearch),
		openapi.Raw[openapi.None, export[Row]](openapi.Route{Method: "POST", Path: "/db/export", ID: "DbExport", Summary: "All runs, to download",
			Doc: "Where it is kept is for the client to say, not for the server's disk: a body is not read."}, b.dbExport),
	}
}

// chosen is a filter for what parameters choose.
func (b *base[Status, Row]) chosen(in statsParameters, limit int) filter {
	f := filter{status: in.Status, kind: in.Kind, limit: limit}
	if in.Model != "" {
		f.models = unique([]string{in.Model, b.canonical(in.Model)})
	}
	return f
}

// dbList is GET db/runs or db/tasks: the newest, as a plain list.
func (b *base[Status, Row]) dbList(ctx context.Context, in listParameters) ([]Row, error) {
	f := b.chosen(statsParameters{in.Status, in.Model, in.Kind}, in.Limit)
	list, err := b.search(ctx, f)
	return b.rows(list, f), err
}

// search lists runs, and finds those of several models by what was asked for.
func (b *base[Status, Row]) search(ctx context.Context, f filter) ([]perf.Run, error) {
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

func (b *base[Status, Row]) rows(list []perf.Run, f filter) []Row {
	model := ""
	if len(f.models) > 0 {
		model = f.models[len(f.models)-1]
	}
	out := make([]Row, len(list))
	for i := range list {
		out[i] = b.row(&list[i], model)
	}
	return out
}

func (b *base[Status, Row]) record(r *perf.Run) record[Row] {
	return record[Row]{b.row(r, ""), raw(r.Config), raw(r.Result)}
}

// raw is stored JSON; null where there is none.
func raw(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("null")
	}
	return b
}

func (b *base[Status, Row]) dbGet(ctx context.Context, in runID) (record[Row], error) {
	run, err := b.get(ctx, in)
	if err != nil {
		return record[Row]{}, err
	}
	return b.record(&run), nil
}

func (b *base[Status, Row]) dbDelete(ctx context.Context, in runID) (deleted, error) {
	if _, err := b.get(ctx, in); err != nil {
		return deleted{}, err
	}
	return deleted{in.ID, true}, b.runs.remove(ctx, in.ID)
}

// recent are the newest runs that are summed up, 10,000 at most.
func (b *base[Status, Row]) recent(ctx context.Context, in statsParameters, since time.Time) ([]perf.Run, filter, error) {
	f := b.chosen(in, app.MaxLimit)
	f.since = since
	list, err := b.search(ctx, f)
	return list, f, err
}

// performance is the body of GET db/performance.
type performance struct {
	Days     int             `json:"days"`
	Total    int             `json:"total_runs"`
	Models   []modelStats    `json:"models"`
	Hardware []hardwareStats `json:"hardware"`
}

func (b *base[Status, Row]) dbPerformance(ctx context.Context, in performanceParameters) (performance, error) {
	list, _, err := b.recent(ctx, in.statsParameters, b.runs.clock().AddDate(0, 0, -in.Days))
	return performance{in.Days, len(list), group(list, b.modelsOf, modelStatsOf), group(list, hardwareOf, hardwareStatsOf)}, err
}

func (b *base[Status, Row]) dbSearch(ctx context.Context, in searchRequest) ([]Row, error) {
	list, err := b.runs.list(ctx, filter{text: in.Query, limit: in.Limit})
	return b.rows(list, filter{}), err
}

func (b *base[Status, Row]) dbExport(w http.ResponseWriter, r *http.Request, _ openapi.None) {
	list, err := b.runs.list(r.Context(), filter{limit: app.MaxLimit})
	if err != nil {
		b.web.Fail(w, r, "query", err)
		return
	}
	out := export[Row]{Count: len(list), Runs: make([]record[Row], len(list))}
	for i := range list {
		out.Runs[i] = b.record(&list[i])
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(b.runs.component)+`.json"`)
	b.web.Answer(w, r, http.StatusOK, out)
}

// stats sums up runs; durations, in seconds, are those of the completed.
type stats struct {
	Total     int      `json:"total_runs"`
	Completed int      `json:"completed_runs"`
	Failed    int      `json:"failed_runs"`
	Cancelled int      `json:"cancelled_runs"`
	Mean      *float64 `json:"avg_duration"`
	Least     *float64 `json:"min_duration"`
	Most      *float64 `json:"max_duration"`
	Latest    *string  `json:"latest_run"`
}

// modelStats are the runs of one model.
type modelStats struct {
	Model string `json:"model_name"`
	stats
}

// hardwareStats are the runs on one piece of hardware.
type hardwareStats struct {
	Hardware string `json:"hardware"`
	stats
}

func modelStatsOf(name string, s stats) modelStats       { return modelStats{name, s} }
func hardwareStatsOf(name string, s stats) hardwareStats { return hardwareStats{name, s} }
func hardwareOf(r *perf.Run) []string                    { return r.Hardware }

// summed is stats in the making.
type summed struct {
	stats
	name   string
	sum    float64
	latest time.Time
}

func (s *summed) add(r *perf.Run) {
	s.Total++
	if r.Started.After(s.latest) {
		s.latest, s.Latest = r.Started, stamp(r.Started)
	}
	switch r.Status {
	case perf.RunCompleted:
		d := r.Completed.Sub(r.Started).Seconds()
		s.Completed++
		s.sum += d
		mean, least, most := s.sum/float64(s.Completed), d, d
		if s.Completed > 1 {
			least, most = min(*s.Least, d), max(*s.Most, d)
		}
		s.Mean, s.Least, s.Most = &mean, &least, &most
	case perf.RunCancelled:
		s.Cancelled++
	case perf.RunError, perf.RunTimeout:
		s.Failed++
	}
}

// group sums runs up by name, in order of names.
func group[T any](list []perf.Run, names func(*perf.Run) []string, row func(string, stats) T) []T {
	by := map[string]*summed{}
	var order []*summed
	for i := range list {
		for _, n := range names(&list[i]) {
			if by[n] == nil {
				by[n] = &summed{name: n}
				order = append(order, by[n])
			}
			by[n].add(&list[i])
		}
	}
	slices.SortFunc(order, func(a, b *summed) int { return cmp.Compare(a.name, b.name) })
	out := make([]T, len(order))
	for i, s := range order {
		out[i] = row(s.name, s.stats)
	}
	return out
}

// modelsOf are the models of a run, its own or those that it was asked for, by
// their names in the catalogue.
func (b *base[Status, Row]) modelsOf(r *perf.Run) []string {
	if r.Model != "" {
		return []string{r.Model}
	}
	var c struct {
		Models []string `json:"models"`
	}
	_ = json.Unmarshal(r.Config, &c)
	for i, m := range c.Models {
		c.Models[i] = b.canonical(m)
	}
	return unique(c.Models)
}
