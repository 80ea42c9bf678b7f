package intake

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/perf"
)

var ctx = context.Background()

// oldSchema is what the old suite creates, as far as it is read.
const oldSchema = `
CREATE TABLE hardware_platforms(hardware_id VARCHAR PRIMARY KEY, hardware_type VARCHAR, device_name VARCHAR, platform VARCHAR, memory_gb FLOAT,
	simulation_mode BOOLEAN, simulation_warning VARCHAR, detection_timestamp TIMESTAMP);
CREATE TABLE models(model_id VARCHAR PRIMARY KEY, model_name VARCHAR, model_family VARCHAR, model_type VARCHAR, modality VARCHAR,
	parameters_million FLOAT, last_updated TIMESTAMP);
CREATE TABLE test_runs(run_id VARCHAR PRIMARY KEY, test_name VARCHAR, success BOOLEAN);
CREATE TABLE performance_results(result_id VARCHAR PRIMARY KEY, run_id VARCHAR, model_id VARCHAR, hardware_id VARCHAR, test_case VARCHAR,
	batch_size INTEGER, "precision" VARCHAR, throughput_items_per_second FLOAT, average_latency_ms FLOAT, memory_peak_mb FLOAT,
	simulation_mode BOOLEAN, simulation_details VARCHAR, metrics JSON, created_at TIMESTAMP);
INSERT INTO hardware_platforms(hardware_id, hardware_type, device_name, simulation_mode) VALUES
	('a100', 'CUDA', 'NVIDIA A100-SXM4-80GB', false), ('fake', 'webnn', NULL, true), ('odd', 'cuda', 'Wonder 9000', NULL), ('cpu', 'cpu', 'cpu', false);
INSERT INTO models(model_id, model_name, model_family) VALUES ('b', 'bert-base-uncased', 'embedding'), ('x', 'in-house-7', NULL);
INSERT INTO performance_results VALUES
	('1', 'r1', 'b', 'a100', 'embedding', 8, 'float16', 1234.5, 6.48, 812.25, false, NULL, '{"sequence_length": 64}', '2025-03-01 10:00:00'),
	('2', 'r1', 'b', 'cpu', 'embedding', 1, NULL, 121.5, 0, 0, NULL, NULL, NULL, '2025-03-01 10:01:00'),
	('3', 'r1', 'x', 'a100', 'embedding', 1, 'fp32', 100, 10, NULL, false, NULL, NULL, '2025-03-01 10:02:00'),
	('4', 'r1', 'b', 'a100', 'embedding', 8, 'fp16', 1e12, 6.5, NULL, false, NULL, NULL, '2025-03-01 10:03:00'),
	('5', 'r2', 'b', 'a100', 'embedding', 4, 'fp32', 500, 8, NULL, true, 'no GPU', NULL, '2025-03-01 10:04:00'),
	('6', 'r2', 'b', 'fake', 'embedding', 4, 'fp32', 500, 8, NULL, false, NULL, NULL, '2025-03-01 10:05:00'),
	('7', 'r2', 'gone', 'a100', 'embedding', 4, 'fp32', 500, 8, NULL, false, NULL, NULL, '2025-03-01 10:06:00'),
	('8', 'r2', 'b', 'gone', 'embedding', 4, 'fp32', 500, 8, NULL, false, NULL, NULL, '2025-03-01 10:07:00'),
	('9', 'r2', 'b', 'odd', 'embedding', 4, 'fp32', 500, 8, NULL, false, NULL, NULL, '2025-03-01 10:08:00'),
	('10', 'r2', 'b', 'a100', 'embedding', 4, 'fp32', NULL, 0, NULL, false, NULL, NULL, '2025-03-01 10:09:00'),
	('11', 'r2', 'b', 'a100', 'embedding', NULL, 'fp32', 500, 8, NULL, false, NULL, NULL, '2025-03-01 10:10:00');`

