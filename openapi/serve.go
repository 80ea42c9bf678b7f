package openapi

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// Server is what answering the routes of a table needs.
type Server struct {
	Log      *slog.Logger
	Patience time.Duration // how long a client may take to send a body

	// Named says that a body must come with a JSON Content-Type. One without any
	// is what a web page can send to another origin without asking it.
	Named bool
}

// Serve answers a request of a route, whose path parameters have been set:
// decode, do, encode.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, rt *Route) {
	in, err := rt.read(w, r, s)
	switch {
	case err != nil:
		s.Fail(w, r, rt.where(), err)
	case rt.serve != nil:
		rt.serve(w, r, in)
	default:
		out, err := rt.do(r, in)
		if err != nil {
			s.Fail(w, r, rt.where(), err)
			return
		}
		s.Answer(w, r, http.StatusOK, out)
	}
}

// Answer writes a JSON body.
func (s *Server) Answer(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := encode(body)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "encoding an answer", "path", r.URL.Path, "error", err)
		internalError(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client has gone, if anything
}

// encode is a body as JSON. One that is JSON already, or has a faster way to
// become it, is taken at its word.
func encode(body any) ([]byte, error) {
	switch body := body.(type) {
	case json.RawMessage:
		return body, nil
	case interface{ Encode() ([]byte, error) }:
		return body.Encode()
	}
	return json.Marshal(body)
}

// statusOf maps the domain's error codes to HTTP.
var statusOf = map[perf.Code]int{
	perf.CodeInvalid:     http.StatusUnprocessableEntity,
	perf.CodeUnknown:     http.StatusUnprocessableEntity,
	perf.CodeNotFound:    http.StatusNotFound,
	perf.CodeConflict:    http.StatusConflict,
	perf.CodeTooLarge:    http.StatusRequestEntityTooLarge,
	perf.CodeUnavailable: http.StatusServiceUnavailable,
	perf.CodeInternal:    http.StatusInternalServerError,
}

// Fail answers with an error; where is what it is about, "body", "query" or
// "path". What is not the caller's fault is logged in full and answered without
// a word about it.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, where string, err error) {
	var errs Invalid
	var own *StatusError
	switch {
	case errors.As(err, &errs):
		s.Answer(w, r, http.StatusUnprocessableEntity, HTTPValidationError{Detail: errs})
		return
	case errors.As(err, &own):
		s.Answer(w, r, own.Status, Problem{Detail: own.Detail})
		return
	}
	e := perf.AsError(err)
	status, ok := statusOf[e.Code]
	switch {
	case !ok || status == http.StatusInternalServerError:
		s.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		internalError(w)
	case status == http.StatusUnprocessableEntity:
		s.Answer(w, r, status, HTTPValidationError{Detail: []ValidationError{refusal(e, where)}})
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
		s.Answer(w, r, status, Problem{Detail: e.Message})
	default:
		s.Answer(w, r, status, Problem{Detail: e.Message})
	}
}

// StatusError is an error that has an HTTP status of its own.
type StatusError struct {
	Status int
	Detail string
}

func (e *StatusError) Error() string { return e.Detail }

// Mux serves the routes of a table; what is not among them is a 404, and
// another method a 405.
func (s *Server) Mux(routes []Route) *http.ServeMux {
	mux, methods := http.NewServeMux(), map[string][]string{}
	for _, rt := range routes {
		mux.HandleFunc(rt.Method+" "+rt.Path, func(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, &rt) })
		methods[rt.Path] = append(methods[rt.Path], rt.Method)
		if rt.Method == http.MethodGet {
			methods[rt.Path] = append(methods[rt.Path], http.MethodHead)
		}
	}
	for path, allowed := range methods {
		allow := strings.Join(allowed, ", ")
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.NotAllowed(w, r, allow) })
	}
	mux.HandleFunc("/", s.NotFound)
	return mux
}

// NotFound answers for an unknown path.
func (s *Server) NotFound(w http.ResponseWriter, r *http.Request) {
	s.Answer(w, r, http.StatusNotFound, Problem{Detail: "Not Found"})
}

// NotAllowed says which methods a path has.
func (s *Server) NotAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	s.Answer(w, r, http.StatusMethodNotAllowed, Problem{Detail: "Method Not Allowed"})
}

func internalError(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte("Internal Server Error"))
}

// Recovering answers a panic with 500 and logs it, and leaves the server alive.
func (s *Server) Recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // the very value is what net/http looks for
				panic(p)
			}
			s.Log.ErrorContext(r.Context(), "panic", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			internalError(w)
		}()
		next.ServeHTTP(w, r)
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
