package rest

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/openapi"
	"github.com/rs/cors"
)

// Prefix is the path that the routes of the documented API live under.
const Prefix = "/api/predictive-performance"

// Options are what a face may be set up with; the zero value serves.
type Options struct {
	Log        *slog.Logger  // slog.Default when nil
	TaskWait   time.Duration // how long GET task/{task_id} waits for a running task; 250 ms when 0
	MaxSockets int           // WebSockets open at once; 4096 when 0
	PingEvery  time.Duration // how often a quiet WebSocket is pinged; 30 s when 0
	Document   []byte        // what /openapi.json serves; the routes of this face alone when nil
	Patience   time.Duration // how long a client may take to send a body or to take a message; 10 s when 0
}

// handler is the face: the verbs, the routes by path and what they share.
type handler struct {
	openapi.Server
	app      *app.App
	wait     time.Duration
	ping     time.Duration
	exact    map[string]resource // by path
	deep     map[string]resource // by the path before its last segment, which is a parameter
	sockets  atomic.Int64
	cap      int64
	document []byte
}

// resource is one path: its routes by method.
type resource map[string]*openapi.Route

// New is the face of a. When the base context of the server it runs in ends,
// its WebSockets are closed with "going away".
func New(a *app.App, o Options) http.Handler {
	h := &handler{Server: openapi.Server{Log: o.Log, Patience: o.Patience}, app: a, wait: o.TaskWait, ping: o.PingEvery, cap: int64(o.MaxSockets),
		exact: map[string]resource{}, deep: map[string]resource{}}
	if h.Log == nil {
		h.Log = slog.Default()
	}
	if h.wait == 0 {
		h.wait = 250 * time.Millisecond
	}
	if h.ping == 0 {
		h.ping = 30 * time.Second
	}
	if h.Patience == 0 {
		h.Patience = 10 * time.Second
	}
	if h.cap == 0 {
		h.cap = 4096
	}
	for _, r := range h.routes() {
		h.add(&r)
	}
	if h.document = o.Document; h.document == nil {
		d := Document(false)
		h.document = d.JSON()
	}
	return withCORS(h.Recovering(http.HandlerFunc(h.serve)))
}

func (h *handler) add(r *openapi.Route) {
	paths, path := h.exact, r.Path
	if before, _, ok := strings.Cut(r.Path, "{"); ok {
		paths, path = h.deep, before
	}
	if paths[path] == nil {
		paths[path] = resource{}
	}
	paths[path][r.Method] = r
}

// find is the resource at a path, with the path's last segment where that is a
// parameter.
func (h *handler) find(path string) (res resource, param string) {
	if res, ok := h.exact[path]; ok {
		return res, ""
	}
	slash := strings.LastIndexByte(path, '/') + 1
	if res, ok := h.deep[path[:slash]]; ok && path[slash:] != "" {
		return res, path[slash:]
	}
	return nil, ""
}

const (
	socketPath    = Prefix + "/ws/"
	pathParameter = "task_id" // the only one there is
)

func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if page, ok := pages[path]; ok {
		h.page(w, r, page)
		return
	}
	if id, ok := strings.CutPrefix(path, socketPath); ok && id != "" && !strings.Contains(id, "/") {
		h.socket(w, r, id)
		return
	}
	res, param := h.find(path)
	switch {
	case res != nil:
	case strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		w.WriteHeader(http.StatusForbidden) // as the documented server refuses a handshake elsewhere
		return
	default:
		h.missing(w, r)
		return
	}
	route := res[r.Method]
	if r.Method == http.MethodHead {
		route = res[http.MethodGet]
	}
	if route == nil {
		h.NotAllowed(w, r, res.allow())
		return
	}
	if param != "" {
		r.SetPathValue(pathParameter, param)
	}
	h.Serve(w, r, route)
}

const readMethods = "GET, HEAD"

// allow lists the methods of a resource.
func (res resource) allow() string {
	if _, ok := res[http.MethodGet]; ok {
		return readMethods
	}
	return http.MethodPost
}

// missing answers for an unknown path: a redirect where only a trailing slash
// is too many, else 404.
func (h *handler) missing(w http.ResponseWriter, r *http.Request) {
	if bare, ok := strings.CutSuffix(r.URL.Path, "/"); ok && strings.HasSuffix(r.URL.EscapedPath(), "/") {
		_, page := pages[bare]
		if res, _ := h.find(bare); res != nil || page {
			to := *r.URL
			to.Scheme, to.Host, to.User = "", "", nil
			to.Path, to.RawPath = bare, strings.TrimSuffix(r.URL.RawPath, "/")
			w.Header().Set("Location", to.String())
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
	}
	h.NotFound(w, r)
}

// withCORS allows any origin, as documented: a preflight and a request with
// cookies see their own origin, which browsers demand with credentials, a
// simple request sees "*".
func withCORS(next http.Handler) http.Handler {
	options := cors.Options{
		AllowedMethods:       []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"},
		AllowedHeaders:       []string{"*"},
		AllowCredentials:     true,
		MaxAge:               600,
		OptionsSuccessStatus: http.StatusOK,
	}
	options.AllowedOrigins = []string{"*"}
	anyone := cors.New(options).Handler(next)
	options.AllowedOrigins = nil
	options.AllowOriginFunc = func(string) bool { return true }
	named := cors.New(options).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions || r.Header.Get("Cookie") != "" {
			named.ServeHTTP(w, r)
			return
		}
		anyone.ServeHTTP(w, r)
	})
}
