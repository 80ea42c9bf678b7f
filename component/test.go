package component

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

// testTypes are the documented kinds of tests, which perfcast has checks of
// its own for; operators may add others by their commands.
var testTypes = []struct{ name, description string }{
	{"basic", "the model and hardware are known, it can be predicted, and one sample fits in memory"},
	{"comprehensive", "basic, and the predictions for other batches and precisions agree with each other"},
	{"fault_tolerance", "requests that make no sense are refused, and change nothing"},
}

// testRequest is the body of POST /api/test/run.
type testRequest struct {
	Model    string   `json:"model_name"`
	Hardware texts    `json:"hardware"`
	Type     string   `json:"test_type"`
	Timeout  *float64 `json:"timeout"` // s
	Save     *bool    `json:"save_results"`
}

// test is the component that runs tests.
type test struct{ *base }

func newTest(b *base) http.Handler {
	t := &test{b}
	b.noun, b.id, b.list, b.cancelable = "Test run", "run_id", "runs", true
	b.status, b.row = t.statusOf, t.rowOf
	mux := http.NewServeMux()
	b.routes(mux)
	mux.HandleFunc("POST /api/test/run", t.run)
	mux.HandleFunc("GET /api/test/results/{id}", b.completed(t.results))
	mux.HandleFunc("GET /api/test/runs", func(w http.ResponseWriter, r *http.Request) {
		f, err := b.filterOf(r, "test_type")
		if err != nil {
			refuse(w, b.Log, err)
			return
		}
		list, err := b.runs.list(r.Context(), f)
		if err != nil {
			writeError(w, b.Log, err)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"runs": b.rows(list, f), "count": len(list)})
	})
	mux.HandleFunc("POST /api/test/cancel/{id}", b.of(func(w http.ResponseWriter, r *http.Request, run *perf.Run) {
		was, err := b.runs.cancel(r.Context(), run.ID)
		if err != nil {
			writeError(w, b.Log, err)
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"run_id": run.ID, "cancelled": was})
	}))
	mux.HandleFunc("GET /api/test/models", b.models)
	mux.HandleFunc("GET /api/test/hardware", b.hardware)
	mux.HandleFunc("GET /api/test/types", t.types)
	mux.HandleFunc("GET /api/test/db/batches", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, []any{}) // no route makes batches of tests
	})
	return mux
}

func (t *test) run(w http.ResponseWriter, r *http.Request) {
	q := testRequest{Type: "basic"}
	if !decode(w, r, &q) {
		return
	}
	if q.Hardware = unique(q.Hardware); len(q.Hardware) == 0 {
		q.Hardware = texts{"cpu"}
	}
	within := 300 * time.Second
	if q.Timeout != nil {
		if !(*q.Timeout > 0 && *q.Timeout <= 86400) {
			writeError(w, t.Log, perf.Invalid("timeout", "must be more than 0 and at most 86400 seconds"))
			return
		}
		within = time.Duration(*q.Timeout * float64(time.Second))
	}
	err := checkNames("model_name", "model", q.Model)
	if err == nil {
		err = checkNames("hardware", "device", q.Hardware...)
	}
	if err == nil {
		err = checkNames("test_type", "precision", q.Type)
	}
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	run := perf.Run{Model: t.canonical(q.Model), Hardware: q.Hardware, Kind: q.Type}
	t.begin(w, run, q, q.Save == nil || *q.Save, "Test run started for "+q.Model, func(ctx context.Context, _ string, s step) (any, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, within, errTimeout)
		defer cancel()
		return t.do(ctx, q, s)
	})
}

// testResults is what a test run found.
type testResults struct {
	Passed  int                        `json:"tests_passed"`
	Failed  int                        `json:"tests_failed"`
	Skipped int                        `json:"tests_skipped"`
	Details []TestResult               `json:"test_details"`
	Metrics map[string]testPerformance `json:"performance_metrics"` // of the hardware that a command measured
}

// testPerformance is what a test command measured, if it reports so.
type testPerformance struct {
	Latency    *float64 `json:"latency_ms"`
	Throughput *float64 `json:"throughput_items_per_sec"`
	Memory     *float64 `json:"memory_mb"`
}

func (t *test) do(ctx context.Context, q testRequest, s step) (any, error) {
	commands, err := LoadCommands(t.Config)
	if err != nil {
		return nil, err
	}
	res := &testResults{Details: []TestResult{}, Metrics: map[string]testPerformance{}}
	for i, hw := range q.Hardware {
		part := func(f float64, doing string) { s((float64(i)+f)/float64(len(q.Hardware)), hw+": "+doing) }
		var tests []TestResult
		k := slices.IndexFunc(commands.Test, func(c Command) bool { return c.serves(hw, q.Type) })
		switch {
		case k >= 0:
			tests, err = t.command(ctx, &commands.Test[k], q, hw, res, part)
		default:
			tests, err = t.check(ctx, q, hw, part)
		}
		if err != nil {
			return nil, err
		}
		for j := range tests {
			tests[j].Hardware = hw
		}
		res.Details = append(res.Details, tests...)
	}
	for _, x := range res.Details {
		switch x.Status {
		case passed:
			res.Passed++
		case failed:
			res.Failed++
		case skipped:
			res.Skipped++
		}
	}
	return res, nil
}

