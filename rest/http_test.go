package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/rest"
)

func TestPathsAndMethods(t *testing.T) {
	s := serve(t, rest.Options{})
	for _, c := range []struct {
		method, path string
		status       int
		body, header string
	}{
		{"GET", "/", 404, `{"detail":"Not Found"}`, ""},
		{"GET", prefix + "stats", 404, `{"detail":"Not Found"}`, ""},
		{"GET", prefix + "db/predictions", 404, `{"detail":"Not Found"}`, ""},
		{"GET", prefix + "task", 404, `{"detail":"Not Found"}`, ""},
		{"GET", prefix + "task/", 404, `{"detail":"Not Found"}`, ""},
		{"GET", prefix + "task/a/b", 404, `{"detail":"Not Found"}`, ""},
		{"POST", "/nowhere", 404, `{"detail":"Not Found"}`, ""},
		{"GET", prefix + "predict-hardware", 405, `{"detail":"Method Not Allowed"}`, "Allow: POST"},
		{"POST", prefix + "predictions", 405, `{"detail":"Method Not Allowed"}`, "Allow: GET, HEAD"},
		{"DELETE", prefix + "task/x", 405, `{"detail":"Method Not Allowed"}`, "Allow: GET, HEAD"},
		{"OPTIONS", prefix + "predictions", 405, `{"detail":"Method Not Allowed"}`, "Allow: GET, HEAD"},
		{"PUT", "/docs", 405, `{"detail":"Method Not Allowed"}`, "Allow: GET, HEAD"},
		{"GET", prefix + "predictions/?limit=2&x=%2F", 307, "", "Location: " + prefix + "predictions?limit=2&x=%2F"},
		{"POST", prefix + "predict-hardware/", 307, "", "Location: " + prefix + "predict-hardware"},
		{"GET", prefix + "task/x/", 307, "", "Location: " + prefix + "task/x"},
		{"GET", "/health/", 307, "", "Location: /health"},
		{"GET", "/docs/", 307, "", "Location: /docs"},
		{"GET", "//evil.example/health/", 404, `{"detail":"Not Found"}`, ""},
		{"GET", prefix + "ws/x", 426, "", "Upgrade: websocket"},
		{"HEAD", "/health", 200, "", "Content-Type: application/json"},
	} {
		a := s.do(c.method, c.path, "")
		if a.status != c.status || c.body != "" && a.text != c.body {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, a.status, a.text, c.status, c.body)
		}
		if name, want, ok := strings.Cut(c.header, ": "); ok && a.header.Get(name) != want {
			t.Errorf("%s %s: %s %q, want %q", c.method, c.path, name, a.header.Get(name), want)
		}
	}
}

// TestCORS: any origin, with credentials, as documented.
func TestCORS(t *testing.T) {
	s := serve(t, rest.Options{})
	a := s.do("OPTIONS", prefix+"predict-hardware", "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "content-type,x-api-key")
	equal(t, "preflight", a.status, http.StatusOK)
	for name, want := range map[string]string{"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Max-Age": "600",
		"Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "content-type,x-api-key"} {
		equal(t, name, a.header.Get(name), want)
	}
	a = s.do("GET", "/health", "", "Origin", "https://app.example")
	equal(t, "simple request", a.header.Get("Access-Control-Allow-Origin"), "*")
	equal(t, "credentials", a.header.Get("Access-Control-Allow-Credentials"), "true")
	a = s.do("GET", "/health", "", "Origin", "https://app.example", "Cookie", "a=b")
	equal(t, "with a cookie", a.header.Get("Access-Control-Allow-Origin"), "https://app.example")
}

func TestDocs(t *testing.T) {
	s := serve(t, rest.Options{})
	for _, path := range []string{"/docs", "/redoc"} {
		a := s.get(path)
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", path, a.status, a.header.Get("Content-Type"))
		}
		for _, outside := range []string{"http://", "https://", "src=\"//"} {
			if strings.Contains(a.text, outside) {
				t.Errorf("%s loads something from elsewhere: %s", path, outside)
			}
		}
	}
	equal(t, "version", s.document.Value["openapi"], "3.1.0")
	info := s.document.Value["info"].(map[string]any)
	equal(t, "title", []any{info["title"], info["version"]}, []any{"Predictive Performance API", "1.0.0"})
}

// TestExamples: the document's examples are requests that the server accepts.
func TestExamples(t *testing.T) {
	s := serve(t, rest.Options{})
	n := 0
	for path, item := range s.document.Value["paths"].(map[string]any) {
		post, ok := item.(map[string]any)["post"].(map[string]any)
		if !ok {
			continue
		}
		n++
		content := post["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)
		_, pointer := s.document.Operation("POST", path)
		s.validate(pointer+"/requestBody/content/application~1json/schema", content["example"])
		s.run(strings.TrimPrefix(path, prefix), marshal(t, content["example"]))
	}
	equal(t, "documented POSTs", n, 8)
}
