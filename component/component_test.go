//go:build unix

package component

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/component/cpubench"
	"github.com/perfcast/perfcast/perf"
)

type server struct {
	t *testing.T
	*httptest.Server
	set *Set
	app *app.App
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
	return &server{t, s, set, o.App}
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

const benchCommands = `
commands:
  benchmark:
    - name: fake-clock   # a command under test, not a measurement that is shown to anybody
      argv: [sh, -c, 'echo "{\"progress\":0.5,\"message\":\"half\"}"; sleep 0.05; printf "{\"latency_ms\":%s,\"throughput\":50,\"memory_mb\":700,\"runtime\":\"onnxruntime\",\"environment\":{\"argv\":\"$1 $2\"}}" 20', sh, "{model}", "{batch_size}"]
      hardware: [cpu]
    - name: broken
      argv: [sh, -c, 'echo "no such library" >&2; exit 3']
      hardware: [cuda]
    - name: slow
      argv: [sleep, "60"]
      hardware: [rocm]
      timeout: 200ms
`

func TestBenchmarkRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reports")
	s := serve(t, Options{App: apptest.New(t), Reports: dir}, benchCommands)
	// The guide's client names one model, one hardware, one batch.
	id := s.begin("/api/benchmark/run", `{"model_name":"bert-base-uncased","hardware":"cpu","batch_size":8}`)
	st := s.end("benchmark", id)
	for _, key := range []string{"run_id", "status", "progress", "current_step", "start_time", "elapsed_time", "estimated_remaining_time", "completed_models", "total_models", "error"} {
		if _, ok := st[key]; !ok {
			t.Errorf("status lacks %s", key)
		}
	}
	if st["status"] != "completed" || st["progress"] != 1.0 || st["completed_models"] != 1.0 || st["total_models"] != 1.0 {
		t.Fatalf("%v", st)
	}
	res := s.get("/api/benchmark/results/" + id)
	row := res["results"].([]any)[0].(map[string]any)
	if row["model_name"] != "bert-base-uncased" || row["average_latency_ms"] != 20.0 || row["throughput_items_per_second"] != 50.0 ||
		row["memory_peak_mb"] != 700.0 || row["simulation_mode"] != false || row["measurement_id"] == nil || row["batch_size"] != 8.0 {
		t.Fatalf("%v", res)
	}
	if m := res["result"].(map[string]any)["metrics"].(map[string]any); m["throughput"] != 50.0 || m["latency"] != 20.0 || m["memory_usage"] != 700.0 {
		t.Errorf("the guide's metrics: %v", m)
	}
	// It is a measurement now, in SI units, with the environment it ran in.
	m, err := s.app.MeasurementByID(context.Background(), row["measurement_id"].(string))
	if err != nil || *m.Latency != 0.02 || *m.Memory != 7e8 || m.Source != "benchmark" || m.Runtime != "onnxruntime" ||
		m.Environment["command"] != "fake-clock" || m.Environment["argv"] != "bert-base-uncased 8" {
		t.Fatalf("%+v, %v", m, err)
	}
	if q := s.rows("/api/benchmark/query?model=bert-base-uncased&hardware=cpu&batch_size=8&limit=5"); len(q) != 1 || q[0]["average_latency_ms"] != 20.0 {
		t.Errorf("query: %v", q)
	}
	if q := s.rows("/api/benchmark/query?hardware=cuda"); len(q) != 0 {
		t.Errorf("query: %v", q)
	}
	if rows := s.rows("/api/benchmark/db/runs?model_name=bert-base-uncased&limit=10"); len(rows) != 1 || rows[0]["throughput"] != 50.0 || rows[0]["status"] != "completed" {
		t.Errorf("db/runs: %v", rows)
	}
	if rows := s.rows("/api/benchmark/db/models/stats"); len(rows) != 1 || rows[0]["total_runs"] != 1.0 || rows[0]["completed_runs"] != 1.0 {
		t.Errorf("stats: %v", rows)
	}
	if rep := s.get("/api/benchmark/reports"); rep["count"] != 1.0 {
		t.Errorf("reports: %v", rep)
	}
	if rep := s.get("/api/benchmark/reports/" + id + ".json"); rep["results"] == nil {
		t.Errorf("report: %v", rep)
	}
	if code, _, _ := s.do("GET", "/api/benchmark/query?limit=abc", ""); code != 422 {
		t.Errorf("limit=abc: %d", code)
	}
}

