package resolvers

import (
	_ "embed"
	"io/fs"
	"net/http"
	"strings"
)

// graphiqlPage loads GraphiQL from /graphiql/, and nothing from elsewhere.
//
//go:embed graphiql.html
var graphiqlPage []byte

// plainPage is a form that needs nothing but the browser.
//
//go:embed plain.html
var plainPage []byte

// graphiqlFiles are what graphiqlPage loads, with their media types.
var graphiqlFiles = map[string]string{
	"graphiql.min.js":             "text/javascript; charset=utf-8",
	"graphiql.min.css":            "text/css; charset=utf-8",
	"react.production.min.js":     "text/javascript; charset=utf-8",
	"react-dom.production.min.js": "text/javascript; charset=utf-8",
}

// graphiql serves GraphiQL from assets, or the plain page while one of its
// files is missing.
func graphiql(assets fs.FS) http.Handler {
	page := graphiqlPage
	for name := range graphiqlFiles {
		if assets == nil {
			page = plainPage
		} else if f, err := assets.Open(name); err != nil {
			page = plainPage
		} else {
			_ = f.Close() // it was opened to see whether it can be
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "use GET", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/graphiql"), "/")
		if name == "" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "+
				"style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' ws: wss:")
			_, _ = w.Write(page) // the client went away
			return
		}
		media, ok := graphiqlFiles[name]
		if !ok || assets == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", media)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		http.ServeFileFS(w, r, assets, name)
	})
}
