package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/openapi"
)

const description = `One face over all components: the predictive performance API, and the test, generator and benchmark components.

Whatever is a component's database needs a key in the header X-API-Key, under /api/db and under the component's own prefix
alike. A component that is down answers 502 and takes none of the others along. Components that run elsewhere are not described here.

`

// describe is the OpenAPI document of what is served now: the gateway's own
// routes, and those of the components that are built in.
func (g *Gateway) describe() []byte {
	d := openapi.Document{
		Title: "perfcast unified API", Description: description, Routes: g.routes(),
		Tags: []openapi.Tag{{Name: "gateway", Description: "The gateway itself, and questions to all components at once."}},
	}
	d.Routes = slices.DeleteFunc(d.Routes, func(r openapi.Route) bool {
		return slices.ContainsFunc(Names, func(name string) bool { return r.Path == prefixes[name]+"/health" && g.mount(name).handler == nil })
	})
	for _, name := range Names {
		if m := g.mount(name); m.target.Kind == KindBuiltin {
			part := g.o.Documents[name]
			part.Routes = namedTwice(part.Routes, name)
			d.Add(part)
		}
	}
	for i := range d.Routes {
		r := &d.Routes[i]
		if strings.Contains(r.Path, "{") { // see canonical
			r.Statuses = append(slices.Clone(r.Statuses), http.StatusBadRequest)
		}
		if below, ok := strings.CutPrefix(r.Path, "/api"); ok {
			r.Scope = string(g.needs(r.Method, below))
		}
	}
	return d.JSON()
}

// namedTwice are a component's routes, those of its database under both of
// their names.
func namedTwice(routes []openapi.Route, name string) []openapi.Route {
	var out []openapi.Route
	for _, r := range routes {
		rest, ok := below(r.Path, prefixes[name])
		if !ok || rest == "/health" { // the gateway's own
			continue
		}
		out = append(out, r)
		if isDatabase(rest) {
			_, table := cut(rest)
			r.Path, r.ID = databasePrefix(name)+table, r.ID+"ByGateway"
			out = append(out, r)
		}
	}
	return out
}
