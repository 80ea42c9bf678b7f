package rest

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
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
	Patience   time.Duration // how long a client may take to send a body or to take a message; 10 s when 0
}

// handler is the face: the verbs, the routes by path and what they share.
type handler struct {
	app      *app.App
	log      *slog.Logger
	wait     time.Duration
	ping     time.Duration
	patience time.Duration
	exact    map[string]resource // by path
	deep     map[string]resource // by the path before its last segment, which is a parameter
	sockets  atomic.Int64
	cap      int64
	openAPI  []byte
}

// resource is one path: its routes by method.
type resource map[string]*route

// New is the face of a. When the base context of the server it runs in ends,
// its WebSockets are closed with "going away".
func New(a *app.App, o Options) http.Handler {
	h := &handler{app: a, log: o.Log, wait: o.TaskWait, ping: o.PingEvery, patience: o.Patience, cap: int64(o.MaxSockets),
		exact: map[string]resource{}, deep: map[string]resource{}}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.wait == 0 {
		h.wait = 250 * time.Millisecond
	}
	if h.ping == 0 {
		h.ping = 30 * time.Second
	}
	if h.patience == 0 {
		h.patience = 10 * time.Second
	}
	if h.cap == 0 {
		h.cap = 4096
	}
	all := routes()
	for i := range all {
		h.add(&all[i])
	}
	h.openAPI = openAPI(all)
	return withCORS(h.recovering(http.HandlerFunc(h.serve)))
}

func (h *handler) add(r *route) {
	paths, path := h.exact, r.path
	if before, _, ok := strings.Cut(r.path, "{"); ok {
		paths, path = h.deep, before
	}
	if paths[path] == nil {
		paths[path] = resource{}
	}
	paths[path][r.method] = r
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

const socketPath = Prefix + "/ws/"

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
		h.notAllowed(w, r, res.allow())
		return
	}
	h.call(w, r, route, param)
}

const readMethods = "GET, HEAD"

// allow lists the methods of a resource.
func (res resource) allow() string {
	if _, ok := res[http.MethodGet]; ok {
		return readMethods
	}
	return http.MethodPost
}

func (h *handler) notAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	h.answer(w, r, http.StatusMethodNotAllowed, Problem{Detail: "Method Not Allowed"})
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
	h.answer(w, r, http.StatusNotFound, Problem{Detail: "Not Found"})
}

// call runs one route: decode, one verb, encode.
func (h *handler) call(w http.ResponseWriter, r *http.Request, route *route, param string) {
	where := "query"
	if route.method == http.MethodPost {
		where = "body"
	}
	in, err := route.read(w, r, param, h.patience)
	if err != nil {
		h.fail(w, r, where, err)
		return
	}
	out, err := route.do(r.Context(), h, in)
	if err != nil {
		h.fail(w, r, where, err)
		return
	}
	h.answer(w, r, http.StatusOK, out)
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, ok := body.(json.RawMessage)
	if !ok {
		var err error
		if text, err = json.Marshal(body); err != nil {
			h.log.ErrorContext(r.Context(), "encoding an answer", "path", r.URL.Path, "error", err)
			internalError(w)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone, if anything
}

// recovering answers a panic with 500 and logs it, and leaves the server alive.
func (h *handler) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // the very value is what net/http looks for
				panic(p)
			}
			h.log.ErrorContext(r.Context(), "panic", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			internalError(w)
		}()
		next.ServeHTTP(w, r)
	})
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

// drainLimit is how much of a body that is too large is still read, so that the
// client sees the answer rather than a broken connection.
const drainLimit = 32 << 20

// readBody reads a request's body of at most limit bytes. A body that is slower
// than patience is an error, and the connection ends with the answer.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, patience time.Duration) ([]byte, error) {
	wire := http.NewResponseController(w)
	_ = wire.SetReadDeadline(time.Now().Add(patience)) // no wire (a test's recorder), no slow client
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, perf.Invalid("", "the body could not be read, or was too slow to come")
	}
	if int64(len(body)) > limit {
		_, _ = io.CopyN(io.Discard, r.Body, drainLimit)
		return nil, &perf.Error{Code: perf.CodeTooLarge, Message: "Request body too large: at most " + decimal(float64(limit)) + " bytes"}
	}
	_ = wire.SetReadDeadline(time.Time{})
	return body, nil
}
