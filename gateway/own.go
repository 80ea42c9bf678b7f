package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/openapi"
)

var titles = map[string]string{
	"test":       "Test",
	"generator":  "Generator",
	"benchmark":  "Benchmark",
	"predictive": "Predictive Performance",
}

// routes are the gateway's own.
func (g *Gateway) routes() []openapi.Route {
	const byNames = "Asks all components at once; one that is down takes none of the others along."
	missing := []int{http.StatusNotFound}
	ill := append(missing, http.StatusServiceUnavailable)
	routes := []openapi.Route{
		openapi.HandleRequest(openapi.Route{Method: "GET", Path: "/{$}", ID: "index", Summary: "What there is"}, g.index),
		openapi.Raw[openapi.None, openapi.None](openapi.Route{Method: "GET", Path: documentPath, ID: "openapi", Summary: "This document", Media: []string{"application/json"}},
			func(w http.ResponseWriter, r *http.Request, _ openapi.None) {
				g.web.Answer(w, r, http.StatusOK, json.RawMessage(*g.document.Load()))
			}),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/health", ID: "gatewayHealth", Summary: "How the gateway and each component are",
			Doc: "200 as long as the gateway answers, though a component be down."}, g.health),
		openapi.Raw[componentName, componentHealth](openapi.Route{Method: "GET", Path: "/health/{name}", ID: "componentHealth", Summary: "How a component is", Statuses: ill},
			g.componentHealth),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/api/components", ID: "components", Summary: "How each component is"},
			func(ctx context.Context, _ openapi.None) (componentsBody, error) {
				return componentsBody{g.healths(ctx)}, nil
			}),
	}
	for verb, do := range map[string]func(*process) bool{"start": (*process).start, "stop": (*process).stop} {
		routes = append(routes, openapi.Raw[componentName, componentChange](openapi.Route{Method: "POST", Path: "/api/components/{name}/" + verb, ID: verb + "Component",
			Summary: strings.ToUpper(verb[:1]) + verb[1:] + " a component that is a command", Statuses: append(ill, http.StatusConflict)},
			func(w http.ResponseWriter, r *http.Request, in componentName) { g.control(w, r, in, verb, do) }))
	}
	for _, name := range Names {
		routes = append(routes, openapi.Raw[openapi.None, componentHealth](openapi.Route{Method: "GET", Path: prefixes[name] + "/health", ID: name + "Health",
			Summary: "How the " + titles[name] + " API is", Statuses: ill},
			func(w http.ResponseWriter, r *http.Request, _ openapi.None) {
				g.componentHealth(w, r, componentName{name})
			}))
	}
	routes = append(routes,
		openapi.HandleRequest(openapi.Route{Method: "GET", Path: "/api/db/overview", ID: "overview", Summary: "Statistics of every component", Doc: byNames}, g.overview),
		openapi.HandleRequest(openapi.Route{Method: "GET", Path: "/api/db/model/{model_name...}", ID: "model", Summary: "All that is known of a model", Statuses: missing, Doc: byNames}, g.model),
		openapi.HandleRequest(openapi.Route{Method: "POST", Path: "/api/db/search", ID: "search", Summary: "Rows of every component that hold a text", Doc: byNames}, g.search),
	)
	slices.SortFunc(routes, func(a, b openapi.Route) int { return strings.Compare(a.Path, b.Path) })
	for i := range routes {
		routes[i].Tag = "gateway"
	}
	return routes
}

// indexBody is GET /: what there is.
type indexBody struct {
	Message   string `json:"message"`
	Version   string `json:"version"`
	Services  []link `json:"services"`
	Databases []link `json:"database_endpoints"`
	Docs      string `json:"docs_url"`
}

type link struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

