package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/perfcast/perfcast/key"
)

// The test binary is also the command that the supervisor runs: "serve PORT"
// is a component that says its pid, and dies when it is told to.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		mux := http.NewServeMux()
		mux.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("/api/generator/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
		mux.HandleFunc("/api/generator/env", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, strings.Join(os.Environ(), "\n"))
		})
		mux.HandleFunc("/api/generator/die", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
		fmt.Println("listening on", os.Args[2])
		fmt.Println(http.ListenAndServe("127.0.0.1:"+os.Args[2], mux))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

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

// TestProxy sends requests to a component elsewhere.
func TestProxy(t *testing.T) {
	far := httptest.NewServer(echo("far"))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"benchmark": {Kind: KindURL, URL: far.URL}}})

	code, b := do(t, "PATCH", s.URL+"/api/benchmark/query?limit=2&model=a%20b&limit=3", "", "body")
	h := decode[heard](t, b)
	if code != 200 || h.Method != "PATCH" || h.Path != "/api/benchmark/query" || h.Query != "limit=2&model=a%20b&limit=3" || h.Body != "body" {
		t.Fatalf("%d %s", code, b)
	}
	if "http://"+h.Host != far.URL {
		t.Errorf("Host %q", h.Host)
	}
	code, b = do(t, "GET", s.URL+"/api/db/benchmark/runs?limit=1", reader, "")
	if h := decode[heard](t, b); code != 200 || h.Path != "/api/benchmark/db/runs" || h.Query != "limit=1" {
		t.Fatalf("%d %s", code, b)
	} else if h.Header.Get(key.Header) != "" {
		t.Error("the key went to a component that must not have it")
	}
}

func TestProxyStreams(t *testing.T) {
	more := make(chan struct{})
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := bufio.NewReader(r.Body)
		_ = http.NewResponseController(w).EnableFullDuplex()
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprint(w, "heard ", line)
			w.(http.Flusher).Flush()
		}
	}))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"test": {Kind: KindURL, URL: far.URL}}})
	body, send := io.Pipe()
	go func() {
		_, _ = io.WriteString(send, "one\n")
		<-more
		_, _ = io.WriteString(send, "two\n")
		_ = send.Close()
	}()
	res, err := http.Post(s.URL+"/api/test/stream", "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	if line, err := in.ReadString('\n'); line != "heard one\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(more)
	if line, err := in.ReadString('\n'); line != "heard two\n" {
		t.Fatalf("%q, %v", line, err)
	}
}

func TestProxyWebSocket(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if string(b) == "bye" {
				_ = c.Close(4404, "no such task")
				return
			}
			_ = c.Write(r.Context(), kind, append([]byte(r.URL.RequestURI()+" "), b...))
		}
	}))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"predictive": {Kind: KindURL, URL: far.URL}}})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, s.URL+"/api/predictive-performance/ws/t-1?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(ctx, websocket.MessageText, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := c.Read(ctx); err != nil || string(b) != "/api/predictive-performance/ws/t-1?x=1 ping" {
		t.Fatalf("%s, %v", b, err)
	}
	_ = c.Write(ctx, websocket.MessageText, []byte("bye"))
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != 4404 {
		t.Fatalf("close: %v", err)
	}
}

func TestDownComponentIsAloneInIt(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes(), Targets: map[string]Target{"test": {Kind: KindURL, URL: "http://127.0.0.1:1"}}})
	code, b := do(t, "GET", s.URL+"/api/test/runs", "", "")
	e := decode[map[string]string](t, b)
	if code != 502 || !strings.HasPrefix(e["error"], "Error forwarding request: ") || e["detail"] == "" || strings.Contains(string(b), "127.0.0.1") {
		t.Fatalf("%d %s", code, b)
	}
}

func TestOverview(t *testing.T) {
	o := Options{Builtin: allEchoes(), Targets: map[string]Target{"test": {Kind: KindURL, URL: "http://127.0.0.1:1"}}}
	o.Builtin["generator"] = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh no") })
	_, s := newGateway(t, o)
	code, b := do(t, "GET", s.URL+"/api/db/overview", reader, "")
	v := decode[map[string]any](t, b)
	if code != 200 || v["timestamp"] == nil {
		t.Fatalf("%d %s", code, b)
	}
	for name, want := range map[string]string{"test_stats": "Failed to fetch test stats", "generator_stats": "Failed to fetch generator stats"} {
		if got := v[name].(map[string]any)["error"]; got != want {
			t.Errorf("%s: %v", name, v[name])
		}
	}
	for _, name := range []string{"benchmark_stats", "predictive_stats"} {
		if v[name].(map[string]any)["component"] == nil {
			t.Errorf("%s: %v", name, v[name])
		}
	}
}

// rows is a component that has three runs of one model.
func rows(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m := r.URL.Query().Get("model_name"); m != "" && m != "facebook/opt-125m" || strings.HasSuffix(r.URL.Path, "/stats") {
			w.WriteHeader(404)
			return
		}
		_, _ = io.WriteString(w, body)
	})
}