func TestBenchmarkFailures(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, benchCommands)
	for body, want := range map[string]string{
		`{"models":["gpt2"],"hardware":["cuda"]}`:                      "no such library",
		`{"models":["gpt2"],"hardware":["rocm"],"batch_sizes":[1]}`:    "longer than its timeout",
		`{"models":["gpt2"],"hardware":["mps"]}`:                       "no benchmark command is configured",
		`{"models":["gpt2"],"hardware":["cpu"],"benchmark":"nothing"}`: "no benchmark command is configured",
		`{"hardware":["cuda"]}`:                                        "name the models",
	} {
		st := s.end("benchmark", s.begin("/api/benchmark/run", body))
		if st["status"] != "error" || !strings.Contains(fmt.Sprint(st["error"]), want) {
			t.Errorf("%s: %v", body, st)
		}
		if code, _, _ := s.do("GET", "/api/benchmark/results/"+st["run_id"].(string), ""); code != 400 {
			t.Errorf("results of a failed run: %d", code)
		}
	}
	// A model is found under any of its names, and called as it was asked for.
	st0 := s.end("benchmark", s.begin("/api/benchmark/run", `{"models":["resnet-50"],"hardware":"cpu","batch_sizes":1}`))
	row := s.get("/api/benchmark/results/" + st0["run_id"].(string))["results"].([]any)[0].(map[string]any)
	if row["model_name"] != "resnet-50" {
		t.Errorf("%v", row)
	}
	for _, name := range []string{"resnet-50", "microsoft/resnet-50"} {
		if rows := s.rows("/api/benchmark/db/runs?model_name=" + name); len(rows) != 1 || rows[0]["throughput"] != 50.0 {
			t.Errorf("%s: %v", name, rows)
		}
		if rows := s.rows("/api/benchmark/query?model=" + name); len(rows) != 1 {
			t.Errorf("%s: %v", name, rows)
		}
	}
	// What fails leaves the rest.
	st := s.end("benchmark", s.begin("/api/benchmark/run", `{"models":["gpt2","bert-base-uncased"],"hardware":["cpu","cuda"],"batch_sizes":[1,2]}`))
	res := s.get("/api/benchmark/results/" + st["run_id"].(string))
	if len(res["results"].([]any)) != 4 || len(res["failed"].([]any)) != 4 {
		t.Errorf("%v", res)
	}
	if rows := s.rows("/api/benchmark/db/runs?model_name=gpt2&status=completed"); len(rows) != 1 || rows[0]["model_name"] != "gpt2" {
		t.Errorf("a run of several models: %v", rows)
	}
	if n := len(s.rows("/api/benchmark/query")); n != 5 {
		t.Errorf("%d measurements: a failed case was recorded", n)
	}
}

// Placeholders with ";" and "$( )" are refused at the door; and were one to
// get in, no shell would read it (TestRunPassesValuesAsArguments).
func TestHostilePlaceholders(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, benchCommands)
	for _, evil := range []string{"; touch pwned", "$(touch pwned)", "`id`", "--output=/etc/passwd", "-rf", "a|b", "a b", "a\nb", "../../etc/passwd", "a/../b", "a\x00b", "{device}", "", strings.Repeat("a", 500), "é"} {
		name, _ := json.Marshal(evil)
		for path, body := range map[string]string{
			"/api/benchmark/run":   `{"hardware":"cpu","models":["ok",%s]}`,
			"/api/test/run":        `{"model_name":%s}`,
			"/api/generator/model": `{"model_name":%s}`,
		} {
			if evil == "" && path == "/api/benchmark/run" {
				continue // an empty name is no name
			}
			if code, _, text := s.do("POST", path, fmt.Sprintf(body, name)); code != 422 {
				t.Errorf("%s with %q: %d %s", path, evil, code, text)
			}
		}
		if evil == "" || evil == "a b" {
			continue // standard, and device names have spaces
		}
		for path, body := range map[string]string{
			"/api/benchmark/run":   `{"models":["gpt2"],"hardware":[%s]}`,
			"/api/test/run":        `{"model_name":"gpt2","hardware":%s}`,
			"/api/generator/model": `{"model_name":"gpt2","hardware":%s}`,
		} {
			if code, _, text := s.do("POST", path, fmt.Sprintf(body, name)); code != 422 {
				t.Errorf("%s on %q: %d %s", path, evil, code, text)
			}
		}
		if code, _, text := s.do("POST", "/api/benchmark/run", fmt.Sprintf(`{"models":["gpt2"],"precision":%s}`, name)); code != 422 {
			t.Errorf("precision %q: %d %s", evil, code, text)
		}
	}
	for _, body := range []string{`{"models":["gpt2"],"batch_sizes":[0]}`, `{"models":["gpt2"],"batch_sizes":["1;id"]}`, `{"models":["gpt2"],"batch_size":1.5}`, `[]`, `{`, ``, `{"models":{}}`} {
		if code, _, text := s.do("POST", "/api/benchmark/run", body); code != 422 {
			t.Errorf("%s: %d %s", body, code, text)
		}
	}
	if code, _, _ := s.do("POST", "/api/benchmark/run", `{"models":["`+strings.Repeat("x", maxBody)+`"]}`); code != 413 {
		t.Errorf("a huge body: %d", code)
	}
}

