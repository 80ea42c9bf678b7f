//go:build unix

package component

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/perf"
)

// Runs outlive the process; those that it cut off have failed.
func TestRunsOutliveTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.duckdb")
	a, stop := apptest.Open(t, path)
	s := serve(t, Options{App: a}, testCommands)
	done := s.begin("/api/test/run", `{"model_name":"gpt2"}`)
	s.end("test", done)
	cut := perf.Run{ID: "11111111-1111-4111-8111-111111111111", Component: perf.ComponentTest, Status: perf.RunRunning, Started: time.Now().UTC(), Model: "gpt2", Hardware: []string{"cpu"}, Config: []byte("{}")}
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
