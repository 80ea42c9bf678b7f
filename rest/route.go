package rest

import (
	"cmp"
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/openapi"
)

const artefactLimit = 8 << 20 // base64 of an artefact of up to 6 MB

// start is a POST that starts the task that job describes.
func start[In any](h *handler, r openapi.Route, job func(In) app.Job) openapi.Route {
	r.Method, r.Tag, r.Starts = http.MethodPost, "tasks", "getTask"
	r.Statuses = []int{http.StatusServiceUnavailable}
	return openapi.Handle(r, func(_ context.Context, in In) (document.AcceptedBody, error) {
		task, err := h.app.Start(job(in))
		return document.Accepted(task), err
	})
}

// list is a GET of the rows that match the filters which its parameters In are,
// the newest first unless sort says otherwise.
func list[In, Row, Out any](h *handler, r openapi.Route, rows func(*app.App, context.Context, app.Query) (*app.Page[Row], error), body func([]Row) Out, sort []app.Sort) openapi.Route {
	r.Method, r.Tag = http.MethodGet, "lists"
	filters := filtersOf(reflect.TypeFor[In](), nil)
	return openapi.Handle(r, func(ctx context.Context, in In) (out Out, err error) {
		q := app.Query{Sort: sort}
		for _, f := range filters {
			f.apply(h.app, reflect.ValueOf(in).FieldByIndex(f.index), &q)
		}
		page, err := rows(h.app, ctx, q)
		if err != nil {
			return out, err
		}
		return body(page.Values()), nil
	})
}

// filter is a parameter of a list.
type filter struct {
	name, column string
	index        []int
}

func filtersOf(t reflect.Type, at []int) []filter {
	var out []filter
	for f := range t.Fields() {
		index := append(slices.Clone(at), f.Index...)
		if f.Anonymous {
			out = append(out, filtersOf(f.Type, index)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, filter{name, f.Tag.Get("column"), index})
	}
	slices.SortStableFunc(out, func(a, b filter) int { return cmp.Compare(order(a), order(b)) })
	return out
}

// order puts days after limit, which it may overrule.
func order(f filter) int {
	if f.name == "days" {
		return 1
	}
	return 0
}

// apply adds what the parameter says to the query. What is empty or 0 filters
// nothing.
func (f *filter) apply(a *app.App, v reflect.Value, q *app.Query) {
	switch {
	case f.name == "limit":
		q.Limit = int(v.Int())
	case f.name == "days" && v.Int() < 0:
		q.Limit = 0
	case v.IsZero():
	case f.name == "days":
		*q = q.Where("created_at", app.Ge, time.Now().AddDate(0, 0, -int(v.Int())))
	case f.column == "model_name": // rows are stored under the catalogue's name
		name := v.String()
		if m, err := a.Model(name); err == nil && m.Name != name {
			*q = q.Where(f.column, app.In, []string{name, m.Name})
			return
		}
		*q = q.Where(f.column, app.Eq, name)
	default:
		*q = q.Where(f.column, app.Eq, reflect.Indirect(v).Interface())
	}
}