// command runs a test command and reads its results.
func (t *test) command(ctx context.Context, c *Command, q testRequest, hw string, res *testResults, s step) ([]TestResult, error) {
	dir, err := os.MkdirTemp("", "perfcast-test-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	report := filepath.Join(dir, "report.xml")
	argv, err := c.Expand(Values{Model: q.Model, BatchSize: 1, Precision: "fp32", Device: hw, Report: report})
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	s(0, "Running "+c.Name)
	o, err := c.run(ctx, argv, func(p Progress) { s(p.Fraction, p.Message) })
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	xml, err := readSmall(report)
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	if ms, err := ParseReport(o.Stdout); err == nil {
		res.Metrics[hw] = testPerformance{ms[0].Latency, ms[0].Throughput, ms[0].Memory}
	}
	return parseTests(c.Results, c.Name, o, xml)
}

// readSmall reads a regular file of at most maxOutput bytes; one that isn't
// there is empty.
func readSmall(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxOutput {
		return nil, fmt.Errorf("its report is no file of at most %d MiB", maxOutput>>20)
	}
	return os.ReadFile(path)
}

func (t *test) statusOf(r *perf.Run) any {
	spent, rest := elapsed(r, t.Now())
	m := map[string]any{"run_id": r.ID, "status": r.Status, "progress": r.Progress, "current_step": r.Step, "model_name": asked(r),
		"hardware": r.Hardware, "test_type": r.Kind, "started_at": stamp(r.Started), "elapsed_time": spent, "estimated_remaining_time": rest}
	if r.Error != "" {
		m["error"] = r.Error
	}
	return m
}

func (t *test) rowOf(r *perf.Run, _ string) any {
	var q testRequest
	_ = json.Unmarshal(r.Config, &q)
	m := map[string]any{"run_id": r.ID, "model_name": r.Model, "hardware": r.Hardware, "test_type": r.Kind, "timeout": q.Timeout,
		"status": r.Status, "progress": r.Progress, "current_step": r.Step, "started_at": stamp(r.Started), "completed_at": stamp(r.Completed),
		"duration": duration(r), "error": nullable(r.Error)}
	var res testResults
	if r.Status == perf.RunCompleted && json.Unmarshal(r.Result, &res) == nil {
		m["tests_passed"], m["tests_failed"], m["tests_skipped"] = res.Passed, res.Failed, res.Skipped
	}
	return m
}

func (t *test) results(w http.ResponseWriter, _ *http.Request, r *perf.Run) {
	writeJSON(w, http.StatusOK, map[string]any{"run_id": r.ID, "status": r.Status, "model_name": asked(r), "hardware": r.Hardware, "test_type": r.Kind,
		"started_at": stamp(r.Started), "completed_at": stamp(r.Completed), "duration": duration(r), "results": r.Result})
}

func (t *test) types(w http.ResponseWriter, _ *http.Request) {
	commands, err := LoadCommands(t.Config)
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	list := []map[string]any{}
	seen := map[string]bool{}
	for _, x := range testTypes {
		seen[x.name] = true
		list = append(list, map[string]any{"name": x.name, "description": x.description})
	}
	for _, c := range commands.Test {
		for _, name := range c.Types {
			if !seen[name] {
				seen[name] = true
				list = append(list, map[string]any{"name": name, "description": "command " + c.Name})
			}
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"types": list, "count": len(list)})
}

// asked is the model's name as the request has it.
func asked(r *perf.Run) string {
	var q struct {
		Model string `json:"model_name"`
	}
	if json.Unmarshal(r.Config, &q) != nil || q.Model == "" {
		return r.Model
	}
	return q.Model
}

// duration is how long an ended run took, in seconds; nil for another.
func duration(r *perf.Run) *float64 {
	if r.Completed.IsZero() {
		return nil
	}
	d := r.Completed.Sub(r.Started).Seconds()
	return &d
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// models is GET models: what the catalogue knows.
func (b *base) models(w http.ResponseWriter, _ *http.Request) {
	list := []map[string]any{}
	if b.App != nil {
		for _, m := range b.App.Models() {
			list = append(list, map[string]any{"name": m.Name, "family": m.Family, "parameters": m.Params})
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"models": list, "count": len(list)})
}

// hardware is GET hardware: the documented platforms, and the device that each
// stands for.
func (b *base) hardware(w http.ResponseWriter, _ *http.Request) {
	list := []map[string]any{}
	for _, p := range perf.RESTPlatforms {
		row := map[string]any{"name": p, "device": nil, "assumed": true}
		if b.App != nil {
			if d, isAssumed, err := b.App.DefaultDevice(p); err == nil {
				row["device"], row["assumed"] = d.Name, isAssumed
			}
		}
		list = append(list, row)
	}
	writeJSON(w, http.StatusOK, map[string]any{"hardware": list, "count": len(list)})
}

// on is the configuration of a model on hardware that a request names by
// platform or device.
func on(model, hardware string) perf.Config {
	c := app.DefaultConfig()
	c.Model = model
	if slices.Contains(perf.RESTPlatforms, perf.Platform(hardware)) {
		c.Platform = perf.Platform(hardware)
	} else {
		c.Device = hardware
	}
	return c
}
