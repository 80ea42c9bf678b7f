package gateway

import (
	"net/http"
	"strings"
	"sync"

	"github.com/perfcast/perfcast/key"
)

var titles = map[string]string{
	"test":       "Test",
	"generator":  "Generator",
	"benchmark":  "Benchmark",
	"predictive": "Predictive Performance",
}

type link struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// index is GET /: what there is.
func (g *Gateway) index(w http.ResponseWriter, r *http.Request) {
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
		databases = append(databases, link{titles[name] + " Database API", strings.Replace(prefixes[name], "/api/", "/api/db/", 1)})
	}
	writeJSON(w, http.StatusOK, struct {
		Message   string `json:"message"`
		Version   string `json:"version"`
		Services  []link `json:"services"`
		Databases []link `json:"database_endpoints"`
		Docs      string `json:"docs_url"`
	}{"IPFS Accelerate Unified API Gateway", "1.0.0", services, databases, "/docs"})
}

// health is GET /health of the gateway (rest is empty), or of one component.
// The gateway itself is well as long as it answers: it says 200 though a
// component is down, and 503 for that component's own health.
func (g *Gateway) health(w http.ResponseWriter, r *http.Request, rest string) {
	if rest != "" {
		name, more := cut(rest)
		name, err := ParseName(name)
		if err != nil || more != "" || g.mount(name).handler == nil {
			notFound(w)
			return
		}
		h, status := g.mount(name).health(r.Context(), g.transport), http.StatusOK
		if h.Status != "ok" {
			status = http.StatusServiceUnavailable
		}
		writeJSON(w, status, struct {
			health
			Component string `json:"component"`
			Timestamp string `json:"timestamp"`
		}{h, name, stamp(g.o.Now())})
		return
	}
	all, status := g.healths(r), "ok"
	for _, h := range all {
		if h.Status != "ok" && h.Kind != KindOff {
			status = "degraded"
		}
	}
	writeJSON(w, http.StatusOK, struct {
		Status     string            `json:"status"`
		Timestamp  string            `json:"timestamp"`
		Components map[string]health `json:"components"`
	}{status, stamp(g.o.Now()), all})
}

// healths asks every component at once.
func (g *Gateway) healths(r *http.Request) map[string]health {
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := map[string]health{}
	for _, name := range Names {
		wg.Go(func() {
			m := g.mount(name)
			h := health{Status: "off", Kind: KindOff}
			if m.handler != nil {
				h = m.health(r.Context(), g.transport)
			}
			mu.Lock()
			defer mu.Unlock()
			all[name] = h
		})
	}
	wg.Wait()
	return all
}

// components is /api/components: GET lists them (a read key), POST
// /{name}/start and /{name}/stop start and stop a command (an admin key).
func (g *Gateway) components(w http.ResponseWriter, r *http.Request, rest string) {
	if rest == "" {
		g.get(w, r, func(w http.ResponseWriter, r *http.Request) {
			if r, ok := g.o.Keys.Authorize(w, r, key.Read); ok {
				writeJSON(w, http.StatusOK, map[string]any{"components": g.healths(r)})
			}
		})
		return
	}
	name, rest := cut(rest)
	verb, more := cut(rest)
	if more != "" || verb != "start" && verb != "stop" {
		notFound(w)
		return
	}
	if r.Method != http.MethodPost {
		notAllowed(w, "POST")
		return
	}
	r, ok := g.o.Keys.Authorize(w, r, key.Admin)
	if !ok {
		return
	}
	name, err := ParseName(name)
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
	changed := false
	if verb == "start" {
		changed = m.process.start()
	} else {
		changed = m.process.stop()
	}
	by, _ := key.From(r.Context())
	g.o.Log.Info("component "+verb, "component", name, "by", by.Name, "changed", changed)
	state, _, _ := m.process.status()
	writeJSON(w, http.StatusOK, map[string]any{"component": name, "status": state, "changed": changed})
}