// A form on a web page cannot start a run.
func TestOnlyJSONStartsRuns(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; application/json"} {
		res, err := http.Post(s.URL+"/api/test/run", kind, strings.NewReader(`{"model_name":"gpt2"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 422 {
			t.Errorf("%q: %d", kind, res.StatusCode)
		}
	}
	if rows := s.rows("/api/test/db/runs"); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
}

func TestReportFolderLinks(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(out, "secret.json"), []byte(`{"secret":1}`), 0o600))
	must(os.WriteFile(filepath.Join(dir, "good.json"), []byte(`{"good":1}`), 0o600))
	must(os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "sub", "page.html"), []byte(`<script>`), 0o600))
	must(os.Symlink(filepath.Join(out, "secret.json"), filepath.Join(dir, "link.json")))
	must(os.Symlink("../"+filepath.Base(out)+"/secret.json", filepath.Join(dir, "relative.json")))
	must(os.Symlink(out, filepath.Join(dir, "linked")))
	must(os.Symlink("good.json", filepath.Join(dir, "inside.json")))
	must(syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600))
	s := serve(t, Options{Reports: dir}, "")
	list := fmt.Sprint(s.get("/api/benchmark/reports")["reports"])
	for _, name := range []string{"link", "relative", "linked", "inside", "pipe", "secret"} {
		if strings.Contains(list, name) {
			t.Errorf("%s is listed: %s", name, list)
		}
	}
	for name, want := range map[string]int{
		"good.json": 200, "sub/page.html": 200, "link.json": 404, "relative.json": 404, "linked/secret.json": 404, "inside.json": 404, "pipe.json": 404,
		"sub": 404, "..%2f" + filepath.Base(out) + "%2fsecret.json": 404, "%2e%2e%2fx": 404, "%2fetc%2fpasswd": 404, "": 404, "nothing.json": 404,
	} {
		code, _, text := s.do("GET", "/api/benchmark/reports/"+name, "")
		if code != want || strings.Contains(text, "secret\":") {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	res, err := http.Get(s.URL + "/api/benchmark/reports/sub/page.html")
	must(err)
	res.Body.Close()
	if ct := res.Header.Get("Content-Type"); ct != "application/octet-stream" {
		t.Errorf("a page is served as %s", ct)
	}
}

func TestCalibration(t *testing.T) {
	old := cpuOptions
	cpuOptions = cpubench.Options{Repeats: 3, Bytes: 8 << 20, Sizes: []int{64}, Batches: []int{1}, Least: time.Millisecond}
	defer func() { cpuOptions = old }()
	s := serve(t, Options{App: apptest.New(t)}, "")
	id := s.begin("/api/benchmark/run", `{}`)
	if st := s.end("benchmark", id); st["status"] != "completed" {
		t.Fatalf("%v", st)
	}
	res := s.get("/api/benchmark/results/" + id)
	if m := res["machine"].(map[string]any); m["calibrated"] != true || m["peak_fp32_gflops"].(float64) <= 0 {
		t.Fatalf("%v", m)
	}
	d, err := s.app.Device(cpubench.ThisMachine, perf.CPU)
	if err != nil || d.FP32 <= 0 || d.MemoryBandwidth <= 0 || !d.Custom {
		t.Fatalf("%+v, %v", d, err)
	}
	row := res["results"].([]any)[0].(map[string]any)
	if row["measurement_id"] == nil || row["device_name"] != d.Name {
		t.Fatalf("%v", row)
	}
	c := app.DefaultConfig()
	c.Model, c.Device = "bert-base-uncased", cpubench.ThisMachine
	if p, err := s.app.Predict(context.Background(), c); err != nil || p.Device != d.Name {
		t.Fatalf("%+v, %v", p, err)
	}
}

const testCommands = `
commands:
  test:
    - name: junit
      argv: [sh, -c, 'echo "<testsuite><testcase name=\"a\"/><testcase name=\"$2\"><failure/></testcase></testsuite>" > "$1"; exit 1', sh, "{report}", "{model}"]
      types: [basic]
      results: junit
    - name: slow
      argv: [sleep, "60"]
      types: [slow]
`

func TestTestRun(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, testCommands)
	id := s.begin("/api/test/run", `{"model_name":"bert-base-uncased","hardware":"cuda","timeout":30}`) // the guide writes a string
	st := s.end("test", id)
	for _, key := range []string{"run_id", "status", "progress", "current_step", "model_name", "hardware", "test_type", "started_at", "elapsed_time", "estimated_remaining_time"} {
		if _, ok := st[key]; !ok {
			t.Errorf("status lacks %s", key)
		}
	}
	if _, ok := st["error"]; ok || st["status"] != "completed" {
		t.Fatalf("%v", st)
	}
	res := s.get("/api/test/results/" + id)
	r := res["results"].(map[string]any)
	if r["tests_passed"] != 1.0 || r["tests_failed"] != 1.0 || r["tests_skipped"] != 0.0 || len(r["test_details"].([]any)) != 2 || res["duration"] == nil {
		t.Fatalf("%v", res)
	}
	if len(r["performance_metrics"].(map[string]any)) != 0 {
		t.Errorf("what was not measured has numbers: %v", r["performance_metrics"])
	}
	if rows := s.rows("/api/test/db/runs?model_name=bert-base-uncased&test_type=basic"); len(rows) != 1 || rows[0]["tests_failed"] != 1.0 {
		t.Errorf("%v", rows)
	}
	if st := s.end("test", s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow","timeout":0.2}`)); st["status"] != "timeout" {
		t.Errorf("%v", st)
	}
	id = s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
	if _, v, _ := s.do("POST", "/api/test/cancel/"+id, ""); v["cancelled"] != true || v["run_id"] != id {
		t.Errorf("%v", v)
	}
	if st := s.end("test", id); st["status"] != "cancelled" {
		t.Errorf("%v", st)
	}
	if code, v, _ := s.do("GET", "/api/test/results/"+id, ""); code != 400 || v["detail"] != "Test run "+id+" is not completed" {
		t.Errorf("%d %v", code, v)
	}
	for _, path := range []string{"results/x", "status/x", "db/run/x"} {
		if code, v, _ := s.do("GET", "/api/test/"+path, ""); code != 404 || v["detail"] != "Test run x not found" {
			t.Errorf("%s: %d %v", path, code, v)
		}
	}
	if code, _, _ := s.do("DELETE", "/api/test/db/run/"+id, ""); code != 200 {
		t.Errorf("delete: %d", code)
	}
	if code, _, _ := s.do("GET", "/api/test/status/"+id, ""); code != 404 {
		t.Errorf("deleted: %d", code)
	}
	for _, r := range s.rows("/api/test/db/runs") {
		if r["run_id"] == id {
			t.Error("a deleted run is listed")
		}
	}
	if code, _, text := s.do("POST", "/api/test/db/search", `{"query":"BERT"}`); code != 200 || !strings.Contains(text, "bert-base-uncased") {
		t.Errorf("search: %d %s", code, text)
	}
	for _, path := range []string{"models", "hardware", "types", "runs?limit=5&status=completed", "db/batches", "db/hardware/stats", "db/performance?days=7"} {
		if code, _, text := s.do("GET", "/api/test/"+path, ""); code != 200 {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}
	if code, _, _ := s.do("GET", "/api/test/runs?limit=1001", ""); code != 422 {
		t.Errorf("limit 1001: %d", code)
	}
	if code, _, _ := s.do("GET", "/api/test/run", ""); code != 405 {
		t.Errorf("GET run: %d", code)
	}
}

// Without any command, perfcast's own checks run, and fail where they should.
func TestOwnChecks(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, "")
	results := func(body string) map[string]any {
		id := s.begin("/api/test/run", body)
		if st := s.end("test", id); st["status"] != "completed" {
			t.Fatalf("%s: %v", body, st)
		}
		return s.get("/api/test/results/" + id)["results"].(map[string]any)
	}
	for _, typ := range []string{"basic", "comprehensive", "fault_tolerance"} {
		if r := results(`{"model_name":"bert-base-uncased","hardware":["cpu","cuda"],"test_type":"` + typ + `"}`); r["tests_failed"] != 0.0 || r["tests_passed"].(float64) < 6 {
			t.Errorf("%s: %v", typ, r)
		}
	}
	if r := results(`{"model_name":"no-such-model"}`); r["tests_failed"] == 0.0 {
		t.Errorf("an unknown model passes: %v", r)
	}
	if r := results(`{"model_name":"meta-llama/Llama-2-70b-hf","hardware":"NVIDIA Tesla P4"}`); !strings.Contains(fmt.Sprint(r), "one sample needs about") {
		t.Errorf("70 B parameters on 8 GB: %v", r)
	}
	if st := s.end("test", s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"exotic"}`)); st["status"] != "error" || !strings.Contains(fmt.Sprint(st["error"]), "no test command") {
		t.Errorf("%v", st)
	}
}

func TestGenerator(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, Options{App: apptest.New(t), Scripts: dir}, "")
	id := s.begin("/api/generator/model", `{"model_name":"bert-base-uncased","hardware":["cpu","cuda"],"template_type":"onnxruntime","output_dir":"a/b","template_context":{"batch_size":4}}`)
	if st := s.end("generator", id); st["status"] != "completed" {
		t.Fatalf("%v", st)
	}
	res := s.get("/api/generator/result/" + id)
	if res["output_file"] != "a/b/bench_bert-base-uncased_cpu_onnxruntime.py" || len(res["files"].([]any)) != 2 {
		t.Fatalf("%v", res)
	}
	_, _, text := s.do("GET", "/api/generator/file/"+id+"?hardware=cuda", "")
	if !strings.HasPrefix(text, "#!/usr/bin/env python3\n") || !strings.Contains(text, `"--device","cuda"`) || !strings.Contains(text, `"--batch-size","4"`) ||
		!strings.Contains(text, `"--post","`+s.URL+`"`) || !strings.Contains(text, `hidden_size\":768`) {
		t.Errorf("%.3000s", text)
	}
	b, err := os.ReadFile(filepath.Join(dir, "a/b/bench_bert-base-uncased_cuda_onnxruntime.py"))
	if err != nil || string(b) != text {
		t.Errorf("the file on disk: %v", err)
	}
	if st := s.end("generator", s.begin("/api/generator/model", `{"model_name":"bert-base-uncased","template_type":"onnxruntime","output_dir":"a/b"}`)); st["status"] != "error" || !strings.Contains(fmt.Sprint(st["error"]), "force") {
		t.Errorf("an existing script: %v", st)
	}
	if st := s.end("generator", s.begin("/api/generator/model", `{"model_name":"bert-base-uncased","template_type":"onnxruntime","output_dir":"a/b","force":true}`)); st["status"] != "completed" {
		t.Errorf("force: %v", st)
	}
	// A link in the folder leads nowhere.
	out := t.TempDir()
	if err := os.Symlink(out, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if st := s.end("generator", s.begin("/api/generator/model", `{"model_name":"gpt2","output_dir":"link"}`)); st["status"] != "error" {
		t.Errorf("through a link: %v", st)
	}
	if left, _ := os.ReadDir(out); len(left) != 0 {
		t.Errorf("%v was written outside", left)
	}
	for _, evil := range []string{"/tmp", "..", "a/../../b", "a\\u0000b"} {
		if code, _, text := s.do("POST", "/api/generator/model", `{"model_name":"gpt2","output_dir":"`+evil+`"}`); code != 422 {
			t.Errorf("output_dir %s: %d %s", evil, code, text)
		}
	}
	if code, _, _ := s.do("POST", "/api/generator/model", `{"model_name":"gpt2","template_type":"x"}`); code != 422 {
		t.Errorf("template x: %d", code)
	}

	code, v, text := s.do("POST", "/api/generator/batch?template_type=vllm", `{"model_names":["gpt2","bert-base-uncased"],"hardware":"cuda"}`)
	ids, _ := v["task_ids"].([]any)
	if code != 200 || len(ids) != 2 {
		t.Fatalf("%d %s", code, text)
	}
	for _, id := range ids {
		s.end("generator", id.(string))
	}
	batch := s.get("/api/generator/db/batch/" + v["batch_id"].(string))
	if batch["status"] != "completed" || len(batch["tasks"].([]any)) != 2 {
		t.Errorf("%v", batch)
	}
	if rows := s.rows("/api/generator/db/batches"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	if rows := s.rows("/api/generator/db/tasks?model_name=gpt2&status=completed"); len(rows) != 1 || rows[0]["task_type"] != "batch" {
		t.Errorf("%v", rows)
	}
}

// The Host header goes into the script; what is no host does not.
func TestGeneratedScriptTrustsNoHost(t *testing.T) {
	g := &generator{&base{runs: &runs{}}}
	for host, want := range map[string]string{"perf.example:8080": "http://perf.example:8080", "[::1]:80": "http://[::1]:80",
		`x";import os#`: "http://localhost:8080", "a/b": "http://localhost:8080", "a@b": "http://localhost:8080", "": "http://localhost:8080"} {
		q := generatorRequest{Model: "gpt2"}
		if _, _, err := g.accept(&q, &http.Request{Host: host}); err != nil || q.server != want {
			t.Errorf("%q: %q, %v", host, q.server, err)
		}
	}
}

func TestPostedReport(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, "")
	code, v, text := s.do("POST", "/api/benchmark/report", `{"model":"gpt2","platform":"cpu","runtime":"onnxruntime","precision":"fp32","batch_size":2,
		"results":[{"case":"prefill","latency_ms":50,"throughput":40,"ttft_ms":50},{"case":"decode","tpot_ms":9,"output_length":1}]}`)
	if code != 200 || v["count"] != 2.0 {
		t.Fatalf("%d %s", code, text)
	}
	row := v["results"].([]any)[1].(map[string]any)
	if row["measurement_id"] == nil || row["tpot_ms"] != 9.0 {
		t.Errorf("%v", row)
	}
	for _, bad := range []string{`{}`, `{"model":"gpt2","latency_ms":1}`, `{"model":"$(id)","platform":"cpu","latency_ms":1}`, `{"model":"gpt2","platform":"cpu","latency_ms":-1}`} {
		if code, _, text := s.do("POST", "/api/benchmark/report", bad); code != 422 {
			t.Errorf("%s: %d %s", bad, code, text)
		}
	}
}

