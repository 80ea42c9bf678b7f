package main

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
)

// TestImportAtStart starts twice with an old database and a folder of reports.
func TestImportAtStart(t *testing.T) {
	dir := t.TempDir()
	old, reports := filepath.Join(dir, "old.duckdb"), filepath.Join(dir, "reports")
	d, err := sql.Open("duckdb", old)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Exec(`CREATE TABLE hardware_platforms(hardware_id VARCHAR, hardware_type VARCHAR, device_name VARCHAR);
		CREATE TABLE models(model_id VARCHAR, model_name VARCHAR);
		CREATE TABLE performance_results(result_id VARCHAR, model_id VARCHAR, hardware_id VARCHAR, batch_size INTEGER, average_latency_ms FLOAT, simulation_mode BOOLEAN);
		INSERT INTO hardware_platforms VALUES ('h', 'cuda', 'NVIDIA T4'); INSERT INTO models VALUES ('m', 'resnet-50');
		INSERT INTO performance_results VALUES ('1', 'm', 'h', 8, 31.5, false), ('2', 'm', 'h', 16, 1, true);`); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(reports, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.json": `{"model":"resnet-50","device":"NVIDIA T4","platform":"cuda","batch_size":16,"latency_ms":62}`, "b.json": `{`} {
		if err := os.WriteFile(filepath.Join(reports, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	none := func(string) string { return "" }
	args := []string{"--db", filepath.Join(dir, "perf.duckdb"), "--benchmark-db", old, "--benchmark-dir", reports}
	for _, want := range []string{
		"Measurements in " + old + ": 1 imported, 0 there already, 1 left out\n  left out 1: simulated, not measured\n" +
			"Measurements in " + reports + ": 1 imported, 0 there already, 0 left out\n  skipped \"b.json\": it printed no JSON report\n",
		"Measurements in " + old + ": 0 imported, 1 there already, 1 left out\n  left out 1: simulated, not measured\n" +
			"Measurements in " + reports + ": 0 imported, 1 there already, 0 left out\n  skipped \"b.json\": it printed no JSON report\n",
	} {
		c, err := parse(args, none, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(slog.New(slog.DiscardHandler))
		if err := s.openApp(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := s.importBenchmarks(context.Background(), c, &out); err != nil {
			t.Error(err)
		}
		if out.String() != want {
			t.Errorf("it says\n%swant\n%s", &out, want)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImportThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--benchmark-db " + dir + "/none.duckdb": "no such file",
		"--benchmark-db " + file:                 "no DuckDB database",
		"--benchmark-db " + dir + "/perf.duckdb": "in this process already",
		"--benchmark-dir " + file:                "not a directory",
	} {
		var out, errs bytes.Buffer
		code := serveMain(context.Background(), strings.Fields("--port 0 --predictive-only --db "+dir+"/perf.duckdb "+args), &out, &errs)
		if code != 1 || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), want) || !strings.Contains(errs.String(), args[:len("--benchmark-d")]) {
			t.Errorf("%q: exit %d, %q", args, code, &errs)
		}
	}
	started(t, "--benchmark-dir", filepath.Join(dir, "not-yet")) // the benchmark component makes it
}
