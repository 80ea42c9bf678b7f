package rest

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/document"
)

// route is one line of the API: everything that serving and describing it
// needs.
type route struct {
	method, path string // the path may end in one {parameter}
	id           string // operationId
	summary, doc string
	statuses     []int // beyond 200
	limit        int64 // most bytes of the body

	request  *shape // the body of a POST, the parameters of a GET
	response *shape

	fresh func() reflect.Value // a new request value
	do    func(ctx context.Context, h *handler, in any) (any, error)
}

// Most bytes of a request's body.
const (
	bodyLimit     = 1 << 20
	artefactLimit = 8 << 20 // base64 of an artefact of up to 6 MB
)

// handle completes a route by its request type, its response type and what it
// does.
func handle[In, Out any](r route, do func(context.Context, *handler, In) (Out, error)) route {
	maxText := defaultMaxText
	if r.method == http.MethodGet {
		maxText = defaultMaxQuery
	}
	r.request = shapeFor[In]().bound(maxText)
	r.response = shapeFor[Out]()
	r.fresh = func() reflect.Value { return reflect.ValueOf(new(In)).Elem() }
	r.do = func(ctx context.Context, h *handler, in any) (any, error) { return do(ctx, h, in.(In)) }
	if r.limit == 0 {
		r.limit = bodyLimit
	}
	return r
}

// start is a POST that starts the task that job describes.
func start[In any](r route, job func(In) app.Job) route {
	r.method = http.MethodPost
	r.statuses = []int{http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusServiceUnavailable}
	return handle(r, func(_ context.Context, h *handler, in In) (document.AcceptedBody, error) {
		task, err := h.app.Start(job(in))
		return document.Accepted(task), err
	})
}

// list is a GET of the newest rows that match a filter.
func list[In, Out any](r route, rows func(context.Context, *app.App, In) (Out, error)) route {
	r.method = http.MethodGet
	r.statuses = []int{http.StatusUnprocessableEntity}
	return handle(r, func(ctx context.Context, h *handler, in In) (Out, error) { return rows(ctx, h.app, in) })
}

// read decodes and validates a request, whose body must come within patience.
func (rt *route) read(w http.ResponseWriter, r *http.Request, param string, patience time.Duration) (any, error) {
	v := rt.fresh()
	var d decoder
	if rt.method == http.MethodPost {
		body, err := readBody(w, r, rt.limit, patience)
		if err != nil {
			return nil, err
		}
		d.body(rt.request, body, r.Header.Get("Content-Type"), v)
	} else {
		d.parameters(rt.request, r, param, v)
	}
	if len(d.errs) > 0 {
		return nil, invalid(d.errs)
	}
	return v.Interface(), nil
}

// body decodes a JSON body. One of another content type is a text, which is not
// the object asked for.
func (d *decoder) body(s *shape, body []byte, contentType string, v reflect.Value) {
	loc := []any{"body"}
	switch {
	case len(body) == 0:
		d.fail(loc, nil, "missing", "Field required", nil)
	case !isJSON(contentType):
		d.fail(loc, nil, "model_attributes_type",
			"Input should be a valid dictionary or object to extract fields from: send it with Content-Type: application/json", nil)
	default:
		in, err := parse(body)
		if err != nil {
			d.errs = append(d.errs, *err)
			return
		}
		d.value(s, in, v, loc)
	}
}

// isJSON reports whether a content type is JSON. None at all counts as JSON.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "" || media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// parameters decodes the query and the path's parameter. Of a name given twice
// the last counts; an unknown name is ignored.
func (d *decoder) parameters(s *shape, r *http.Request, param string, v reflect.Value) {
	query := r.URL.Query()
	for i := range s.fields {
		f := &s.fields[i]
		at := v.FieldByIndex(f.index)
		values := query[f.name]
		switch {
		case f.path:
			d.value(f.shape, param, at, []any{"path", f.name})
		case len(values) > 0:
			d.value(f.shape, values[len(values)-1], at, []any{"query", f.name})
		case f.defaultEncoded != "":
			d.value(f.shape, defaultValue(f.shape), at, []any{"query", f.name})
		case f.required:
			d.fail([]any{"query", f.name}, nil, "missing", "Field required", nil)
		}
	}
}