func (g *Gateway) index(r *http.Request, _ openapi.None) (indexBody, error) {
	base := "http://"
	if r.TLS != nil {
		base = "https://"
	}
	base += r.Host
	services, databases := []link{}, []link{}
	for _, name := range Names {
		if g.mount(name).handler == nil {
			continue
		}
		services = append(services, link{titles[name] + " API", base + prefixes[name]})
		databases = append(databases, link{titles[name] + " Database API", databasePrefix(name)})
	}
	return indexBody{"IPFS Accelerate Unified API Gateway", "1.0.0", services, databases, "/docs"}, nil
}

// databasePrefix is where a component's database is under the gateway's name.
func databasePrefix(name string) string {
	return strings.Replace(prefixes[name], "/api/", "/api/db/", 1)
}

// healthBody is GET /health.
type healthBody struct {
	Status     string            `json:"status" doc:"ok, or degraded"`
	Timestamp  string            `json:"timestamp"`
	Components map[string]health `json:"components"`
}

// health says how the gateway is: it is well as long as it answers, though a
// component be down.
func (g *Gateway) health(ctx context.Context, _ openapi.None) (healthBody, error) {
	b := healthBody{"ok", stamp(g.o.Now()), g.healths(ctx)}
	for _, h := range b.Components {
		if h.Status != "ok" && h.Kind != KindOff {
			b.Status = "degraded"
		}
	}
	return b, nil
}

// componentName names a component in a path.
type componentName struct {
	Name string `json:"name" in:"path" doc:"test, generator, benchmark or predictive"`
}

// componentHealth is how one component is.
type componentHealth struct {
	health
	Component string `json:"component"`
	Timestamp string `json:"timestamp"`
}

// componentHealth answers 503 for a component that is not well.
func (g *Gateway) componentHealth(w http.ResponseWriter, r *http.Request, in componentName) {
	name, err := ParseName(in.Name)
	if err != nil || g.mount(name).handler == nil {
		g.web.NotFound(w, r)
		return
	}
	h, status := g.mount(name).health(r.Context(), g.transport), http.StatusOK
	if h.Status != "ok" {
		status = http.StatusServiceUnavailable
	}
	g.web.Answer(w, r, status, componentHealth{h, name, stamp(g.o.Now())})
}

// healths asks every component at once.
func (g *Gateway) healths(ctx context.Context) map[string]health {
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := map[string]health{}
	for _, name := range Names {
		wg.Go(func() {
			m := g.mount(name)
			h := health{Status: "off", Kind: KindOff}
			if m.handler != nil {
				h = m.health(ctx, g.transport)
			}
			mu.Lock()
			defer mu.Unlock()
			all[name] = h
		})
	}
	wg.Wait()
	return all
}

// componentsBody is GET /api/components.
type componentsBody struct {
	Components map[string]health `json:"components"`
}

// componentChange is the answer to a start or stop.
type componentChange struct {
	Component string `json:"component"`
	Status    string `json:"status"`
	Changed   bool   `json:"changed" doc:"false when it was so already"`
}

// control starts or stops a command; the key has been checked.
func (g *Gateway) control(w http.ResponseWriter, r *http.Request, in componentName, verb string, do func(*process) bool) {
	name, err := ParseName(in.Name)
	if err != nil {
		writeDetail(w, http.StatusNotFound, err.Error())
		return
	}
	g.reconfigure.Lock() // not while the component is replaced, nor after Close
	defer g.reconfigure.Unlock()
	m := g.mount(name)
	switch {
	case g.closed:
		writeDetail(w, http.StatusServiceUnavailable, "The gateway is closing")
		return
	case m.process == nil:
		writeDetail(w, http.StatusConflict, "The "+name+" component is "+string(m.target.Kind)+", not a command: add it or take it out in the configuration file")
		return
	}
	changed := do(m.process)
	by, _ := key.From(r.Context())
	g.o.Log.Info("component "+verb, "component", name, "by", by.Name, "changed", changed)
	state, _, _ := m.process.status()
	g.web.Answer(w, r, http.StatusOK, componentChange{name, state, changed})
}
