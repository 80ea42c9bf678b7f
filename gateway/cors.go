package gateway

import "net/http"

// shared reports whether web pages of any origin may use a route: the open
// descriptions of the gateway, and its database, which needs a key that no
// browser adds by itself. Not shared are the components' own routes: a page
// that somebody happens to look at must not start a command here. (The
// predictive API says for itself who may read it.)
func shared(p string) bool {
	if p == "/" || p == documentPath {
		return true
	}
	for _, dir := range []string{"/health", "/api/db"} {
		if _, ok := below(p, dir); ok {
			return true
		}
	}
	return false
}

// share lets a page of another origin read the answer; it reports whether the
// request was a browser's question beforehand, and has been answered.
func share(w http.ResponseWriter, r *http.Request) (answered bool) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Link, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, X-API-Key")
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
