package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/perf"
)

// relation is a table of the predictive database as its route shows it.
type relation struct {
	route  string
	table  string
	rows   string // what the rows are called in a JSON body
	search []string
	// list is the page as the documented list body, and the cursor behind it.
	list func(ctx context.Context, a *app.App, q app.Query) (body any, next string, err error)
}

var relations = []relation{
	{"measurements", "measurements", "measurements", []string{"model_name", "device", "measurement_id", "measurement_source"},
		func(ctx context.Context, a *app.App, q app.Query) (any, string, error) {
			p, err := a.Measurements(ctx, q)
			return body(p, err, func(vs []perf.Measurement, next string) any {
				return struct {
					document.MeasurementList
					cursor
				}{document.Measurements(vs), cursor{next}}
			})
		}},
	{"predictions", "predictions", "predictions", []string{"model_name", "device", "prediction_id", "prediction_source"},
		func(ctx context.Context, a *app.App, q app.Query) (any, string, error) {
			p, err := a.Predictions(ctx, q)
			return body(p, err, func(vs []perf.Prediction, next string) any {
				return struct {
					document.PredictionList
					cursor
				}{document.Predictions(vs), cursor{next}}
			})
		}},
	{"recommendations", "recommendations", "recommendations", []string{"model_name", "device", "recommendation_id", "user_feedback"},
		func(ctx context.Context, a *app.App, q app.Query) (any, string, error) {
			p, err := a.Recommendations(ctx, q)
			return body(p, err, func(vs []perf.Recommendation, next string) any {
				return struct {
					document.RecommendationList
					cursor
				}{document.Recommendations(vs), cursor{next}}
			})
		}},
	{"models", "prediction_models", "models", []string{"model_type", "model_id", "model_family"},
		func(ctx context.Context, a *app.App, q app.Query) (any, string, error) {
			p, err := a.PredictionModels(ctx, q)
			return body(p, err, func(vs []perf.PredictionModel, next string) any {
				return struct {
					document.ModelList
					cursor
				}{document.Models(vs), cursor{next}}
			})
		}},
}

// cursor is what a list body has besides the documented keys.
type cursor struct {
	Next string `json:"next_cursor,omitempty"` // cursor= of the next page; absent at the end
}

// body makes a page's documented body.
func body[T any](p *app.Page[T], err error, make func([]T, string) any) (any, string, error) {
	if err != nil {
		return nil, "", err
	}
	next := ""
	if p.HasNext && len(p.Rows) > 0 {
		next = p.Cursor(len(p.Rows) - 1)
	}
	return make(p.Values(), next), next, nil
}

// database serves the predictive component's database: lists of its tables
// with filters, a search over them, and counts.
type database struct {
	app *app.App
	now func() time.Time
}

func newDatabase(a *app.App, now func() time.Time) *database { return &database{a, now} }

// PredictiveDatabase puts the predictive database's routes, behind their key,
// before the predictive API's own: /api/predictive-performance/db/* and the
// counts at /api/predictive-performance/stats. The gateway does so for the one
// that it has built in; this is for a predictive server of its own.
func PredictiveDatabase(a *app.App, keys *key.Ring, next http.Handler) http.Handler {
	db := withDatabase(newDatabase(a, time.Now), next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := below(r.URL.Path, prefixes["predictive"])
		if !ok || !isDatabase(rest) {
			db.ServeHTTP(w, r)
			return
		}
		p, err := canonical(r)
		if err != nil {
			writeDetail(w, http.StatusBadRequest, err.Error())
			return
		}
		if r, ok := keys.Authorize(w, withPath(r, p), scopeOf(r)); ok {
			db.ServeHTTP(w, r)
		}
	})
}

// withDatabase puts the database before the predictive API's other routes. The
// key has been checked.
func withDatabase(db *database, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := below(r.URL.Path, prefixes["predictive"])
		switch {
		case ok && rest == "/stats":
			db.stats(w, r)
		case ok && isDatabase(rest):
			_, table := cut(rest)
			db.serve(w, r, table)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (d *database) serve(w http.ResponseWriter, r *http.Request, path string) {
	name, more := cut(path)
	if name == "search" && more == "" {
		if r.Method != http.MethodPost {
			notAllowed(w, "POST")
			return
		}
		d.search(w, r)
		return
	}
	i := slices.IndexFunc(relations, func(x relation) bool { return x.route == name })
	switch {
	case i < 0 || more != "":
		notFound(w)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		notAllowed(w, "GET, HEAD")
	default:
		d.table(w, r, &relations[i])
	}
}

// table answers one page of a table, or with CSV and NDJSON all of it when no
// limit is given.
func (d *database) table(w http.ResponseWriter, r *http.Request, t *relation) {
	ask, problem := parseAsk(r.URL.Query())
	if problem != nil {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{problem}})
		return
	}
	d.allNames(ask.query.Filters)
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Cache-Control", "no-store")
	format := negotiate(r.Header.Values("Accept"))
	if format != asJSON {
		d.export(w, r, t, ask, format)
		return
	}
	if len(ask.columns) > 0 {
		g, err := d.app.Rows(r.Context(), t.table, ask.query, ask.stored()...)
		if err != nil {
			refuse(w, err)
			return
		}
		rows := make([]json.RawMessage, len(g.Rows))
		for i, row := range g.Rows {
			rows[i] = ask.object(row)
		}
		out := map[string]any{"count": len(rows), t.rows: rows}
		if g.HasNext {
			out["next_cursor"] = g.Last
		}
		writeJSON(w, http.StatusOK, out)
		return
	}
	out, next, err := t.list(r.Context(), d.app, ask.query)
	if err != nil {
		refuse(w, err)
		return
	}
	if next != "" {
		w.Header().Set("Link", `<`+nextPage(r.URL, next)+`>; rel="next"`)
	}
	writeJSON(w, http.StatusOK, out)
}

