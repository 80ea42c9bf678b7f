// Package gateway is the one face over all components on one port: predictive
// performance, test, generator and benchmark, each of them in this binary,
// somewhere else, or a command that the gateway keeps running.
//
// A request's path is read once (see canonical), then: the gateway's own
// routes, the keyed database routes under /api/db, the components under
// /api/NAME, and anything else to the root handler. Whatever is a component's
// database needs an API key, under /api/db and under the component's own
// prefix alike.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/openapi"
)

// Options are what a gateway is made of.
type Options struct {
	App  *app.App  // nil when this process has no database (--unified-only)
	Keys *key.Ring // who may use the database routes; required

	// Builtin are the components of this binary, by name. A component that
	// neither the configuration nor Targets mentions is built in when it is
	// here, and off otherwise.
	Builtin map[string]http.Handler

	Config  string            // configuration file, re-read when it changes; may be empty
	Targets map[string]Target // from the command line; they win over the file

	// Documents are what the OpenAPI document says of the built-in components.
	// What it says of the others is nothing: it is not known.
	Documents map[string]openapi.Document

	// KeyWrites puts the components' writes behind keys too, and the WebSockets
	// that can cancel a run.
	KeyWrites bool

	Root http.Handler // what is outside /api, / and /health: documents, GraphQL; may be nil

	MaxBody int64            // bytes of a request's body; 0 = 64 MiB
	Now     func() time.Time // nil = time.Now
	Log     *slog.Logger     // nil = none
}

// Gateway serves the unified API. It is an http.Handler.
type Gateway struct {
	o         Options
	web       openapi.Server
	own       http.Handler // the gateway's own routes
	transport *http.Transport
	mounts    table
	document  atomic.Pointer[[]byte] // OpenAPI, of these mounts

	reconfigure sync.Mutex // one configuration at a time
	seen        os.FileInfo
	closed      bool

	end  context.CancelFunc // stops watching the file
	done chan struct{}
}

// New makes a gateway, starts the commands of its configuration and watches
// the configuration file. A file that cannot be read is an error now; later on
// it is logged, and what was read before stays in force.
func New(o Options) (*Gateway, error) {
	if o.Keys == nil {
		return nil, errors.New("gateway: Options.Keys is required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxBody == 0 {
		o.MaxBody = 64 << 20
	}
	targets := map[string]Target{}
	for name, t := range o.Targets {
		n, err := ParseName(name)
		if err != nil {
			return nil, err
		}
		targets[n] = t
	}
	o.Targets = targets
	if h := o.Builtin["predictive"]; h != nil && o.App != nil {
		// The predictive API's own handler leaves its database to us.
		o.Builtin = maps.Clone(o.Builtin)
		o.Builtin["predictive"] = withDatabase(newDatabase(o.App, o.Now, o.Log), h)
	}
	g := &Gateway{o: o, web: openapi.Server{Log: o.Log, Patience: slowest}, transport: newTransport(), done: make(chan struct{})}
	g.own = g.web.Mux(g.routes())
	if err := g.reload(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.end = cancel
	go g.watch(ctx)
	return g, nil
}

// Close stops watching the configuration and ends every command with all its
// children. It does not wait for requests: that is the server's Shutdown.
func (g *Gateway) Close() {
	g.end()
	<-g.done
	g.reconfigure.Lock()
	defer g.reconfigure.Unlock()
	g.closed = true
	var wg sync.WaitGroup
	for _, m := range *g.mounts.Load() {
		if m.process != nil {
			wg.Go(func() { m.process.stop() })
		}
	}
	wg.Wait()
	g.transport.CloseIdleConnections()
}

// reloadEvery is how often the configuration file is looked at.
var reloadEvery = time.Second

func (g *Gateway) watch(ctx context.Context) {
	defer close(g.done)
	if g.o.Config == "" {
		return
	}
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := g.reload(); err != nil {
				g.o.Log.Error("the configuration cannot be read; what was read before stays", "error", err)
			}
		}
	}
}

// reload reads the configuration file if it changed, and puts the components
// that differ in place. The others, and the commands behind them, go on.
func (g *Gateway) reload() error {
	g.reconfigure.Lock()
	defer g.reconfigure.Unlock()
	old := g.mounts.Load()
	if old != nil && !g.changed() {
		return nil
	}
	targets := map[string]Target{}
	if g.o.Config != "" {
		g.seen, _ = os.Stat(g.o.Config)
		c, err := LoadConfig(g.o.Config)
		if err != nil {
			return err
		}
		if targets = c.Targets; c.Old {
			g.o.Log.Info("this is the old gateway's configuration: enabled services are built in, and their host, module and args are not used", "file", g.o.Config)
		}
	}
	next := map[string]*mount{}
	var end, begin []*process
	for _, name := range Names {
		t, ok := g.o.Targets[name]
		if !ok {
			if t, ok = targets[name]; !ok {
				t = Target{Kind: KindBuiltin}
			}
		}
		if old != nil {
			m := (*old)[name]
			if m.asked(t) {
				next[name] = m
				continue
			}
			if m.process != nil {
				end = append(end, m.process)
			}
		}
		m := g.mountFor(name, t)
		next[name] = m
		if m.process != nil {
			begin = append(begin, m.process)
		}
		g.o.Log.Info("component", "name", name, "is", m.target.Kind)
	}
	g.mounts.Store(&next)
	document := g.describe()
	g.document.Store(&document)
	for _, p := range end { // first: the old may hold the port that the new one wants
		p.stop()
	}
	for _, p := range begin {
		p.start()
	}
	return nil
}

