//go:build unix

package component

import (
	"fmt"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/app/apptest"
)

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

// Several models are a batch, which can be looked at and deleted, with or
// without its runs.
func TestTestBatch(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, testCommands)
	begin := func(body string) (batch string, ids []any) {
		t.Helper()
		code, v, text := s.do("POST", "/api/test/batch", body)
		ids, _ = v["run_ids"].([]any)
		if code != 200 || len(ids) == 0 {
			t.Fatalf("%d %s", code, text)
		}
		return v["batch_id"].(string), ids
	}
	batch, ids := begin(`{"model_names":["gpt2","bert-base-uncased"],"hardware":"cuda","description":"nightly"}`)
	for _, id := range ids {
		s.end("test", id.(string))
	}
	row := s.get("/api/test/db/batch/" + batch)
	if row["run_count"] != 2.0 || row["status"] != "completed" || row["description"] != "nightly" || row["duration"] == nil || len(row["runs"].([]any)) != 2 {
		t.Errorf("%v", row)
	}
	if rows := s.rows("/api/test/db/batches"); len(rows) != 1 || rows[0]["batch_id"] != batch {
		t.Errorf("%v", rows)
	}
	if rows := s.rows("/api/test/db/runs?model_name=gpt2"); len(rows) != 1 || rows[0]["batch_id"] != batch {
		t.Errorf("%v", rows)
	}
	if code, _, text := s.do("DELETE", "/api/test/db/batch/"+batch, ""); code != 200 {
		t.Errorf("%d %s", code, text)
	}
	if rows := s.rows("/api/test/db/runs"); len(rows) != 2 || rows[0]["batch_id"] != nil {
		t.Errorf("runs of a batch that was dissolved: %v", rows)
	}
	if code, _, _ := s.do("GET", "/api/test/db/batch/"+batch, ""); code != 404 {
		t.Errorf("a batch that was dissolved: %d", code)
	}

	batch, ids = begin(`{"model_names":"gpt2","test_type":"slow"}`)
	if code, _, _ := s.do("DELETE", "/api/test/db/batch/"+batch+"?delete_runs=true", ""); code != 409 {
		t.Errorf("a batch that goes on: %d", code)
	}
	s.do("POST", "/api/test/cancel/"+ids[0].(string), "")
	s.end("test", ids[0].(string))
	if code, _, text := s.do("DELETE", "/api/test/db/batch/"+batch+"?delete_runs=true", ""); code != 200 {
		t.Errorf("%d %s", code, text)
	}
	if rows := s.rows("/api/test/db/runs"); len(rows) != 2 {
		t.Errorf("%v", rows)
	}
	for _, body := range []string{`{"model_names":[]}`, `{"model_names":["$(id)"]}`, `{}`} {
		if code, _, _ := s.do("POST", "/api/test/batch", body); code != 422 {
			t.Errorf("%s: %d", body, code)
		}
	}
}