// The guide's snippet, in Go: what it reads is there and of the right type.
func TestModelAcrossComponents(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: map[string]http.Handler{
		"test":       rows(`[{"status":"completed"},{"status":"error"},{"status":"completed"},{"status":"completed"}]`),
		"benchmark":  rows(`[{"status":"completed","throughput_items_per_second":12.5}]`),
		"predictive": rows(`{"count":1,"predictions":[{"throughput":3.5}],"measurements":[]}`),
	}})
	for _, name := range []string{"facebook/opt-125m", "facebook%2Fopt-125m"} {
		code, b := do(t, "GET", s.URL+"/api/db/model/"+name, reader, "")
		v := decode[struct {
			Name     string             `json:"model_name"`
			Overview map[string]float64 `json:"overview"`
			Tests    []row              `json:"recent_test_runs"`
			Tasks    []row              `json:"recent_generator_tasks"`
			Runs     []row              `json:"recent_benchmark_runs"`
			Preds    []row              `json:"recent_predictions"`
		}](t, b)
		if code != 200 || v.Name != "facebook/opt-125m" || v.Overview["test_success_rate"] != 0.75 || v.Overview["total_test_runs"] != 4 ||
			v.Runs[0]["throughput"] != 12.5 || v.Preds[0]["throughput"] != 3.5 || v.Tasks == nil || v.Overview["total_predictions"] != 1 {
			t.Fatalf("%d %s", code, b)
		}
	}
	if _, b := do(t, "GET", s.URL+"/api/db/model/other", reader, ""); !strings.Contains(string(b), `"recent_predictions":[]`) {
		t.Errorf("%s", b)
	}
	if code, _ := do(t, "GET", s.URL+"/api/db/model/", reader, ""); code != 404 {
		t.Errorf("no name: %d", code)
	}
}

