// Package python_test runs Python's clients, requests, aiohttp and websockets,
// against the real program.
package python_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/perfcast/perfcast/test/program"
)

// environment is Python with the packages of requirements.txt, and the program,
// as `make test` makes both.
func environment(t *testing.T) (python, binary string) {
	t.Helper()
	if testing.Short() {
		t.Skip("not short")
	}
	if python = program.Python(t); python == "" {
		t.Skip("no .venv with Python's clients: `make test` makes it where python3 is installed")
	}
	return python, program.Binary(t)
}

// TestClients runs each script against a fresh server, directly and through the
// gateway.
func TestClients(t *testing.T) {
	python, binary := environment(t)
	for _, script := range []string{"sync_client", "strict_client", "async_client", "websocket_client"} {
		t.Run(script, func(t *testing.T) {
			t.Run("direct", func(t *testing.T) { run(t, python, script+".py", program.Start(t, binary).Predictive) })
			t.Run("gateway", func(t *testing.T) { run(t, python, script+".py", program.Start(t, binary).Gateway) })
		})
	}
	t.Run("database_client", func(t *testing.T) {
		s := program.Start(t, binary)
		run(t, python, "database_client.py", s.Gateway, s.Key)
	})
}

// TestOpenAPI lints the served documents with the specification's own schema.
func TestOpenAPI(t *testing.T) {
	python, binary := environment(t)
	s := program.Start(t, binary)
	for _, base := range []string{s.Predictive, s.Gateway} {
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
	python, binary := environment(t)
	s := program.Start(t, binary)
	st := filepath.Join(filepath.Dir(python), "schemathesis")
	examples := os.Getenv("PERFCAST_EXAMPLES")
	if examples == "" {
		examples = "2"
	}
	config, err := filepath.Abs("../../schemathesis.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{s.Predictive, s.Gateway} {
		command := exec.CommandContext(t.Context(), st, "--config-file", config, "run", base+"/openapi.json",
			"--max-examples", examples, "--no-color", "--exclude-checks", "ignored_auth", "-H", "X-API-Key: "+s.Key)
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
