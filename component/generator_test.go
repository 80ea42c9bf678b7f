//go:build unix

package component

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/app/apptest"
)

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
	if batch["status"] != "completed" || len(batch["runs"].([]any)) != 2 {
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
	for host, want := range map[string]string{"perf.example:8080": "http://perf.example:8080", "[::1]:80": "http://[::1]:80",
		`x";import os#`: "http://localhost:8080", "a/b": "http://localhost:8080", "a@b": "http://localhost:8080", "": "http://localhost:8080"} {
		if got := serverOf(&http.Request{Host: host}); got != want {
			t.Errorf("%q: %q", host, got)
		}
	}
}
