package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/openapi/openapitest"
	"github.com/perfcast/perfcast/rest"
)

const prefix = rest.Prefix + "/"

// server is the face on a real App and a real socket. Every answer that passes
// through it is held against the OpenAPI document that it serves.
type server struct {
	*testing.T
	*httptest.Server
	app      *app.App
	document *openapitest.Document
	shutdown context.CancelFunc
}

func serve(t *testing.T, o rest.Options) *server {
	t.Helper()
	a := apptest.New(t)
	ctx, cancel := context.WithCancel(context.Background())
	h := httptest.NewUnstartedServer(rest.New(a, o))
	h.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	h.Start()
	t.Cleanup(h.Close)
	t.Cleanup(cancel)
	s := &server{T: t, Server: h, app: a, shutdown: cancel}
	r, err := http.Get(h.URL + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	s.document = openapitest.Parse(t, text)
	return s
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (s *server) get(path string) answer { s.Helper(); return s.do(http.MethodGet, path, "") }

func (s *server) post(path, body string) answer {
	s.Helper()
	return s.do(http.MethodPost, prefix+path, body, "Content-Type", "application/json")
}

// do sends a request; headers are names and values in turn.
func (s *server) do(method, path, body string, headers ...string) answer {
	s.Helper()
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.send(r)
}

func (s *server) send(r *http.Request) answer {
	s.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, text: string(text)}
	if res.Header.Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(text, &a.body); err != nil && r.Method != http.MethodHead {
			s.Fatalf("%s %s: %v in %s", r.Method, r.URL.Path, err, text)
		}
	}
	s.document.Answer(s, r.Method, r.URL.Path, a.status, a.header, text)
	return a
}

// validate holds a value against a schema of the document.
func (s *server) validate(pointer string, v any) {
	s.Helper()
	s.document.Validate(s, pointer, v)
}

// resultOf names the component that describes the result of an endpoint.
var resultOf = map[string]string{
	"predict-hardware": "HardwareBody", "predict-performance": "PerformanceBody", "record-measurement": "MeasurementBody",
	"analyze-predictions": "AnalysisBody", "record-feedback": "FeedbackBody", "store-model": "StoredModelBody",
	"generate-matrix": "MatrixBody", "generate-sample-data": "SampleBody",
}

// start posts a request that must be accepted, and returns the task's id.
func (s *server) start(endpoint, body string) string {
	s.Helper()
	a := s.post(endpoint, body)
	id, _ := a.body["task_id"].(string)
	if a.status != http.StatusOK || len(a.body) != 2 || a.body["status"] != "pending" || id == "" {
		s.Fatalf("POST %s %s: %d %s", endpoint, body, a.status, a.text)
	}
	return id
}

// run posts a request, waits for its task as the clients do, and returns the
// completed task's result.
func (s *server) run(endpoint, body string) map[string]any {
	s.Helper()
	task := s.wait(s.start(endpoint, body))
	result, ok := task["result"].(map[string]any)
	if task["status"] != "completed" || !ok {
		s.Fatalf("%s %s ended as %v", endpoint, body, task)
	}
	s.validate("#/components/schemas/"+resultOf[endpoint], result)
	return result
}

// wait polls a task until its end. A body with a key "error" would make the
// clients give up.
func (s *server) wait(id string) map[string]any {
	s.Helper()
	for range 200 {
		a := s.get(prefix + "task/" + id)
		if a.status != http.StatusOK {
			s.Fatalf("task %s: %d %s", id, a.status, a.text)
		}
		if _, bad := a.body["error"]; bad {
			s.Fatalf("task body with an error key: %s", a.text)
		}
		if a.body["status"] == "completed" || a.body["status"] == "failed" {
			return a.body
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("task %s does not end", id)
	return nil
}

// has fails unless an object has all of the keys, space-separated.
func (s *server) has(what string, object any, keys string) {
	s.Helper()
	m, ok := object.(map[string]any)
	if !ok {
		s.Fatalf("%s is %T", what, object)
	}
	for _, k := range strings.Fields(keys) {
		if _, ok := m[k]; !ok {
			s.Errorf("%s lacks %q", what, k)
		}
	}
}

// exactly fails unless an object has the keys and no others.
func (s *server) exactly(what string, object any, keys string) {
	s.Helper()
	s.has(what, object, keys)
	for k := range object.(map[string]any) {
		if !slices.Contains(strings.Fields(keys), k) {
			s.Errorf("%s has %q", what, k)
		}
	}
}

// equal compares a value as encoding/json decodes it.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if !bytes.Equal(g, w) {
		t.Errorf("%s is %s, want %s", what, g, w)
	}
}
