package gateway

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/openapi"
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
	web openapi.Server
}

func newDatabase(a *app.App, now func() time.Time, log *slog.Logger) *database {
	return &database{a, now, openapi.Server{Log: log, Patience: slowest}}
}

// routes are the database's; those below db/ need a key.
func (d *database) routes() []openapi.Route {
	prefix := prefixes["predictive"]
	routes := []openapi.Route{
		openapi.Handle(openapi.Route{Method: "GET", Path: prefix + "/stats", ID: "stats", Summary: "Counts of what is stored, of all models or of one"}, d.stats),
		openapi.Handle(openapi.Route{Method: "POST", Path: prefix + "/db/search", ID: "dbSearch", Summary: "The newest rows of each table that hold a text in one of their names"}, d.search),
	}
	for _, t := range relations {
		routes = append(routes, openapi.Raw[tableParameters, openapi.None](openapi.Route{
			Method: "GET", Path: prefix + "/db/" + t.route, ID: "db" + strings.ToUpper(t.route[:1]) + t.route[1:],
			Summary: "Rows of " + t.route + ", filtered, sorted and in pages", Doc: tableDoc,
			Media: []string{"application/json", "text/csv", "application/x-ndjson"},
		}, func(w http.ResponseWriter, r *http.Request, in tableParameters) { d.table(w, r, &t, in) }))
	}
	for i := range routes {
		routes[i].Tag = "database"
	}
	return routes
}

const tableDoc = "The answer is JSON, or CSV or NDJSON by Accept. In JSON it is the body of the list of the same name, with a next_cursor while there are more pages; " +
	"with columns, its rows have these alone."

// DatabaseDocument is what the OpenAPI document says of the predictive
// database's routes.
func DatabaseDocument() openapi.Document {
	d := openapi.Document{Routes: newDatabase(nil, nil, nil).routes(),
		Tags: []openapi.Tag{{Name: "database", Description: "What is stored, with filters by any column."}}}
	for i := range d.Routes {
		r := &d.Routes[i]
		if rest, _ := below(r.Path, prefixes["predictive"]); isDatabase(rest) {
			r.Scope = string(scopeOf(r.Method, r.Path))
		}
	}
	return d
}

// PredictiveDatabase puts the predictive database's routes, behind their key,
// before the predictive API's own: /api/predictive-performance/db/* and the
// counts at /api/predictive-performance/stats. The gateway does so for the one
// that it has built in; this is for a predictive server of its own.
func PredictiveDatabase(a *app.App, keys *key.Ring, log *slog.Logger, next http.Handler) http.Handler {
	db := withDatabase(newDatabase(a, time.Now, log), next)
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
		if r, ok := keys.Authorize(w, withPath(r, p), scopeOf(r.Method, p)); ok {
			db.ServeHTTP(w, r)
		}
	})
}

