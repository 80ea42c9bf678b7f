package resolvers

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// secretOnly lets the holder of one key do anything.
func secretOnly(_ context.Context, key string, _ bool) error {
	if key != "secret" {
		return errors.New("wrong key")
	}
	return nil
}

// The conformance suites and clients that people use, from npm, against the
// real face.
func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Node.js; skipped by -short")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: GraphQL clients from npm are not tested")
	}
	dir, err := filepath.Abs("../test/js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		run(t, dir, "npm", "ci", "--no-audit", "--no-fund", "--silent")
	}
	open := newFace(t, Options{})
	gated := newFace(t, Options{Authorize: secretOnly, InitTimeout: 500 * time.Millisecond})
	t.Setenv("PERFCAST_GRAPHQL", open.url)
	t.Setenv("PERFCAST_GRAPHQL_GATED", gated.url)
	for _, suite := range []string{"audit", "ws", "apollo", "sse"} {
		t.Run(suite, func(t *testing.T) { run(t, dir, node, "--test", "--test-timeout=60000", suite+".test.mjs") })
	}
}

// run runs a command that must succeed.
func run(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
