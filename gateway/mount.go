package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perfcast/perfcast/key"
)

// mount is one component as it is reached now.
type mount struct {
	name    string
	target  Target
	handler http.Handler // nil when the component is off
	process *process     // nil unless the gateway runs a command
	base    func() *url.URL
}

// transport is shared by all components: connections are kept alive.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 nil, // components are reached directly, whatever the environment says
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ResponseHeaderTimeout: 60 * time.Second,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		DisableCompression:    true, // bodies pass through as they are
	}
}

// newProxy forwards requests to where base says the component listens.
func newProxy(name string, forwardKey bool, base func() *url.URL, t http.RoundTripper, log *slog.Logger) http.Handler {
	proxy := &httputil.ReverseProxy{
		Transport:     t,
		FlushInterval: -1, // streams are passed on as they come
		ErrorLog:      slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(base())
			// Rewrite starts without the client's own X-Forwarded-* and
			// Forwarded headers; these are ours.
			p.SetXForwarded()
			if !forwardKey {
				p.Out.Header.Del(key.Header)
			}
			for h := range p.Out.Header {
				if strings.Contains(h, "_") { // CGI can't tell it from a hyphen
					delete(p.Out.Header, h)
				}
			}
		},
		ModifyResponse: func(r *http.Response) error {
			for h := range r.Header { // who may read this is the gateway's to say
				if strings.HasPrefix(h, "Access-Control-") {
					delete(r.Header, h)
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			var tooLarge *http.MaxBytesError
			switch {
			case errors.As(err, &tooLarge):
				writeError(w, http.StatusRequestEntityTooLarge, "Error forwarding request: the body is too large", "The gateway takes bodies of up to "+size(tooLarge.Limit)+".")
			case errors.Is(r.Context().Err(), context.Canceled):
				return // nobody is there to read it
			case isTimeout(err):
				log.Warn("component did not answer in time", "component", name, "error", err)
				writeError(w, http.StatusGatewayTimeout, "Error forwarding request: no answer in time", "The "+name+" component took the request but did not answer it in time.")
			default:
				log.Warn("component cannot be reached", "component", name, "error", err)
				writeError(w, http.StatusBadGateway, "Error forwarding request: "+reason(err), "The "+name+" component is down or cannot be reached. The other components are not affected.")
			}
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if base() == nil {
			writeError(w, http.StatusBadGateway, "Error forwarding request: not running", "The "+name+" component is not running. The other components are not affected.")
			return
		}
		// The answer may begin before the body has ended.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	})
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// reason is why a component could not be reached, without its address.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if s := err.Error(); strings.Contains(s, "connection refused") {
		return "connection refused"
	} else if strings.Contains(s, "EOF") || strings.Contains(s, "connection reset") {
		return "the connection broke"
	}
	return "connection failed"
}

// mountFor makes what serves a component's target.
func (g *Gateway) mountFor(name string, t Target) *mount {
	m := &mount{name: name, target: t}
	switch t.Kind {
	case KindBuiltin:
		m.handler = g.o.Builtin[name]
		if m.handler == nil {
			m.target.Kind = KindOff
		}
	case KindURL:
		u, _ := url.Parse(t.URL) // checked when the target was read
		m.base = func() *url.URL { return u }
	case KindCommand:
		m.process = newProcess(name, t, g.transport, g.o.Log)
		m.base = m.process.url
	}
	if m.base != nil {
		m.handler = newProxy(name, t.ForwardKey, m.base, g.transport, g.o.Log)
	}
	return m
}

// health says how a component is.
type health struct {
	Status   string `json:"status"` // ok, starting, stopped, down
	Kind     Kind   `json:"kind"`
	Detail   string `json:"detail,omitempty"`
	Restarts int    `json:"restarts,omitempty"`
}

func (m *mount) health(ctx context.Context, t http.RoundTripper) health {
	h := health{Status: "ok", Kind: m.target.Kind}
	switch {
	case m.process != nil:
		h.Status, h.Detail, h.Restarts = m.process.status()
	case m.base != nil:
		if err := probe(ctx, t, m.base().JoinPath(m.target.Health)); err != nil {
			h.Status, h.Detail = "down", reason(err)
		}
	}
	return h
}

// probe asks a health path; any answer below 500 will do.
func probe(ctx context.Context, t http.RoundTripper, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	if res.StatusCode >= 500 {
		return errors.New(res.Status)
	}
	return nil
}

// table is every component of a moment; it is replaced whole.
type table = atomic.Pointer[map[string]*mount]

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

// writeError answers as the documented gateway does: what failed under
// "error", and more words under "detail".
func writeError(w http.ResponseWriter, status int, failed, detail string) {
	writeJSON(w, status, map[string]string{"error": failed, "detail": detail})
}

// writeDetail answers with the "detail" alone, as the documented API does.
func writeDetail(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, map[string]string{"detail": detail})
}