// withDatabase puts the database before the predictive API's other routes. The
// key has been checked.
func withDatabase(db *database, next http.Handler) http.Handler {
	mux := db.web.Recovering(db.web.Mux(db.routes()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := below(r.URL.Path, prefixes["predictive"]); ok && (rest == "/stats" || isDatabase(rest)) {
			mux.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// tableParameters choose and shape rows.
type tableParameters struct {
	Limit   *int       `json:"limit,omitempty" min:"0" max:"10000" doc:"most rows; where it is left out 10, and all of them as CSV or NDJSON"`
	Cursor  string     `json:"cursor,omitempty" maxlen:"4096" doc:"next_cursor of the page before"`
	Days    int        `json:"days,omitempty" min:"-100000" max:"100000" doc:"look back so many days; 0 = no bound"`
	Sort    string     `json:"sort,omitempty" doc:"columns, - before one for descending: -throughput,model_name; the newest first where it is left out"`
	Columns string     `json:"columns,omitempty" maxlen:"4096" doc:"only these: model_name,throughput"`
	Filters url.Values `json:"filters,omitempty" doc:"COLUMN=x, COLUMN_ne, _lt, _le, _gt, _ge, _in=x,y, _like=a%, _contains, _null=true, each a parameter of its own; columns by the names that a row has, in their units, or by the database's own"`
}

// table answers one page of a table, or with CSV and NDJSON all of it when no
// limit is given.
func (d *database) table(w http.ResponseWriter, r *http.Request, t *relation, in tableParameters) {
	ask, err := parseAsk(in)
	if err != nil {
		d.refuse(w, r, err)
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
	out, next, err := d.page(r.Context(), t, &ask)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	if next != "" {
		w.Header().Set("Link", `<`+nextPage(r.URL, next)+`>; rel="next"`)
	}
	d.web.Answer(w, r, http.StatusOK, out)
}

// page is a page as a JSON body, and the cursor behind it.
func (d *database) page(ctx context.Context, t *relation, ask *ask) (body any, next string, err error) {
	if len(ask.columns) == 0 {
		return t.list(ctx, d.app, ask.query)
	}
	g, err := d.app.Rows(ctx, t.table, ask.query, ask.stored()...)
	if err != nil {
		return nil, "", err
	}
	rows := make([]json.RawMessage, len(g.Rows))
	for i, row := range g.Rows {
		rows[i] = ask.object(row)
	}
	out := map[string]any{"count": len(rows), t.rows: rows}
	if g.HasNext {
		out["next_cursor"], next = g.Last, g.Last
	}
	return out, next, nil
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

// refuse answers with an error of a query. The column that is at fault is the
// parameter itself, whatever the domain calls fields elsewhere.
func (d *database) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if e := perf.AsError(err); e.Code == perf.CodeInvalid || e.Code == perf.CodeUnknown {
		err = problem(e.Field, "value_error", e.Message, nil)
	}
	d.web.Fail(w, r, "query", err)
}

// problem is a 422 answer about a query parameter.
func problem(param, typ, msg string, input any) error {
	return openapi.Invalid{{Type: typ, Loc: openapi.Location{"query", param}, Msg: msg, Input: input}}
}

// statsParameters choose what is counted.
type statsParameters struct {
	Model string `json:"model_name,omitempty" doc:"under any of its names; all models where it is left out"`
}

// statsBody counts what is stored.
type statsBody struct {
	Timestamp       string `json:"timestamp"`
	Model           string `json:"model_name,omitempty"`
	Measurements    int64  `json:"measurements"`
	Predictions     int64  `json:"predictions"`
	Recommendations int64  `json:"recommendations"`
	*overallStats
}

// overallStats are known of the whole only.
type overallStats struct {
	Models  int64  `json:"models" doc:"prediction models"`
	Version string `json:"model_version" doc:"of the predictor"`
	Learned int    `json:"learned_measurements"`
	Uptime  int64  `json:"uptime_s"`
}

func (d *database) stats(ctx context.Context, in statsParameters) (statsBody, error) {
	out := statsBody{Timestamp: stamp(d.now()), Model: in.Model}
	if in.Model != "" {
		for table, n := range map[string]*int64{"measurements": &out.Measurements, "predictions": &out.Predictions, "recommendations": &out.Recommendations} {
			q := app.Query{Count: true}.Where("model_name", app.Eq, in.Model)
			d.allNames(q.Filters)
			g, err := d.app.Rows(ctx, table, q)
			if err != nil {
				return out, err
			}
			*n = int64(g.Total)
		}
		return out, nil
	}
	o, err := d.app.Overview(ctx)
	if err != nil {
		return out, err
	}
	out.overallStats = &overallStats{Version: o.ModelVersion, Learned: o.Learned, Uptime: max(0, int64(d.now().Sub(o.Started).Seconds()))}
	for _, t := range o.Tables {
		switch t.Name {
		case "measurements":
			out.Measurements = int64(t.Rows)
		case "predictions":
			out.Predictions = int64(t.Rows)
		case "recommendations":
			out.Recommendations = int64(t.Rows)
		case "prediction_models":
			out.Models = int64(t.Rows)
		}
	}
	return out, nil
}

// dbSearchRequest is the body of POST db/search.
type dbSearchRequest struct {
	Query string `json:"query" doc:"text" example:"\"bert\""`
	Limit int    `json:"limit,omitempty" default:"100" min:"1" max:"1000" example:"10"`
}

// dbSearchBody are the rows that a search found.
type dbSearchBody struct {
	Results []found `json:"results"`
	Count   int     `json:"count"`
}

// found is one row that a search found.
type found struct {
	Type string          `json:"type" doc:"which list it is of"`
	Row  json.RawMessage `json:"row"`
}

// search finds the newest rows of each table that hold the text in one of its
// names.
func (d *database) search(ctx context.Context, in dbSearchRequest) (dbSearchBody, error) {
	results := []found{}
	for _, t := range relations {
		seen := map[string]bool{}
		for _, column := range t.search {
			if len(results) >= in.Limit {
				break
			}
			q := app.Query{Limit: in.Limit - len(results)}.Where(column, app.Contains, in.Query)
			b, _, err := t.list(ctx, d.app, q)
			if err != nil {
				return dbSearchBody{}, err
			}
			for _, row := range listRows(b, t.rows) {
				if !seen[string(row)] {
					seen[string(row)] = true
					results = append(results, found{t.route, row})
				}
			}
		}
	}
	results = results[:min(len(results), in.Limit)]
	return dbSearchBody{results, len(results)}, nil
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