// Runs outlive the process; those that it cut off have failed.
func TestRunsOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	a, stop := apptest.Open(t, path)
	s := serve(t, Options{App: a}, testCommands)
	done := s.begin("/api/test/run", `{"model_name":"gpt2"}`)
	s.end("test", done)
	cut := perf.Run{ID: "11111111-1111-4111-8111-111111111111", Component: perf.ComponentTest, Status: perf.RunRunning, Started: time.Now().UTC(), Model: "gpt2", Config: []byte("{}")}
	if err := a.SaveRun(context.Background(), cut); err != nil {
		t.Fatal(err)
	}
	s.set.Close()
	stop()
	a, stop = apptest.Open(t, path)
	defer stop()
	s = serve(t, Options{App: a}, testCommands)
	defer s.set.Close()
	if st := s.get("/api/test/status/" + done); st["status"] != "completed" {
		t.Errorf("%v", st)
	}
	if st := s.get("/api/test/status/" + cut.ID); st["status"] != "error" || !strings.Contains(fmt.Sprint(st["error"]), "server stopped") {
		t.Errorf("%v", st)
	}
}

// Without a database, runs are kept in memory and nothing claims to be recorded.
func TestWithoutDatabase(t *testing.T) {
	s := serve(t, Options{}, benchCommands)
	id := s.begin("/api/benchmark/run", `{"models":["gpt2"],"hardware":"cpu","batch_sizes":1}`)
	if st := s.end("benchmark", id); st["status"] != "completed" {
		t.Fatalf("%v", st)
	}
	row := s.get("/api/benchmark/results/" + id)["results"].([]any)[0].(map[string]any)
	if row["measurement_id"] != nil || row["average_latency_ms"] != 20.0 {
		t.Errorf("%v", row)
	}
	if rows := s.rows("/api/benchmark/db/runs?model_name=gpt2"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
}

func TestRunsAreBounded(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	codes := map[int]int{}
	for range maxWaiting + 10 {
		code, _, _ := s.do("POST", "/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
		codes[code]++
	}
	if codes[200] != maxWaiting+2 || codes[503] != 8 {
		t.Errorf("%v", codes)
	}
	start := time.Now()
	s.set.Close()
	if time.Since(start) > 15*time.Second {
		t.Errorf("closing took %v", time.Since(start))
	}
	if code, _, _ := s.do("POST", "/api/test/run", `{"model_name":"gpt2"}`); code != 503 {
		t.Errorf("after Close: %d", code)
	}
}

func dial(t *testing.T, s *server, path string) (*websocket.Conn, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, ctx
}

func TestWebSocket(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	id := s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
	c, ctx := dial(t, s, "/api/test/ws/"+id)
	read := func() string {
		_, b, err := c.Read(ctx)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	if got := read(); !strings.Contains(got, id) || !strings.Contains(got, `"status"`) {
		t.Fatalf("%s", got)
	}
	say := func(word string) {
		if err := c.Write(ctx, websocket.MessageText, []byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	until := func(part string) {
		t.Helper()
		for range 20 {
			got := read()
			if strings.Contains(got, part) {
				return
			}
			if !strings.HasPrefix(got, "{") {
				t.Fatalf("%s before %s", got, part)
			}
		}
		t.Fatalf("no %s", part)
	}
	say("ping")
	until(`{"pong":true}`)
	say("status")
	until(id)
	say("nonsense")
	until("Unknown command")
	say("cancel")
	until(`"status":"cancelled"`)
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("%v", err)
	}
	c, ctx = dial(t, s, "/api/test/ws/nothing")
	if _, b, err := c.Read(ctx); err != nil || strings.TrimSpace(string(b)) != `{"error":"Test run nothing not found"}` {
		t.Errorf("%s %v", b, err)
	}
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != 4404 {
		t.Errorf("%v", err)
	}
}

// A client that floods is let go; so is one too many; others go on.
func TestWebSocketFlood(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	id := s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
	c, ctx := dial(t, s, "/api/test/ws/"+id)
	go func() {
		for c.Write(ctx, websocket.MessageText, []byte("ping")) == nil {
		}
	}()
	var err error
	for err == nil {
		_, _, err = c.Read(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("a flood goes on")
	}
	c, ctx = dial(t, s, "/api/test/ws/"+id)
	if err := c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("x", 1<<20))); err == nil {
		for err == nil {
			_, _, err = c.Read(ctx)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("a huge message is taken")
		}
	}
	var last *http.Response
	for range maxSocketsFromOne + 5 {
		c, res, err := websocket.Dial(ctx, s.URL+"/api/test/ws/"+id, nil)
		if err != nil {
			last = res
			break
		}
		t.Cleanup(func() { _ = c.CloseNow() })
	}
	if last == nil || last.StatusCode != 503 {
		t.Fatalf("sockets without end: %v", last)
	}
	if st := s.get("/api/test/status/" + id); st["status"] != "running" {
		t.Errorf("%v", st)
	}
}

// A client that does not read holds nothing up.
func TestWebSocketSlowReader(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	id := s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
	dial(t, s, "/api/test/ws/"+id) // never read
	start := time.Now()
	s.do("POST", "/api/test/cancel/"+id, "")
	if st := s.end("test", id); st["status"] != "cancelled" || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", st, time.Since(start))
	}
}
