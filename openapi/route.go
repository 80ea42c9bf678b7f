package openapi

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
)

// Route is one line of an API: everything that serving and describing it
// needs.
type Route struct {
	Method, Path string // a pattern of http.ServeMux: the path may hold {parameter}, and end in {parameter...}
	ID           string // operationId
	Tag          string
	Summary, Doc string
	Statuses     []int    // beyond 200, 500 and those of keys and of bad requests
	Scope        string   // of the key that it needs; empty = none. Checked by whoever stands before the route
	Starts       string   // operationId of the route that shows the task this one starts
	Limit        int64    // most bytes of the body; 1 MiB when 0
	Media        []string // of an answer, besides JSON

	Response *Shape // of the JSON answer; nil when there is none

	params, body *Shape // of the request; nil = none
	fresh        func() reflect.Value
	do           func(r *http.Request, in any) (any, error)
	serve        func(w http.ResponseWriter, r *http.Request, in any) // instead of do
}

const bodyLimit = 1 << 20

// Handle completes a route by its request type, its response type and what it
// does. The request's fields are those of the body of a POST, and of the URL
// otherwise; where a tag says in:"query" or in:"path" they are there.
func Handle[In, Out any](r Route, do func(context.Context, In) (Out, error)) Route {
	return HandleRequest(r, func(req *http.Request, in In) (Out, error) { return do(req.Context(), in) })
}

// HandleRequest is Handle for what also needs the request itself, its host say.
func HandleRequest[In, Out any](r Route, do func(*http.Request, In) (Out, error)) Route {
	r.take(reflect.TypeFor[In]())
	r.Response = ShapeFor[Out]()
	r.do = func(req *http.Request, in any) (any, error) { return do(req, in.(In)) }
	return r
}

// Raw completes a route that writes its answers itself. Out describes its JSON
// answer; the type None says that it has none.
func Raw[In, Out any](r Route, serve func(http.ResponseWriter, *http.Request, In)) Route {
	r.take(reflect.TypeFor[In]())
	if reflect.TypeFor[Out]() != reflect.TypeFor[None]() {
		r.Response = ShapeFor[Out]()
	}
	r.serve = func(w http.ResponseWriter, req *http.Request, in any) { serve(w, req, in.(In)) }
	return r
}

// None is a request without fields, or an answer that is not JSON.
type None struct{}

// take sets what the route takes.
func (rt *Route) take(in reflect.Type) {
	s := shapeOf(in)
	if rt.Method != http.MethodPost {
		for i := range s.fields {
			if s.fields[i].in == "" {
				s.fields[i].in = "query"
			}
		}
	}
	if rt.params = s.part("path", "query"); rt.params != nil {
		rt.params.boundURL()
	}
	if rt.body = s.part(""); rt.body != nil {
		rt.body.bound(defaultMaxText)
	}
	rt.fresh = func() reflect.Value { return reflect.New(in).Elem() }
	if rt.Limit == 0 {
		rt.Limit = bodyLimit
	}
}

// Keyed is the route where it needs a key with a scope.
func (rt Route) Keyed(scope string) Route {
	rt.Scope = scope
	return rt
}

// statuses are all that the route answers with besides 200, in order.
func (rt *Route) statuses() []int {
	all := append(slices.Clone(rt.Statuses), http.StatusInternalServerError)
	if rt.body != nil {
		all = append(all, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity)
	}
	if rt.params != nil && rt.params.part("query") != nil {
		all = append(all, http.StatusUnprocessableEntity)
	}
	if rt.Scope != "" {
		all = append(all, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// where is what an error about the request is about, if it is about no
// parameter.
func (rt *Route) where() string {
	if rt.body != nil {
		return "body"
	}
	return "query"
}

// read decodes and validates a request.
func (rt *Route) read(w http.ResponseWriter, r *http.Request, s *Server) (any, error) {
	v := rt.fresh()
	var d decoder
	if rt.body != nil {
		body, err := readBody(w, r, rt.Limit, s.Patience)
		if err != nil {
			return nil, err
		}
		d.body(rt.body, body, isJSON(r.Header.Get("Content-Type"), s.Named), v)
	}
	if rt.params != nil {
		d.parameters(rt.params, r, v)
	}
	if len(d.errs) > 0 {
		return nil, Invalid(d.errs)
	}
	return v.Interface(), nil
}

// body decodes a JSON body. One of another content type is a text, which is not
// the object asked for.
func (d *decoder) body(s *Shape, body []byte, isJSON bool, v reflect.Value) {
	loc := []any{"body"}
	switch {
	case len(body) == 0:
		d.fail(loc, nil, "missing", "Field required", nil)
	case !isJSON:
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

// isJSON reports whether a content type is JSON. None at all counts as JSON
// unless it must be named.
func isJSON(contentType string, named bool) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == "" && !named || media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}

// parameters decodes the query and the path's parameters. Of a name given twice
// the last counts; an unknown name is ignored.
func (d *decoder) parameters(s *Shape, r *http.Request, v reflect.Value) {
	query := r.URL.Query()
	for i := range s.fields {
		f := &s.fields[i]
		at := v.FieldByIndex(f.index)
		values := query[f.name]
		switch {
		case f.kind == kindOthers:
			at.Set(reflect.ValueOf(s.others(query)))
		case f.in == "path": // looked up as it is: what cannot be a name is not found
			at.SetString(r.PathValue(f.name))
		case len(values) > 0:
			d.value(f.Shape, values[len(values)-1], at, []any{"query", f.name})
		case f.defaultEncoded != "":
			d.value(f.Shape, defaultValue(f.Shape), at, []any{"query", f.name})
		case f.required:
			d.fail([]any{"query", f.name}, nil, "missing", "Field required", nil)
		}
	}
}

// others are the parameters that have no field.
func (s *Shape) others(query url.Values) url.Values {
	out := maps.Clone(query)
	for _, f := range s.fields {
		delete(out, f.name)
	}
	return out
}
