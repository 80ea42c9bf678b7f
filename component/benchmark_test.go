//go:build unix

package component

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/component/cpubench"
	"github.com/perfcast/perfcast/perf"
)

const benchCommands = `
commands:
  benchmark:
    - name: fake-clock   # a command under test, not a measurement that is shown to anybody
      argv: [sh, -c, 'echo "{\"progress\":0.5,\"message\":\"half\"}"; sleep 0.05; printf "{\"latency_ms\":%s,\"throughput\":50,\"memory_mb\":700,\"runtime\":\"onnxruntime\",\"environment\":{\"argv\":\"$1 $2\"}}" 20', sh, "{model}", "{batch_size}"]
      hardware: [cpu]
    - name: broken
      argv: [sh, -c, 'echo "no such library" >&2; exit 3']
      hardware: [cuda]
    - name: slow
      argv: [sleep, "60"]
      hardware: [rocm]
      timeout: 200ms
`

func TestBenchmarkRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reports")
	s := serve(t, Options{App: apptest.New(t), Reports: dir}, benchCommands)
	// The guide's client names one model, one hardware, one batch.
	id := s.begin("/api/benchmark/run", `{"model_name":"bert-base-uncased","hardware":"cpu","batch_size":8}`)
	st := s.end("benchmark", id)
	for _, key := range []string{"run_id", "status", "progress", "current_step", "start_time", "elapsed_time", "estimated_remaining_time", "completed_models", "total_models", "error"} {
		if _, ok := st[key]; !ok {
			t.Errorf("status lacks %s", key)
		}
	}
	if st["status"] != "completed" || st["progress"] != 1.0 || st["completed_models"] != 1.0 || st["total_models"] != 1.0 {
		t.Fatalf("%v", st)
	}
	res := s.get("/api/benchmark/results/" + id)
	row := res["results"].([]any)[0].(map[string]any)
	if row["model_name"] != "bert-base-uncased" || row["average_latency_ms"] != 20.0 || row["throughput_items_per_second"] != 50.0 ||
		row["memory_peak_mb"] != 700.0 || row["simulation_mode"] != false || row["measurement_id"] == nil || row["batch_size"] != 8.0 {
		t.Fatalf("%v", res)
	}
	if m := res["result"].(map[string]any)["metrics"].(map[string]any); m["throughput"] != 50.0 || m["latency"] != 20.0 || m["memory_usage"] != 700.0 {
		t.Errorf("the guide's metrics: %v", m)
	}
	// It is a measurement now, in SI units, with the environment it ran in.
	m, err := s.app.MeasurementByID(context.Background(), row["measurement_id"].(string))
	if err != nil || *m.Latency != 0.02 || *m.Memory != 7e8 || m.Source != "benchmark" || m.Runtime != "onnxruntime" ||
		m.Environment["command"] != "fake-clock" || m.Environment["argv"] != "bert-base-uncased 8" {
		t.Fatalf("%+v, %v", m, err)
	}
	if q := s.rows("/api/benchmark/query?model=bert-base-uncased&hardware=cpu&batch_size=8&limit=5"); len(q) != 1 || q[0]["average_latency_ms"] != 20.0 {
		t.Errorf("query: %v", q)
	}
	if q := s.rows("/api/benchmark/query?hardware=cuda"); len(q) != 0 {
		t.Errorf("query: %v", q)
	}
	// What was imported from the old suite's database is found like its own.
	latency := 0.0315
	old := perf.Measurement{ID: "meas-old", Config: perf.Config{Model: "resnet-50", Platform: perf.CUDA, Device: "NVIDIA T4", Precision: perf.FP32, Mode: perf.Inference, BatchSize: 8, SequenceLength: 1, Devices: 1}, Latency: &latency, Source: perf.SourceBenchmarkDB}
	if in, err := s.app.Import(context.Background(), []perf.Measurement{old}); err != nil || in.Stored != 1 {
		t.Fatalf("%+v, %v", in, err)
	}
	if q := s.rows("/api/benchmark/query?hardware=cuda"); len(q) != 1 || q[0]["average_latency_ms"] != 31.5 {
		t.Errorf("query: %v", q)
	}
	if rows := s.rows("/api/benchmark/db/runs?model_name=bert-base-uncased&limit=10"); len(rows) != 1 || rows[0]["throughput"] != 50.0 || rows[0]["status"] != "completed" {
		t.Errorf("db/runs: %v", rows)
	}
	if rows := s.rows("/api/benchmark/db/models/stats"); len(rows) != 1 || rows[0]["total_runs"] != 1.0 || rows[0]["completed_runs"] != 1.0 {
		t.Errorf("stats: %v", rows)
	}
	if rep := s.get("/api/benchmark/reports"); rep["count"] != 1.0 {
		t.Errorf("reports: %v", rep)
	}
	if rep := s.get("/api/benchmark/reports/" + id + ".json"); rep["results"] == nil {
		t.Errorf("report: %v", rep)
	}
	if code, _, _ := s.do("GET", "/api/benchmark/query?limit=abc", ""); code != 422 {
		t.Errorf("limit=abc: %d", code)
	}
}

