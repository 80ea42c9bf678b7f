package rest

import (
	_ "embed"
	"net/http"
)

// docsPage renders the OpenAPI document with nothing from the network.
//
//go:embed docs.html
var docsPage []byte

// page is what is served beside the routes.
type page string

const (
	pageDocs    page = "docs"
	pageOpenAPI page = "openapi"
)

var pages = map[string]page{"/docs": pageDocs, "/redoc": pageDocs, "/openapi.json": pageOpenAPI}

func (h *handler) page(w http.ResponseWriter, r *http.Request, p page) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.NotAllowed(w, r, readMethods)
		return
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if p == pageOpenAPI {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(h.document)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:")
	_, _ = w.Write(docsPage)
}
