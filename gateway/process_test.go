package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
