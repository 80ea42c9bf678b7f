// Package python_test runs Python's clients, requests, aiohttp and websockets,
// against the real program.
package python_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// environment is Python with the packages of requirements.txt, and the program,
// as `make test` makes both.
func environment(t *testing.T) (python, program string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not short")
	}
	python, err := filepath.Abs("../../.venv/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Skip("no .venv with Python's clients: `make test` makes it where python3 is installed")
	}
	if program = os.Getenv("PERFCAST_BIN"); program == "" {
		program = filepath.Join(t.TempDir(), "perfcast")
		if out, err := exec.Command("go", "build", "-o", program, "../..").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	return python, program
}

// output is what a process printed so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// server is the program, running on ports and a database of its own.
type server struct {
	predictive, gateway, key string
}

func serve(t *testing.T, program string) server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "perf.duckdb")
	key, err := exec.Command(program, "key", "create", "--db-path", file, "--name", "ci", "--scope", "admin").Output()
	if err != nil {
		t.Fatalf("key create: %v", err)
	}
	var out output
	cmd := exec.Command(program, "--predictive-port", "0", "--gateway-port", "0", "--db-path", file)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the server ended with %v:\n%s", err, &out)
			}
		case <-time.After(6 * time.Second):
			_ = cmd.Process.Kill()
			t.Error("SIGTERM does not end the server within five seconds")
		}
	})
	for range 500 {
		if strings.Contains(out.String(), "Ready") {
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the server does not start: %v\n%s", err, &out)
		case <-time.After(20 * time.Millisecond):
		}
	}
	address := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(out.String())
		if m == nil {
			t.Fatalf("no %q in:\n%s", pattern, &out)
		}
		return m[1]
	}
	lines := strings.Fields(string(key))
	return server{
		predictive: address(`Predictive API +(http://[^/\s]+)`), gateway: address(`Unified gateway +(http://[^/\s]+)`),
		key: lines[len(lines)-1],
	}
}

// TestClients runs each script against a fresh server, directly and through the
// gateway.
func TestClients(t *testing.T) {
	python, program := environment(t)
	for _, script := range []string{"sync_client", "strict_client", "async_client", "websocket_client"} {
		t.Run(script, func(t *testing.T) {
			t.Run("direct", func(t *testing.T) { run(t, python, script+".py", serve(t, program).predictive) })
			t.Run("gateway", func(t *testing.T) { run(t, python, script+".py", serve(t, program).gateway) })
		})
	}
	t.Run("database_client", func(t *testing.T) {
		s := serve(t, program)
		run(t, python, "database_client.py", s.gateway, s.key)
	})
}

// TestOpenAPI lints the served documents with the specification's own schema.
func TestOpenAPI(t *testing.T) {
	python, program := environment(t)
	s := serve(t, program)
	for _, base := range []string{s.predictive, s.gateway} {
		run(t, python, "-c", `
import sys, requests
from openapi_spec_validator import validate
validate(requests.get(sys.argv[1] + "/openapi.json").json())
`, base)
	}
}

// TestSchemathesis holds both ports against their documents by generated
// requests, good and bad, with a key. (That each keyed route refuses one without
// is TestKeyedRoutes of the gateway: guessing keys is slowed down, which would
// leave the rest untested.) `make schemathesis` does it at length, by
// PERFCAST_EXAMPLES.
func TestSchemathesis(t *testing.T) {
	python, program := environment(t)
	s := serve(t, program)
	st := filepath.Join(filepath.Dir(python), "schemathesis")
	examples := os.Getenv("PERFCAST_EXAMPLES")
	if examples == "" {
		examples = "2"
	}
	config, err := filepath.Abs("../../schemathesis.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{s.predictive, s.gateway} {
		command := exec.CommandContext(t.Context(), st, "--config-file", config, "run", base+"/openapi.json",
			"--max-examples", examples, "--no-color", "--exclude-checks", "ignored_auth", "-H", "X-API-Key: "+s.key)
		command.Dir = t.TempDir() // it keeps a cache where it runs
		out, err := command.CombinedOutput()
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s", out)
	}
}

func run(t *testing.T, python string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, args...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v\n%s", args, err, out)
		return
	}
	t.Logf("%s", out)
}