func TestBenchmarkFailures(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, benchCommands)
	for body, want := range map[string]string{
		`{"models":["gpt2"],"hardware":["cuda"]}`:                      "no such library",
		`{"models":["gpt2"],"hardware":["rocm"],"batch_sizes":[1]}`:    "longer than its timeout",
		`{"models":["gpt2"],"hardware":["mps"]}`:                       "no benchmark command is configured",
		`{"models":["gpt2"],"hardware":["cpu"],"benchmark":"nothing"}`: "no benchmark command is configured",
		`{"hardware":["cuda"]}`:                                        "name the models",
	} {
		st := s.end("benchmark", s.begin("/api/benchmark/run", body))
		if st["status"] != "error" || !strings.Contains(fmt.Sprint(st["error"]), want) {
			t.Errorf("%s: %v", body, st)
		}
		if code, _, _ := s.do("GET", "/api/benchmark/results/"+st["run_id"].(string), ""); code != 400 {
			t.Errorf("results of a failed run: %d", code)
		}
	}
	// A model is found under any of its names, and called as it was asked for.
	st0 := s.end("benchmark", s.begin("/api/benchmark/run", `{"models":["resnet-50"],"hardware":"cpu","batch_sizes":1}`))
	row := s.get("/api/benchmark/results/" + st0["run_id"].(string))["results"].([]any)[0].(map[string]any)
	if row["model_name"] != "resnet-50" {
		t.Errorf("%v", row)
	}
	for _, name := range []string{"resnet-50", "microsoft/resnet-50"} {
		if rows := s.rows("/api/benchmark/db/runs?model_name=" + name); len(rows) != 1 || rows[0]["throughput"] != 50.0 {
			t.Errorf("%s: %v", name, rows)
		}
		if rows := s.rows("/api/benchmark/query?model=" + name); len(rows) != 1 {
			t.Errorf("%s: %v", name, rows)
		}
	}
	// What fails leaves the rest.
	st := s.end("benchmark", s.begin("/api/benchmark/run", `{"models":["gpt2","bert-base-uncased"],"hardware":["cpu","cuda"],"batch_sizes":[1,2]}`))
	res := s.get("/api/benchmark/results/" + st["run_id"].(string))
	if len(res["results"].([]any)) != 4 || len(res["failed"].([]any)) != 4 {
		t.Errorf("%v", res)
	}
	if rows := s.rows("/api/benchmark/db/runs?model_name=gpt2&status=completed"); len(rows) != 1 || rows[0]["model_name"] != "gpt2" {
		t.Errorf("a run of several models: %v", rows)
	}
	if n := len(s.rows("/api/benchmark/query")); n != 5 {
		t.Errorf("%d measurements: a failed case was recorded", n)
	}
}

func TestCalibration(t *testing.T) {
	old := cpuOptions
	cpuOptions = cpubench.Options{Repeats: 3, Bytes: 8 << 20, Sizes: []int{64}, Batches: []int{1}, Least: time.Millisecond}
	defer func() { cpuOptions = old }()
	s := serve(t, Options{App: apptest.New(t)}, "")
	id := s.begin("/api/benchmark/run", `{}`)
	if st := s.end("benchmark", id); st["status"] != "completed" {
		t.Fatalf("%v", st)
	}
	res := s.get("/api/benchmark/results/" + id)
	if m := res["machine"].(map[string]any); m["calibrated"] != true || m["peak_fp32_gflops"].(float64) <= 0 {
		t.Fatalf("%v", m)
	}
	d, err := s.app.Device(cpubench.ThisMachine, perf.CPU)
	if err != nil || d.FP32 <= 0 || d.MemoryBandwidth <= 0 || !d.Custom {
		t.Fatalf("%+v, %v", d, err)
	}
	row := res["results"].([]any)[0].(map[string]any)
	if row["measurement_id"] == nil || row["device_name"] != d.Name {
		t.Fatalf("%v", row)
	}
	c := app.DefaultConfig()
	c.Model, c.Device = "bert-base-uncased", cpubench.ThisMachine
	if p, err := s.app.Predict(context.Background(), c); err != nil || p.Device != d.Name {
		t.Fatalf("%+v, %v", p, err)
	}
}

func TestPostedReport(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, "")
	code, v, text := s.do("POST", "/api/benchmark/report", `{"model":"gpt2","platform":"cpu","runtime":"onnxruntime","precision":"fp32","batch_size":2,
		"results":[{"case":"prefill","latency_ms":50,"throughput":40,"ttft_ms":50},{"case":"decode","tpot_ms":9,"output_length":1}]}`)
	if code != 200 || v["count"] != 2.0 {
		t.Fatalf("%d %s", code, text)
	}
	row := v["results"].([]any)[1].(map[string]any)
	if row["measurement_id"] == nil || row["tpot_ms"] != 9.0 {
		t.Errorf("%v", row)
	}
	for _, bad := range []string{`{}`, `{"model":"gpt2","latency_ms":1}`, `{"model":"$(id)","platform":"cpu","latency_ms":1}`, `{"model":"gpt2","platform":"cpu","latency_ms":-1}`} {
		if code, _, text := s.do("POST", "/api/benchmark/report", bad); code != 422 {
			t.Errorf("%s: %d %s", bad, code, text)
		}
	}
}

// Without a database, runs are kept in memory and nothing claims to be recorded.
func TestWithoutDatabase(t *testing.T) {
	s := serve(t, Options{}, benchCommands)
	id := s.begin("/api/benchmark/run", `{"models":["gpt2"],"hardware":"cpu","batch_sizes":1}`)
	if st := s.end("benchmark", id); st["status"] != "completed" {
		t.Fatalf("%v", st)
	}
	row := s.get("/api/benchmark/results/" + id)["results"].([]any)[0].(map[string]any)
	if row["measurement_id"] != nil || row["average_latency_ms"] != 20.0 {
		t.Errorf("%v", row)
	}
	if rows := s.rows("/api/benchmark/db/runs?model_name=gpt2"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
}
