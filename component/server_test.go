//go:build unix

package component

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/openapi/openapitest"
	"github.com/perfcast/perfcast/perf"
)

// server serves the components. Every answer that passes through it is held
// against the OpenAPI document of their routes.
type server struct {
	t *testing.T
	*httptest.Server
	document *openapitest.Document
	set      *Set
	app      *app.App
}

// serve serves the components with these commands, over a database in memory.
func serve(t *testing.T, o Options, commands string) *server {
	t.Helper()
	if commands != "" {
		o.Config = filepath.Join(t.TempDir(), "perfcast.yaml")
		if err := os.WriteFile(o.Config, []byte(commands), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for name, h := range set.Builtin() {
		mux.Handle("/api/"+name+"/", h)
	}
	s := httptest.NewServer(mux)
	t.Cleanup(func() { s.Close(); set.Close() })
	return &server{t, s, documentOf(t, set), set, o.App}
}

func documentOf(t *testing.T, set *Set) *openapitest.Document {
	t.Helper()
	var d openapi.Document
	for _, part := range set.Documents() {
		d.Add(part)
	}
	return openapitest.Parse(t, d.JSON())
}

func (s *server) do(method, path, body string) (int, map[string]any, string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var v map[string]any
	_ = json.Unmarshal(b, &v)
	s.document.Answer(s.t, method, req.URL.Path, res.StatusCode, res.Header, b)
	return res.StatusCode, v, string(b)
}

func (s *server) get(path string) map[string]any {
	s.t.Helper()
	code, v, text := s.do("GET", path, "")
	if code != 200 {
		s.t.Fatalf("GET %s: %d %s", path, code, text)
	}
	return v
}

func (s *server) rows(path string) []map[string]any {
	s.t.Helper()
	code, _, text := s.do("GET", path, "")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(text), &rows); code != 200 || err != nil {
		s.t.Fatalf("GET %s: %d %s", path, code, text)
	}
	return rows
}

// begin starts a run and returns its id.
func (s *server) begin(path, body string) string {
	s.t.Helper()
	code, v, text := s.do("POST", path, body)
	id, _ := v["run_id"].(string)
	if id == "" {
		id, _ = v["task_id"].(string)
	}
	if code != 200 || id == "" || v["status"] != "initializing" || v["message"] == "" || v["started_at"] == nil {
		s.t.Fatalf("POST %s: %d %s", path, code, text)
	}
	return id
}

// end waits for a run's end and returns its last status.
func (s *server) end(component, id string) map[string]any {
	s.t.Helper()
	for range 600 {
		v := s.get("/api/" + component + "/status/" + id)
		if perf.RunStatus(v["status"].(string)).Done() {
			return v
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("%s %s does not end", component, id)
	return nil
}
