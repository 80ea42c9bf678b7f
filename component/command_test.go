//go:build unix

package component

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestExpand(t *testing.T) {
	c := Command{Argv: []string{"bench", "--model={model}", "{batch_size}", "{precision}/{device}", "{unrelated", "{}"}}
	got, err := c.Expand(Values{Model: "facebook/opt-125m", BatchSize: 8, Precision: "fp16", Device: "cpu"})
	if err != nil || !slices.Equal(got, []string{"bench", "--model=facebook/opt-125m", "8", "fp16/cpu", "{unrelated", "{}"}) {
		t.Fatalf("%q, %v", got, err)
	}
	for _, bad := range []Values{
		{Model: "a; rm -rf /", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "$(id)", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "`id`", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "--help", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "a/../../etc/passwd", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "/etc/passwd", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "a\nb", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "a\x00b", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "{device}", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "", BatchSize: 1, Precision: "fp32", Device: "cpu"},
		{Model: "a", BatchSize: 0, Precision: "fp32", Device: "cpu"},
		{Model: "a", BatchSize: 1, Precision: "fp32 --x", Device: "cpu"},
		{Model: "a", BatchSize: 1, Precision: "fp32", Device: "-cpu"},
		{Model: "a", BatchSize: 1, Precision: "fp32", Device: "cpu;id"},
	} {
		if argv, err := c.Expand(bad); err == nil {
			t.Errorf("%+v became %q", bad, argv)
		}
	}
}

// Whatever a request holds, the program sees the operator's own number of
// arguments, and each value only inside the argument that asks for it.
func TestExpandProperty(t *testing.T) {
	c := Command{Argv: []string{"bench", "--model", "{model}", "{device}"}}
	rapid.Check(t, func(t *rapid.T) {
		v := Values{Model: rapid.String().Draw(t, "model"), BatchSize: 1, Device: rapid.StringMatching(`[ -~]{0,12}`).Draw(t, "device")}
		argv, err := c.Expand(v)
		if err != nil {
			return
		}
		if len(argv) != 4 || argv[2] != v.Model || argv[3] != v.Device || strings.HasPrefix(argv[2], "-") || strings.ContainsAny(argv[2]+argv[3], "\x00\n;|&$`<>'\"\\(){}") {
			t.Fatalf("%q", argv)
		}
	})
}

func TestParseCommands(t *testing.T) {
	good := "components: {test: builtin}\ncommands:\n  benchmark:\n    - {name: a, argv: [x, '{model}'], timeout: 90s, env: [A]}\n  test:\n    - {name: b, argv: [y], results: junit, types: [basic]}\n"
	cs, err := parseCommands("f", []byte(good))
	if err != nil || len(cs.Benchmark) != 1 || cs.Benchmark[0].Timeout != 90*time.Second || cs.Test[0].Results != FormatJUnit {
		t.Fatalf("%+v, %v", cs, err)
	}
	for text, want := range map[string]string{
		"{name: a, argv: []}":                 "no argv",
		"{argv: [x]}":                         "needs a name",
		"{name: 'a b', argv: [x]}":            "needs a name",
		"{name: a, argv: ['{model}']}":        "cannot come from a request",
		"{name: a, argv: [x, '{modle}']}":     "no placeholder",
		"{name: a, argv: [x], results: xml}":  "none of",
		"{name: a, argv: [x], timeout: soon}": "no duration",
		"{name: a, argv: [x], shell: true}":   "shell",
		"{name: a, argv: 'sh -c {model}'}":    "argv",
	} {
		if _, err := parseCommands("f", []byte("commands: {benchmark: ["+text+"]}")); err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), "unmarshal") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func command(script string) Command {
	return Command{Name: "c", Argv: []string{"sh", "-c", script, "sh", "{model}"}, Timeout: 10 * time.Second}
}

// The value arrives as one argument, byte for byte, and no shell reads it.
func TestRunPassesValuesAsArguments(t *testing.T) {
	dir := t.TempDir()
	c := command(`printf '%s|%s' "$#" "$1"`)
	c.Dir = dir
	argv, err := c.Expand(Values{Model: "org/model:v1@main"})
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.run(context.Background(), argv, func(Progress) {})
	if err != nil || string(o.Stdout) != "1|org/model:v1@main" {
		t.Fatalf("%q, %v", o.Stdout, err)
	}
	// Even past the check, "$( )" is only text to the program.
	o, err = c.run(context.Background(), []string{"printf", "%s", "$(touch pwned); `touch pwned`"}, func(Progress) {})
	if err != nil || string(o.Stdout) != "$(touch pwned); `touch pwned`" {
		t.Fatalf("%q, %v", o.Stdout, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pwned")); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a shell ran")
	}
}

func TestRunProgressAndResult(t *testing.T) {
	c := command(`echo '{"progress": 0.25, "message": "warm-up"}'; echo words; echo '{"progress": 0.5}' >&2; echo oops >&2; echo '{"latency_ms": 3}'; exit 4`)
	var seen []Progress
	o, err := c.run(context.Background(), c.Argv, func(p Progress) { seen = append(seen, p) })
	if err != nil || o.Exit != 4 || string(o.Stdout) != "words\n{\"latency_ms\": 3}\n" || o.Errors != "oops\n" {
		t.Fatalf("%+v, %v", o, err)
	}
	if len(seen) != 2 || !slices.Contains(seen, Progress{0.25, "warm-up"}) {
		t.Fatalf("%v", seen)
	}
}

func TestRunLimits(t *testing.T) {
	c := command(`sleep 30`)
	c.Timeout = 200 * time.Millisecond
	start := time.Now()
	if _, err := c.run(context.Background(), c.Argv, func(Progress) {}); !errors.Is(err, errTimeout) || time.Since(start) > 8*time.Second {
		t.Errorf("timeout: %v after %v", err, time.Since(start))
	}
	c = command(`yes 0123456789 | head -c 20000000; sleep 30`)
	if o, err := c.run(context.Background(), c.Argv, func(Progress) {}); err == nil || !strings.Contains(err.Error(), "wrote more") || len(o.Stdout) > maxOutput {
		t.Errorf("too much output: %v, %d bytes", err, len(o.Stdout))
	}
	c = command(`head -c 3000000 /dev/zero >&2; echo end >&2`)
	if o, err := c.run(context.Background(), c.Argv, func(Progress) {}); err != nil || len(o.Errors) > maxErrors || !strings.HasSuffix(o.Errors, "end\n") {
		t.Errorf("much on standard error: %v, %d bytes", err, len(o.Errors))
	}
	c.Argv = []string{"/no/such/program"}
	if _, err := c.run(context.Background(), c.Argv, func(Progress) {}); err == nil {
		t.Error("a program that isn't there ran")
	}
}

func TestRunEnvironment(t *testing.T) {
	t.Setenv("PERFCAST_API_KEY", "secret")
	t.Setenv("ALLOWED", "yes")
	c := command(`env`)
	c.Env = []string{"ALLOWED"}
	o, err := c.run(context.Background(), c.Argv, func(Progress) {})
	if err != nil || strings.Contains(string(o.Stdout), "secret") || !strings.Contains(string(o.Stdout), "ALLOWED=yes") {
		t.Fatalf("%s, %v", o.Stdout, err)
	}
}

func FuzzParseProgress(f *testing.F) {
	f.Add([]byte(`{"progress": 0.5, "message": "x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, ok := parseProgress(b); ok && (p.Fraction < 0 || p.Fraction > 1 || !json.Valid([]byte(strings.TrimSpace(string(b))))) {
			t.Errorf("%q: %+v", b, p)
		}
	})
}
