package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/key"
)

const (
	reader = "key-of-a-reader"
	writer = "key-of-a-writer"
	admin  = "key-of-an-admin"
)

// echo is a component that says what it was asked.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"component": name, "method": r.Method, "path": r.URL.Path,
			"query": r.URL.RawQuery, "header": r.Header, "body": string(body), "host": r.Host})
	})
}

type heard struct {
	Component, Method, Path, Query, Body, Host string
	Header                                     http.Header
}

func newGateway(t *testing.T, o Options) (*Gateway, *httptest.Server) {
	t.Helper()
	ring, err := key.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	ring.Add("reader", reader, key.Read)
	ring.Add("writer", writer, key.Write)
	ring.Add("admin", admin, key.Admin)
	o.Keys = ring
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	return g, s
}

func allEchoes() map[string]http.Handler {
	m := map[string]http.Handler{}
	for _, n := range Names {
		m[n] = echo(n)
	}
	return m
}

func do(t *testing.T, method, url, k, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if k != "" {
		req.Header.Set(key.Header, k)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, b
}

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

func TestIndex(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	code, b := do(t, "GET", s.URL+"/", "", "")
	want := strings.ReplaceAll(`{"message":"IPFS Accelerate Unified API Gateway","version":"1.0.0","services":[`+
		`{"name":"Test API","url":"BASE/api/test"},{"name":"Generator API","url":"BASE/api/generator"},`+
		`{"name":"Benchmark API","url":"BASE/api/benchmark"},{"name":"Predictive Performance API","url":"BASE/api/predictive-performance"}],`+
		`"database_endpoints":[{"name":"Test Database API","url":"/api/db/test"},{"name":"Generator Database API","url":"/api/db/generator"},`+
		`{"name":"Benchmark Database API","url":"/api/db/benchmark"},{"name":"Predictive Performance Database API","url":"/api/db/predictive-performance"}],`+
		`"docs_url":"/docs"}`, "BASE", s.URL)
	if code != 200 || strings.TrimSpace(string(b)) != want {
		t.Fatalf("%d %s\nwant %s", code, b, want)
	}
	if code, _ := do(t, "POST", s.URL+"/", "", ""); code != 405 {
		t.Errorf("POST /: %d", code)
	}
}

func TestHealth(t *testing.T) {
	o := Options{Builtin: allEchoes(), Targets: map[string]Target{
		"test":      {Kind: KindURL, URL: "http://127.0.0.1:1", Health: "/health"},
		"generator": {Kind: KindOff}}}
	_, s := newGateway(t, o)
	code, b := do(t, "GET", s.URL+"/health", "", "")
	h := decode[struct {
		Status     string
		Components map[string]health
	}](t, b)
	if code != 200 || h.Status != "degraded" || h.Components["test"].Status != "down" ||
		h.Components["generator"].Status != "off" || h.Components["benchmark"].Status != "ok" {
		t.Fatalf("%d %s", code, b)
	}
	for path, want := range map[string]int{
		"/health/test": 503, "/health/predictive": 200, "/health/generator": 404, "/health/nothing": 404,
		"/api/predictive-performance/health": 200, "/api/test/health": 503} {
		if code, b := do(t, "GET", s.URL+path, "", ""); code != want {
			t.Errorf("%s: %d %s", path, code, b)
		}
	}
}

func TestScopes(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	for _, c := range []struct {
		method, path, key string
		want              int
	}{
		{"GET", "/api/db/test/runs", "", 403},
		{"GET", "/api/db/test/runs", "wrong", 401},
		{"GET", "/api/db/test/runs", reader, 200},
		{"GET", "/api/test/db/runs", "", 403},
		{"GET", "/api/test/db", "", 403},
		{"GET", "/api/test/runs", "", 200},
		{"GET", "/api/db", "", 403},
		{"DELETE", "/api/test/db/run/1", reader, 403},
		{"DELETE", "/api/test/db/run/1", writer, 200},
		{"POST", "/api/db/test/export", reader, 403},
		{"POST", "/api/db/test/search", reader, 200},
		{"PUT", "/api/db/test/search", reader, 403},
		{"POST", "/api/components/test/stop", writer, 403},
		{"POST", "/api/components/test/stop", admin, 409}, // built in: nothing to stop
		{"GET", "/api/components/test/stop", admin, 405},
		{"GET", "/api/components", "", 403},
		{"GET", "/api/components", reader, 200},
		{"GET", "/api/nothing", "", 404},
	} {
		if code, b := do(t, c.method, s.URL+c.path, c.key, ""); code != c.want {
			t.Errorf("%s %s with %q: %d %s", c.method, c.path, c.key, code, b)
		}
	}
}

func TestKeyedWrites(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes(), KeyWrites: true})
	for _, c := range []struct {
		method, path, key string
		want              int
	}{
		{"POST", "/api/test/run", "", 403},
		{"POST", "/api/benchmark/run", reader, 403},
		{"POST", "/api/benchmark/run", writer, 200},
		{"POST", "/api/predictive-performance/search", "", 403},
		{"GET", "/api/test/runs", "", 200},
		{"GET", "/api/test/ws/1", "", 403},
		{"GET", "/api/test/ws/1", reader, 403},
		{"GET", "/api/test/ws/1", writer, 200},
		{"GET", "/api/benchmark/ws/1", "", 200},
	} {
		if code, b := do(t, c.method, s.URL+c.path, c.key, ""); code != c.want {
			t.Errorf("%s %s with %q: %d %s", c.method, c.path, c.key, code, b)
		}
	}
}