// oldDatabase makes a database file by these statements.
func oldDatabase(t *testing.T, statements string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old.duckdb")
	d, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Exec(statements); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func database(t *testing.T, path string) Found {
	t.Helper()
	f, err := Database(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func imports(t *testing.T, a *app.App, f Found) app.Imported {
	t.Helper()
	done, err := a.Import(ctx, f.Measurements)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func stored(t *testing.T, a *app.App) map[string]perf.Measurement {
	t.Helper()
	page, err := a.Measurements(ctx, app.Query{Limit: app.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]perf.Measurement{}
	for _, m := range page.Values() {
		out[m.ID] = m
	}
	return out
}

func TestOldDatabase(t *testing.T) {
	path := oldDatabase(t, oldSchema)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := database(t, path)
	if diff := cmp.Diff(map[string]int{simulated: 2, noModel: 1, noHardware: 1, noValue: 1}, f.LeftOut); diff != "" {
		t.Error(diff)
	}
	a := apptest.New(t)
	done := imports(t, a, f)
	if done.Stored != 4 || done.Unlearned != 1 || done.Quarantined != 1 || done.Known != 0 {
		t.Errorf("%+v", done)
	}
	whys := slices.Sorted(maps.Keys(done.Refused))
	if len(whys) != 2 || !strings.HasPrefix(whys[0], "batch_size: ") || !strings.Contains(whys[1], "Wonder 9000") {
		t.Errorf("%q", whys)
	}
	var m perf.Measurement
	for _, x := range stored(t, a) {
		if x.Environment["result_id"] == "1" {
			m = x
		}
	}
	if m.Model != "bert-base-uncased" || m.Platform != perf.CUDA || !strings.Contains(m.Device, "A100") || m.Precision != perf.FP16 || m.BatchSize != 8 ||
		m.SequenceLength != 64 || m.Source != perf.SourceBenchmarkDB || m.Mode != perf.Inference {
		t.Errorf("%+v", m)
	}
	if *m.Throughput != 1234.5 || math.Abs(*m.Latency-6.48e-3) > 1e-15 || *m.Memory != 812.25e6 {
		t.Errorf("%v, %v, %v", *m.Throughput, *m.Latency, *m.Memory)
	}
	want := map[string]string{"result_id": "1", "run_id": "r1", "case": "embedding", "device": "NVIDIA A100-SXM4-80GB",
		"measured_at": "2025-03-01 10:00:00", "imported_from": "old.duckdb"}
	if diff := cmp.Diff(want, m.Environment); diff != "" {
		t.Error(diff)
	}
	compared, err := a.Errors(ctx, app.Query{Limit: 100}.Where("measurement_id", app.Eq, m.ID))
	if err != nil || len(compared.Rows) != 3 {
		t.Errorf("compared with the prediction in %d metrics, want 3; %v", len(compared.Rows), err)
	}
	if n := a.Predictor().Learned(); n != 2 { // the known models' two that can be
		t.Errorf("learned from %d measurements, want 2", n)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the old database was changed; %v", err)
	}
}

// A second start, and one with a copy under another name, import nothing.
func TestImportedOnce(t *testing.T) {
	path := oldDatabase(t, oldSchema)
	own := filepath.Join(t.TempDir(), "perf.duckdb")
	a, stop := apptest.Open(t, own)
	imports(t, a, database(t, path))
	first := stored(t, a)
	stop()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "copy.duckdb")
	if err := os.WriteFile(moved, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, moved} {
		a, stop := apptest.Open(t, own)
		done := imports(t, a, database(t, p))
		if done.Stored != 0 || done.Known != 4 {
			t.Errorf("%s: %+v", p, done)
		}
		if diff := cmp.Diff(first, stored(t, a)); diff != "" {
			t.Error(diff)
		}
		stop()
	}
}

// More rows than become durable together.
func TestManyRows(t *testing.T) {
	path := oldDatabase(t, oldSchema+`DELETE FROM performance_results; INSERT INTO performance_results
		SELECT CAST(i AS VARCHAR), 'r', 'b', 'a100', 'embedding', 8, 'fp16', 1000 + i / 100, 8, NULL, false, NULL, NULL, '2025-03-01' FROM range(2500) t(i);`)
	a := apptest.New(t)
	f := database(t, path)
	if done := imports(t, a, f); done.Stored != 2500 {
		t.Errorf("%+v", done)
	}
	if done := imports(t, a, f); done.Stored != 0 || done.Known != 2500 {
		t.Errorf("again: %+v", done)
	}
	if n := len(stored(t, a)); n != 2500 {
		t.Errorf("%d are stored", n)
	}
}

// An older version of the schema lacks what may be lacking.
func TestFewerColumns(t *testing.T) {
	path := oldDatabase(t, `CREATE TABLE hardware_platforms(hardware_id INTEGER, hardware_type VARCHAR);
		CREATE TABLE models(model_id INTEGER, model_name VARCHAR);
		CREATE TABLE performance_results(result_id INTEGER, model_id INTEGER, hardware_id INTEGER, batch_size INTEGER, average_latency_ms DOUBLE);
		INSERT INTO hardware_platforms VALUES (1, 'cuda'); INSERT INTO models VALUES (1, 'resnet-50');
		INSERT INTO performance_results VALUES (1, 1, 1, 2, 9.5);`)
	f := database(t, path)
	if len(f.Measurements) != 1 || f.Measurements[0].Model != "resnet-50" || *f.Measurements[0].Latency != 9.5e-3 {
		t.Errorf("%+v", f)
	}
}

func TestNoOldDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.duckdb")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.duckdb"): "no such file",
		dir:                               "directory",
		text:                              "no DuckDB database",
		oldDatabase(t, `CREATE TABLE t(i INTEGER)`): "no benchmark database",
	} {
		_, err := Database(ctx, path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", path, err, want)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	script = `{"model": "bert-base-uncased", "platform": "cpu", "runtime": "onnxruntime", "precision": "fp32", "sequence_length": 128,
		"results": [{"case": "forward", "batch_size": 1, "latency_ms": 41.2, "throughput": 24.3}, {"case": "forward", "batch_size": 8, "latency_ms": 300.5}]}`
	results = `{"results": [{"model_name": "gpt2", "hardware_type": "cuda", "device_name": "NVIDIA T4", "batch_size": 2, "precision": "fp16", "average_latency_ms": 12.5,
		"sequence_length": 32, "mode": "training", "threads": 0, "simulation_mode": false, "measurement_id": "meas-01890a5d-ac96-774b-bcce-b302099a8057"},
		{"model_name": "gpt2", "hardware_type": "cuda", "batch_size": 2, "average_latency_ms": 1, "simulation_mode": true}]}`
)

func TestFolder(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, dir, "script.json", script)
	write(t, dir, "2025/run.json", results)
	write(t, dir, "2025/deeper/run.json", script)
	write(t, dir, "broken.json", `{"model": "bert-base-uncased", `)
	write(t, dir, "settings.json", `{"editor": {"tabs": 4}}`)
	write(t, dir, "failed.json", `{"error": "no GPU"}`)
	write(t, dir, "big.json", strings.Repeat(" ", maxReport+1))
	write(t, dir, "notes.txt", script)
	write(t, elsewhere, "secret.json", strings.ReplaceAll(script, "bert-base-uncased", "gpt2"))
	for _, l := range [][2]string{{filepath.Join(elsewhere, "secret.json"), "link.json"}, {elsewhere, "folder"}, {"script.json", "again.json"}} {
		if err := os.Symlink(l[0], filepath.Join(dir, l[1])); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range f.Measurements {
		got = append(got, fmt.Sprint(m.Model, " ", m.Device, " ", m.Mode, " ", m.BatchSize, " ", *m.Latency, " ", m.Environment["imported_from"]))
	}
	if diff := cmp.Diff([]string{"gpt2 NVIDIA T4 training 2 0.0125 run.json", "bert-base-uncased  inference 1 0.0412 script.json",
		"bert-base-uncased  inference 8 0.3005 script.json"}, got); diff != "" {
		t.Error(diff)
	}
	if id := f.Measurements[0].ID; id != "meas-01890a5d-ac96-774b-bcce-b302099a8057" {
		t.Errorf("what was recorded as one measurement is now %s", id)
	}
	if f.LeftOut[simulated] != 1 || len(f.LeftOut) != 1 {
		t.Errorf("%v", f.LeftOut)
	}
	if len(f.Skipped) != 4 || !strings.HasPrefix(f.Skipped[0], `"big.json": `) || !strings.HasPrefix(f.Skipped[1], `"broken.json": `) ||
		!strings.Contains(f.Skipped[2], "no GPU") || !strings.HasPrefix(f.Skipped[3], `"settings.json": `) {
		t.Errorf("%q", f.Skipped)
	}
	a := apptest.New(t)
	if done := imports(t, a, f); done.Stored != 3 || len(done.Refused) != 0 {
		t.Errorf("%+v", done)
	}
	write(t, dir, "copy.json", script)
	if f, err = Folder(dir); err != nil || len(f.Measurements) != 5 {
		t.Fatalf("%d, %v", len(f.Measurements), err)
	}
	if done := imports(t, a, f); done.Stored != 0 || done.Known != 5 {
		t.Errorf("again: %+v", done)
	}
}

func FuzzRows(f *testing.F) {
	f.Add([]byte(script))
	f.Add([]byte(results))
	f.Add([]byte(`[{"model_name":"a","hardware_type":"b","average_latency_ms":1e308}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		found := Found{LeftOut: map[string]int{}}
		rows := rowsOf(text)
		for i := range rows {
			found.add(&rows[i], "benchmark", "x.json")
		}
		if rows == nil && found.report(text, "x.json") != nil && len(found.Measurements) > 0 {
			t.Error("a report that is refused left measurements")
		}
		for _, m := range found.Measurements {
			if !ours(m.ID) {
				t.Errorf("%q is no id", m.ID)
			}
			if _, err := json.Marshal(m.Environment); err != nil {
				t.Error(err)
			}
		}
	})
}