// asked reports whether the mount is what t asks for.
func (m *mount) asked(t Target) bool {
	if m.target.Kind == KindOff && t.Kind == KindBuiltin {
		return false
	}
	return reflect.DeepEqual(m.target, t)
}

// changed reports whether the file is another than the one that was read.
func (g *Gateway) changed() bool {
	info, err := os.Stat(g.o.Config)
	if err != nil {
		return g.seen != nil // once: the reading will say why
	}
	return g.seen == nil || !os.SameFile(info, g.seen) || info.Size() != g.seen.Size() || !info.ModTime().Equal(g.seen.ModTime())
}

func (g *Gateway) mount(name string) *mount { return (*g.mounts.Load())[name] }

// ServeHTTP answers a request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, err := canonical(r)
	if err != nil {
		writeDetail(w, http.StatusBadRequest, err.Error())
		return
	}
	r = withPath(r, p)
	if r.ContentLength != 0 {
		r.Body = limitBody(w, r.Body, g.o.MaxBody)
	}
	if shared(p) && share(w, r) {
		return
	}
	if rest, ok := below(p, "/api"); ok {
		g.api(w, r, rest)
		return
	}
	if _, ok := below(p, "/health"); ok || p == "/" || p == documentPath {
		g.own.ServeHTTP(w, r)
		return
	}
	g.elsewhere(w, r)
}

// documentPath is where the OpenAPI document is.
const documentPath = "/openapi.json"

// elsewhere is a path that neither the gateway nor a component has; the root
// handler may.
func (g *Gateway) elsewhere(w http.ResponseWriter, r *http.Request) {
	if g.o.Root != nil {
		g.o.Root.ServeHTTP(w, r)
		return
	}
	notFound(w)
}

// api serves what is below /api.
func (g *Gateway) api(w http.ResponseWriter, r *http.Request, p string) {
	if need := g.needs(r.Method, p); need != "" {
		var ok bool
		if r, ok = g.o.Keys.Authorize(w, r, need); !ok {
			return
		}
	}
	segment, rest := cut(p)
	switch segment {
	case "db":
		g.database(w, r, rest)
		return
	case "components":
		g.own.ServeHTTP(w, r)
		return
	}
	name := componentAt(segment)
	m := g.mount(name)
	switch {
	case segment == "predictive":
		notFound(w) // the component's name, but not its routes
	case m == nil:
		g.elsewhere(w, r)
	case m.handler == nil:
		writeDetail(w, http.StatusNotFound, "The "+name+" component is not configured")
	case rest == "/health":
		g.own.ServeHTTP(w, r)
	default:
		m.handler.ServeHTTP(w, r)
	}
}

// componentAt is the component whose routes are below /api/SEGMENT.
func componentAt(segment string) string {
	if "/api/"+segment == prefixes["predictive"] {
		return "predictive"
	}
	return segment
}

// needs is the scope of the key that a request below /api needs; "" for none.
func (g *Gateway) needs(method, p string) key.Scope {
	segment, rest := cut(p)
	scope := scopeOf(method, "/api"+p)
	switch {
	case segment == "db":
		return scope
	case segment == "components" && method == http.MethodPost:
		return key.Admin
	case segment == "components":
		return key.Read
	case prefixes[componentAt(segment)] != "/api/"+segment || rest == "/health":
		return ""
	case g.o.KeyWrites && commands(segment, rest):
		return key.Write
	case isDatabase(rest) || g.o.KeyWrites && scope != key.Read:
		return scope
	}
	return ""
}

// commands reports whether a WebSocket takes commands that change something:
// the test component's "cancel".
func commands(component, rest string) bool {
	first, _ := cut(rest)
	return component == "test" && first == "ws"
}

var searches = regexp.MustCompile(`^/api/(db/search|db/[a-z-]+/search|[a-z-]+/db/search)$`)

// scopeOf is the right that a request to a database needs. A search changes
// nothing, though it is a POST.
func scopeOf(method, path string) key.Scope {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return key.Read
	case http.MethodPost:
		if searches.MatchString(path) {
			return key.Read
		}
	}
	return key.Write
}

// withPath is the request with another path, which replaces every spelling of
// it that came from the client.
func withPath(r *http.Request, p string) *http.Request {
	c := *r
	u := *r.URL
	u.Path, u.RawPath = p, ""
	c.URL, c.RequestURI = &u, u.RequestURI()
	return &c
}

func notFound(w http.ResponseWriter) { writeDetail(w, http.StatusNotFound, "Not Found") }

// stamp is a time as the documented API writes it: local, without a zone.
func stamp(t time.Time) string {
	if t = t.Local().Truncate(time.Microsecond); t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04:05.000000")
}

// size is a number of bytes for people.
func size(n int64) string {
	if n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return fmt.Sprintf("%d bytes", n)
}
