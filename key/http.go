package key

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
)

// Header carries the key of a request.
const Header = "X-API-Key"

type contextKey struct{}

// From is the key that a request was let in with, if any.
func From(ctx context.Context) (Key, bool) {
	k, ok := ctx.Value(contextKey{}).(Key)
	return k, ok
}

// Authorize checks the request's key. When it does not suffice, the answer has
// been written and ok is false; otherwise the returned request carries the key
// (see From).
//
// The answers are the documented ones: 403 "Not authenticated" without a key,
// 401 "Invalid or missing API Key" for a wrong one; and 403 with the scope
// that is needed, 429 after too many wrong keys from one address, 503 when the
// key file cannot be read.
func (r *Ring) Authorize(w http.ResponseWriter, req *http.Request, need Scope) (_ *http.Request, ok bool) {
	now := r.now()
	if wait := r.guesses.blocked(req.RemoteAddr, now); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		refuse(w, http.StatusTooManyRequests, "Too many wrong API keys from this address")
		return nil, false
	}
	k, err := r.Check(single(req.Header.Values(Header)), need)
	switch {
	case err == nil:
		return req.WithContext(context.WithValue(req.Context(), contextKey{}, k)), true
	case errors.Is(err, ErrMissing):
		refuse(w, http.StatusForbidden, "Not authenticated")
	case errors.Is(err, ErrScope):
		refuse(w, http.StatusForbidden, "This API key has the scope "+string(k.Scope)+"; this needs "+string(need))
	case errors.Is(err, ErrUnreadable):
		refuse(w, http.StatusServiceUnavailable, "The server's key file cannot be read")
	default:
		r.guesses.wrong(req.RemoteAddr, now)
		r.log.Warn("wrong API key", "from", req.RemoteAddr, "path", req.URL.Path)
		refuse(w, http.StatusUnauthorized, "Invalid or missing API Key")
	}
	return nil, false
}

// single is the one value of a header. Of two different ones, another server
// on the way may have looked at either: such a request has no valid key.
func single(values []string) string {
	for _, v := range values {
		if v != values[0] {
			return "two keys"
		}
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// Require puts the ring before a handler.
func (r *Ring) Require(need Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req, ok := r.Authorize(w, req, need); ok {
			next.ServeHTTP(w, req)
		}
	})
}

func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"detail": detail})
}