func TestSearch(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: map[string]http.Handler{
		"test": rows(`[{"a":1},{"a":2}]`), "predictive": rows(`{"results":[{"b":1}]}`)}})
	code, b := do(t, "POST", s.URL+"/api/db/search?query=bert&limit=5", reader, "")
	v := decode[struct {
		Query   string
		Results []row          `json:"test_results"`
		Counts  map[string]int `json:"result_counts"`
		Bench   []row          `json:"benchmark_results"`
	}](t, b)
	if code != 200 || v.Query != "bert" || len(v.Results) != 2 || v.Counts["total"] != 3 || v.Counts["predictive"] != 1 || v.Bench == nil {
		t.Fatalf("%d %s", code, b)
	}
	for q, typ := range map[string]string{"": "missing", "query=x&limit=abc": "int_parsing", "query=x&limit=0": "greater_than_equal", "query=x&limit=1001": "less_than_equal"} {
		code, b := do(t, "POST", s.URL+"/api/db/search?"+q, reader, "")
		v := decode[struct{ Detail []struct{ Type string } }](t, b)
		if code != 422 || v.Detail[0].Type != typ {
			t.Errorf("%q: %d %s", q, code, b)
		}
	}
	if code, _ := do(t, "GET", s.URL+"/api/db/search?query=x", reader, ""); code != 405 {
		t.Errorf("GET: %d", code)
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

func writeConfig(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition that the passing of time brings.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s did not happen", what)
}

// quick makes the clocks of this package fast for one test.
func quick(t *testing.T) {
	old := []any{probeEvery, backoffFirst, reloadEvery, stopGrace}
	probeEvery, backoffFirst, reloadEvery, stopGrace = 30*time.Millisecond, 50*time.Millisecond, 20*time.Millisecond, time.Second
	t.Cleanup(func() {
		probeEvery, backoffFirst, reloadEvery, stopGrace = old[0].(time.Duration), old[1].(time.Duration), old[2].(time.Duration), old[3].(time.Duration)
	})
}

// Adding the predictive component to a gateway and taking it out again is one
// line of configuration, re-read without a restart.
func TestConfigurationIsReread(t *testing.T) {
	quick(t)
	path := filepath.Join(t.TempDir(), "perfcast.yaml")
	writeConfig(t, path, "components: {predictive: off}\n")
	_, s := newGateway(t, Options{Builtin: allEchoes(), Config: path})
	code := func() int {
		c, _ := do(t, "GET", s.URL+"/api/predictive-performance/models", "", "")
		return c
	}
	if c := code(); c != 404 {
		t.Fatalf("off: %d", c)
	}
	writeConfig(t, path, "components: {predictive: builtin}\n")
	eventually(t, "adding it", func() bool { return code() == 200 })
	writeConfig(t, path, "components: {predictive: what}\n") // nonsense changes nothing
	time.Sleep(100 * time.Millisecond)
	if c := code(); c != 200 {
		t.Fatalf("after nonsense: %d", c)
	}
	writeConfig(t, path, "components: {predictive: off}\n")
	eventually(t, "taking it out", func() bool { return code() == 404 })
}

func TestCommandIsSupervised(t *testing.T) {
	quick(t)
	t.Setenv("PERFCAST_API_KEY", "not for components")
	path := filepath.Join(t.TempDir(), "perfcast.yaml")
	command, _ := json.Marshal([]string{os.Args[0], "serve", "{port}"})
	writeConfig(t, path, fmt.Sprintf("components:\n  generator: {command: %s}\n", command))
	g, s := newGateway(t, Options{Builtin: allEchoes(), Config: path})
	ask := func(path string) (int, string) {
		c, b := do(t, "GET", s.URL+"/api/generator/"+path, "", "")
		return c, string(b)
	}
	healthy := func() bool { c, _ := do(t, "GET", s.URL+"/health/generator", "", ""); return c == 200 }
	eventually(t, "start", healthy)
	code, first := ask("pid")
	if code != 200 {
		t.Fatalf("%d %s", code, first)
	}
	if _, env := ask("env"); strings.Contains(env, "PERFCAST_API_KEY") || !strings.Contains(env, "PATH=") {
		t.Errorf("environment: %s", env)
	}
	if code, b := ask("die"); code != 502 {
		t.Errorf("death during a request: %d %s", code, b)
	}
	eventually(t, "restart", func() bool { c, pid := ask("pid"); return c == 200 && pid != first })

	code, b := do(t, "POST", s.URL+"/api/components/generator/stop", admin, "")
	if code != 200 || !strings.Contains(string(b), `"stopped"`) {
		t.Fatalf("stop: %d %s", code, b)
	}
	if code, b := ask("pid"); code != 502 {
		t.Errorf("stopped: %d %s", code, b)
	}
	if code, _ := do(t, "GET", s.URL+"/api/test/runs", "", ""); code != 200 {
		t.Errorf("another component: %d", code)
	}
	do(t, "POST", s.URL+"/api/components/generator/start", admin, "")
	eventually(t, "start again", func() bool { c, _ := ask("pid"); return c == 200 })

	_, pid := ask("pid")
	g.Close()
	eventually(t, "end with the gateway", func() bool { return !alive(pid) })
	if code, _ := do(t, "POST", s.URL+"/api/components/generator/start", admin, ""); code != 503 {
		t.Errorf("start after Close: %d", code)
	}
}

func alive(pid string) bool {
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

func TestParseConfig(t *testing.T) {
	for text, want := range map[string]string{
		`{"components": {"test": "http://127.0.0.1:8000/"}}`:            "",
		"components: {predictive-performance: off}":                     "",
		"components: {test: {url: 'http://a:1', forward_key: true}}":    "",
		"commands: {benchmark: []}":                                     "",
		"":                                                              "",
		"components: {nothing: builtin}":                                "no component",
		"components: {test: 'ftp://a'}":                                 "neither builtin",
		"components: {test: {command: [a]}}":                            "needs a url",
		"components: {test: {comand: [a]}}":                             "comand",
		"components: {test: {}}":                                        "needs a url or a command",
		"components: {test: {url: 'http://a', health: 'http://evil/'}}": "not a path",
		"components: {test: 'http://user:pw@a'}":                        "neither builtin",
		"components: [":                                                 "yaml",
	} {
		_, err := parseConfig("f", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The documented gateway's own configuration says which services there are, and
// on which ports.
func TestOldConfig(t *testing.T) {
	c, err := parseConfig("f", []byte(`{
		"test_api": {"enabled": false, "port": 8000, "host": "0.0.0.0", "module": "test.api_server", "args": []},
		"generator_api": {"enabled": true, "port": 8001},
		"predictive_performance_api": {"port": 8501, "module": "x"},
		"gateway": {"enabled": true, "port": 8081}}`))
	want := map[string]Target{"test": {Kind: KindOff}, "generator": {Kind: KindBuiltin}, "predictive": {Kind: KindBuiltin}}
	if err != nil || !c.Old || c.GatewayPort != 8081 || c.PredictivePort != 8501 || !reflect.DeepEqual(c.Targets, want) {
		t.Errorf("%+v, %v", c, err)
	}
	for text, want := range map[string]string{
		`{"gateway": {"enabled": false}}`:                                "--predictive-only",
		`{"test_api": {"enable": true}}`:                                 "enable",
		`{"test_api": {"port": 70000}}`:                                  "port must be",
		`{"test_api": true}`:                                             "test_api",
		`{"test_api": {"enabled": true}, "components": {"test": "off"}}`: "keep one",
		`{"test": "builtin"}`:                                            "below components",
		`{"services": {}}`:                                               "no section",
	} {
		if _, err := parseConfig("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("components: {test: {url: 'http://a:1', command: [x]}}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig("f", b)
		for name, target := range c.Targets {
			if err == nil && (prefixes[name] == "" || target.Kind == "") {
				t.Errorf("%s: %+v", name, target)
			}
		}
	})
}
