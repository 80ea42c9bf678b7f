// Package program starts the real program for tests.
package program

import (
	"bytes"
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

// Output is what a server printed so far.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is all of it.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Await waits until a server has said that it is ready, and gives its
// addresses: that of a face it does not have is empty. ended tells if it ends
// instead.
func Await(t testing.TB, out *Output, ended <-chan error) (predictive, gateway string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(out.String(), "Ready"); {
		select {
		case err := <-ended:
			t.Fatalf("the server does not start: %v\n%s", err, out)
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("the server does not get ready:\n%s", out)
		}
	}
	find := func(pattern *regexp.Regexp) string {
		if m := pattern.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		return ""
	}
	return find(predictiveAt), find(gatewayAt)
}

var (
	predictiveAt = regexp.MustCompile(`Predictive API +(http://[^/\s]+)`)
	gatewayAt    = regexp.MustCompile(`Unified gateway +(http://\S+)`)
)

// root is the top of the repository, from any package of it.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("there is no go.mod above")
	return ""
}

// Binary is the program: the one that PERFCAST_BIN names, as `make test` does,
// or one that is built now.
func Binary(t testing.TB) string {
	t.Helper()
	if binary := os.Getenv("PERFCAST_BIN"); binary != "" {
		return binary
	}
	binary := filepath.Join(t.TempDir(), "perfcast")
	if out, err := exec.Command("go", "build", "-o", binary, root(t)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// Python is the interpreter of the environment that `make test` makes, or the
// one that PERFCAST_PYTHON names; empty where there is neither.
func Python(t testing.TB) string {
	t.Helper()
	if python := os.Getenv("PERFCAST_PYTHON"); python != "" {
		return python
	}
	python := filepath.Join(root(t), ".venv", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return ""
	}
	return python
}

// Server is the program, running on ports and a database of its own.
type Server struct {
	Predictive, Gateway string
	Key                 string // an API key of all scopes
}

// Start runs the program, and ends it with the test: it must end by itself, with
// success, soon after SIGTERM.
func Start(t testing.TB, binary string, args ...string) Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "perf.duckdb")
	key, err := exec.Command(binary, "key", "create", "--db-path", file, "--name", "ci", "--scope", "admin").Output()
	if err != nil {
		t.Fatalf("key create: %v", err)
	}
	var out Output
	cmd := exec.Command(binary, append([]string{"--predictive-port", "0", "--gateway-port", "0", "--db-path", file}, args...)...)
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
	lines := strings.Fields(string(key))
	s := Server{Key: lines[len(lines)-1]}
	s.Predictive, s.Gateway = Await(t, &out, ended)
	return s
}