// allNames lets a filter for a model find it under the catalogue's name too:
// what was asked for under an alias is stored under that.
func (d *database) allNames(filters []app.Filter) {
	for i, f := range filters {
		name, ok := f.Value.(string)
		if f.Column != "model_name" || f.Op != app.Eq || !ok {
			continue
		}
		if m, err := d.app.Model(name); err == nil && m.Name != name {
			filters[i] = app.Filter{Column: f.Column, Op: app.In, Value: []string{name, m.Name}}
		}
	}
}

func nextPage(u *url.URL, cursor string) string {
	q := u.Query()
	q.Set("cursor", cursor)
	return u.EscapedPath() + "?" + q.Encode()
}

// refuse answers with an error of a query: 422 in the documented shape for one
// that is the caller's.
func refuse(w http.ResponseWriter, err error) {
	e := perf.AsError(err)
	switch e.Code {
	case perf.CodeInvalid, perf.CodeUnknown:
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{problem(e.Field, "value_error", e.Message, nil)}})
	case perf.CodeUnavailable:
		writeDetail(w, http.StatusServiceUnavailable, e.Error())
	default:
		writeDetail(w, http.StatusInternalServerError, "internal error")
	}
}

// problem is an entry of a 422 answer about a query parameter.
func problem(param, typ, msg string, input any) map[string]any {
	return map[string]any{"type": typ, "loc": []string{"query", param}, "msg": msg, "input": input}
}

// stats counts what is stored, of all models or of one.
func (d *database) stats(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		notAllowed(w, "GET, HEAD")
		return
	}
	out := map[string]any{"timestamp": stamp(d.now())}
	if model := r.URL.Query().Get("model_name"); model != "" {
		out["model_name"] = model
		for _, t := range relations[:3] {
			q := app.Query{Count: true}.Where("model_name", app.Eq, model)
			d.allNames(q.Filters)
			g, err := d.app.Rows(r.Context(), t.table, q)
			if err != nil {
				refuse(w, err)
				return
			}
			out[t.rows] = g.Total
		}
		writeJSON(w, http.StatusOK, out)
		return
	}
	o, err := d.app.Overview(r.Context())
	if err != nil {
		refuse(w, err)
		return
	}
	for _, t := range o.Tables {
		if i := slices.IndexFunc(relations, func(x relation) bool { return x.table == t.Name }); i >= 0 {
			out[relations[i].rows] = t.Rows
		}
	}
	out["model_version"], out["learned_measurements"] = o.ModelVersion, o.Learned
	out["uptime_s"] = max(0, int64(d.now().Sub(o.Started).Seconds()))
	writeJSON(w, http.StatusOK, out)
}

// found is one row that a search found.
type found struct {
	Type string `json:"type"` // which list it is of
	Row  any    `json:"row"`
}

// search is POST db/search {"query", "limit"}: the newest rows of each table
// that hold the text in one of its names.
func (d *database) search(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Query *string `json:"query"`
		Limit int     `json:"limit"`
	}
	ask.Limit = 100
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || ask.Query == nil || ask.Limit < 1 || ask.Limit > 1000 {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{map[string]any{
			"type": "value_error", "loc": []string{"body"}, "msg": `needs {"query": text, "limit": 1 to 1000}`, "input": nil}}})
		return
	}
	results := []found{}
	for _, t := range relations {
		seen := map[string]bool{}
		for _, column := range t.search {
			if len(results) >= ask.Limit {
				break
			}
			q := app.Query{Limit: ask.Limit - len(results)}.Where(column, app.Contains, *ask.Query)
			b, _, err := t.list(r.Context(), d.app, q)
			if err != nil {
				refuse(w, err)
				return
			}
			for _, row := range listRows(b, t.rows) {
				if !seen[string(row)] {
					seen[string(row)] = true
					results = append(results, found{t.route, row})
				}
			}
		}
	}
	if len(results) > ask.Limit {
		results = results[:ask.Limit]
	}
	writeJSON(w, http.StatusOK, map[string]any{"results": results, "count": len(results)})
}

// listRows takes the rows out of a list body.
func listRows(body any, under string) []json.RawMessage {
	b, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	var m map[string]json.RawMessage
	var rows []json.RawMessage
	if json.Unmarshal(b, &m) != nil || json.Unmarshal(m[under], &rows) != nil {
		return nil
	}
	return rows
}
