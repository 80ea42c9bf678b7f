package component

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

// benchmarkRequest is the body of POST /api/benchmark/run. A single model or
// batch may stand for a list. Without models, the CPU benchmarks of this binary
// run, and calibrate the device "this machine".
type benchmarkRequest struct {
	Priority    string  `json:"priority"`
	Hardware    texts   `json:"hardware"`
	Models      texts   `json:"models"`
	Model       texts   `json:"model_name,omitempty"`
	BatchSizes  numbers `json:"batch_sizes"`
	BatchSize   numbers `json:"batch_size,omitempty"`
	Precision   string  `json:"precision"`
	Progressive bool    `json:"progressive_mode"`
	Incremental bool    `json:"incremental"` // leave out what has been measured before
	Benchmark   string  `json:"benchmark,omitempty"`
}

const maxCases = 1000 // of one run

// benchmark is the component that measures.
type benchmark struct{ *base }

func newBenchmark(b *base) http.Handler {
	t := &benchmark{b}
	b.noun, b.id, b.list = "Benchmark run", "run_id", "runs"
	b.status, b.row = t.statusOf, t.rowOf
	mux := http.NewServeMux()
	b.routes(mux)
	mux.HandleFunc("POST /api/benchmark/run", t.run)
	mux.HandleFunc("POST /api/benchmark/report", t.posted)
	mux.HandleFunc("GET /api/benchmark/results/{id}", b.completed(t.results))
	mux.HandleFunc("GET /api/benchmark/models", b.models)
	mux.HandleFunc("GET /api/benchmark/hardware", b.hardware)
	mux.HandleFunc("GET /api/benchmark/query", t.query)
	mux.HandleFunc("GET /api/benchmark/commands", t.commands)
	mux.HandleFunc("GET /api/benchmark/reports", t.reports)
	mux.HandleFunc("GET /api/benchmark/reports/{name...}", t.report)
	return mux
}

func (t *benchmark) run(w http.ResponseWriter, r *http.Request) {
	q := benchmarkRequest{Priority: "high", Precision: "fp32"}
	if !decode(w, r, &q) {
		return
	}
	run, err := t.accept(&q)
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	t.begin(w, run, q, true, "Benchmark run started", func(ctx context.Context, id string, s step) (any, error) {
		res, err := t.do(ctx, q, s)
		if err == nil {
			err = t.write(id, res)
		}
		return res, err
	})
}

// accept checks a request and fills in what it leaves open.
func (t *benchmark) accept(q *benchmarkRequest) (perf.Run, error) {
	q.Models = unique(append(q.Models, q.Model...))
	q.BatchSizes = append(q.BatchSizes, q.BatchSize...)
	q.Model, q.BatchSize = nil, nil
	if q.Hardware = unique(q.Hardware); len(q.Hardware) == 0 {
		q.Hardware = texts{"cpu"}
	}
	if len(q.BatchSizes) == 0 {
		q.BatchSizes = numbers{1, 8}
	}
	for _, c := range []struct {
		field, kind string
		values      []string
	}{{"models", "model", q.Models}, {"hardware", "device", q.Hardware}, {"precision", "precision", []string{q.Precision}}} {
		if err := checkNames(c.field, c.kind, c.values...); err != nil {
			return perf.Run{}, err
		}
	}
	for _, n := range q.BatchSizes {
		if n < 1 || n > 1_000_000 {
			return perf.Run{}, perf.Invalid("batch_sizes", "must be 1 to 1000000, not %d", n)
		}
	}
	if n := len(q.Models) * len(q.Hardware) * len(q.BatchSizes); n > maxCases {
		return perf.Run{}, perf.Invalid("models", "times hardware and batch_sizes are %d cases; run at most %d at once", n, maxCases)
	}
	slices.Sort(q.BatchSizes)
	q.BatchSizes = slices.Compact(q.BatchSizes)
	run := perf.Run{Hardware: q.Hardware, Kind: q.Benchmark}
	if len(q.Models) == 1 {
		run.Model = t.canonical(q.Models[0])
	}
	return run, nil
}

// benchmarkRow is a result as the documented tables have it.
type benchmarkRow struct {
	Model      string   `json:"model_name"`
	Family     *string  `json:"model_family"`
	Hardware   string   `json:"hardware_type"`
	Device     *string  `json:"device_name"`
	Case       string   `json:"test_case"`
	Batch      int      `json:"batch_size"`
	Precision  string   `json:"precision"`
	Throughput *float64 `json:"throughput_items_per_second"`
	Latency    *float64 `json:"average_latency_ms"`
	Memory     *float64 `json:"memory_peak_mb"`
	Simulated  bool     `json:"simulation_mode"` // never
	Created    *string  `json:"created_at"`

	Sequence    int      `json:"sequence_length,omitempty"`
	Output      int      `json:"output_length,omitempty"`
	Runtime     string   `json:"runtime,omitempty"`
	LatencyLow  *float64 `json:"latency_ms_low,omitempty"` // quartiles of the repeats
	LatencyHigh *float64 `json:"latency_ms_high,omitempty"`
	TTFT        *float64 `json:"ttft_ms,omitempty"`
	TPOT        *float64 `json:"tpot_ms,omitempty"`
	Measurement *string  `json:"measurement_id"` // null when it was not recorded
	Note        string   `json:"note,omitempty"`

	Environment map[string]string `json:"environment,omitempty"`
}

// benchmarkResults is what a benchmark run ends with.
type benchmarkResults struct {
	Rows    []benchmarkRow  `json:"results"`
	Failed  []benchmarkFail `json:"failed,omitempty"`
	Skipped int             `json:"skipped,omitempty"` // measured before, and incremental
	Machine *calibration    `json:"machine,omitempty"`
}

// benchmarkFail is a case that could not be measured.
type benchmarkFail struct {
	Model    string `json:"model_name"`
	Hardware string `json:"hardware_type"`
	Batch    int    `json:"batch_size"`
	Error    string `json:"error"`
}

// do measures every case. One that fails is told of and leaves the others;
// when none succeeds the run has failed.
func (t *benchmark) do(ctx context.Context, q benchmarkRequest, s step) (*benchmarkResults, error) {
	if len(q.Models) == 0 {
		if !slices.Contains(q.Hardware, "cpu") {
			return nil, fmt.Errorf("name the models to measure: without models only the cpu is measured")
		}
		return t.calibrate(ctx, s)
	}
	commands, err := LoadCommands(t.Config)
	if err != nil {
		return nil, err
	}
	res := &benchmarkResults{Rows: []benchmarkRow{}}
	total, done := float64(len(q.Models)*len(q.Hardware)*len(q.BatchSizes)), 0.0
	for _, model := range q.Models {
		for _, hw := range q.Hardware {
			for _, batch := range q.BatchSizes {
				v := Values{Model: model, BatchSize: batch, Precision: q.Precision, Device: hw}
				at := func(p Progress) {
					s((done+p.Fraction)/total, fmt.Sprintf("%s on %s, batch %d: %s", model, hw, batch, p.Message))
				}
				at(Progress{Message: "starting"})
				if q.Incremental && t.known(ctx, v) {
					res.Skipped++
				} else if rows, err := t.one(ctx, commands.Benchmark, q.Benchmark, v, at); err != nil {
					if cause := context.Cause(ctx); cause != nil {
						return nil, cause
					}
					res.Failed = append(res.Failed, benchmarkFail{model, hw, batch, clip(err.Error())})
				} else {
					res.Rows = append(res.Rows, rows...)
				}
				done++
			}
		}
	}
	if len(res.Rows) == 0 && len(res.Failed) > 0 {
		return nil, fmt.Errorf("%s", res.Failed[0].Error)
	}
	return res, nil
}

// one runs the command for one case and records what it measured.
func (t *benchmark) one(ctx context.Context, commands []Command, name string, v Values, progress func(Progress)) ([]benchmarkRow, error) {
	i := slices.IndexFunc(commands, func(c Command) bool { return (name == "" || c.Name == name) && c.serves(v.Device, "") })
	if i < 0 {
		return nil, fmt.Errorf("no benchmark command is configured that measures %s%s: list one under commands.benchmark in the configuration file", v.Device, named(name))
	}
	c := &commands[i]
	argv, err := c.Expand(v)
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	o, err := c.run(ctx, argv, progress)
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	ms, err := ParseReport(o.Stdout)
	if o.Exit != 0 {
		why := exitMessage(o)
		if err != nil && len(o.Stdout) > 0 {
			why = err.Error() + "; " + why
		}
		return nil, fmt.Errorf("command %s: %s", c.Name, why)
	}
	if err != nil {
		return nil, fmt.Errorf("command %s: %w", c.Name, err)
	}
	for i := range ms {
		ms[i].fill(v, c.Name)
	}
	return t.record(ctx, ms), nil
}

func named(name string) string {
	if name == "" {
		return ""
	}
	return " and is named " + name
}

// fill puts what was asked for where the report leaves it open.
func (m *Measured) fill(v Values, command string) {
	for _, s := range []struct {
		to   *string
		from string
	}{{&m.Model, v.Model}, {&m.Platform, v.Device}, {&m.Precision, v.Precision}, {&m.Mode, string(perf.Inference)}, {&m.Case, command}} {
		if *s.to == "" {
			*s.to = s.from
		}
	}
	if !slices.Contains(perf.RESTPlatforms, perf.Platform(m.Platform)) { // hardware was named by device
		if m.Device == "" {
			m.Device = m.Platform
		}
		m.Platform = ""
	}
	if m.BatchSize == 0 {
		m.BatchSize = v.BatchSize
	}
	env := map[string]string{"command": command}
	for k, x := range m.Environment {
		env[k] = x
	}
	m.Environment = env
}

// posted is POST report: the report of a benchmark that ran elsewhere, as the
// benchmark scripts send it with --post.
func (t *benchmark) posted(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	if !decode(w, r, &raw) {
		return
	}
	ms, err := ParseReport(raw)
	if err != nil {
		writeError(w, t.Log, perf.Invalid("", "%v", err))
		return
	}
	for i := range ms {
		if err := checkNames("model", "model", ms[i].Model); err != nil {
			writeError(w, t.Log, err)
			return
		}
		if ms[i].Platform == "" && ms[i].Device == "" {
			writeError(w, t.Log, perf.Invalid("platform", "is needed, or a device"))
			return
		}
		ms[i].fill(Values{Model: ms[i].Model, BatchSize: 1, Precision: "fp32", Device: ms[i].Platform}, "posted")
	}
	rows := t.record(r.Context(), ms)
	writeJSON(w, http.StatusOK, map[string]any{"results": rows, "count": len(rows)})
}

// record keeps measurements, and gives them as rows. One that the predictor
// has no use for stays a row, with a note that says why.
func (t *benchmark) record(ctx context.Context, ms []Measured) []benchmarkRow {
	rows := make([]benchmarkRow, len(ms))
	for i, m := range ms {
		x := m.Measurement()
		if x.SequenceLength == 0 {
			x.SequenceLength = app.DefaultConfig().SequenceLength
		}
		rows[i] = rowOfMeasured(&m, stamp(t.runs.clock()))
		id, err := t.keep(ctx, x)
		switch {
		case err != nil:
			rows[i].Note = "not recorded: " + perf.AsError(err).Error()
			t.Log.Warn("a measurement was not recorded", "model", m.Model, "error", err)
		case id != "":
			rows[i].Measurement = &id
		}
	}
	return rows
}

// keep records one measurement where measurements go; "" when nowhere.
func (t *benchmark) keep(ctx context.Context, m perf.Measurement) (id string, err error) {
	if t.App == nil {
		if t.Record == nil {
			return "", nil
		}
		ids, err := t.Record(ctx, []perf.Measurement{m})
		if err != nil || len(ids) == 0 {
			return "", err
		}
		return ids[0], nil
	}
	if m.Device != "" {
		if _, err := t.App.Device(m.Device, m.Platform); err != nil {
			m.Device = "" // the name is in the environment; the platform stands for the device
		}
	}
	rs, err := t.App.Record(ctx, app.MeasurementRequest{Measurement: m})
	if err != nil {
		return "", err
	}
	return rs[0].Measurement.ID, nil
}

func rowOfMeasured(m *Measured, created *string) benchmarkRow {
	hw := m.Platform
	if hw == "" {
		hw = m.Device
	}
	return benchmarkRow{Model: m.Model, Family: nullable(m.Family), Hardware: hw, Device: nullable(m.Device), Case: m.Case, Batch: m.BatchSize,
		Precision: m.Precision, Throughput: m.Throughput, Latency: m.Latency, Memory: m.Memory, Created: created,
		Sequence: m.SequenceLength, Output: m.OutputLength, Runtime: m.Runtime, LatencyLow: m.LatencyLow, LatencyHigh: m.LatencyHigh,
		TTFT: m.TTFT, TPOT: m.TPOT, Environment: m.Environment}
}

// known reports whether the case has been measured before.
func (t *benchmark) known(ctx context.Context, v Values) bool {
	if t.App == nil {
		return false
	}
	q := app.Query{Limit: 1}.Where("measurement_source", app.Eq, "benchmark").Where("model_name", app.Eq, t.canonical(v.Model)).
		Where("batch_size", app.Eq, v.BatchSize).Where("precision", app.Eq, v.Precision)
	if slices.Contains(perf.RESTPlatforms, perf.Platform(v.Device)) {
		q = q.Where("hardware_platform", app.Eq, v.Device)
	} else {
		q = q.Where("device", app.Eq, v.Device)
	}
	page, err := t.App.Measurements(ctx, q)
	return err == nil && len(page.Rows) > 0
}

// statusOf counts a model as completed when all of its cases are done: the
// cases are measured model by model.
func (t *benchmark) statusOf(r *perf.Run) any {
	spent, rest := elapsed(r, t.Now())
	models := len(t.modelsOf(r))
	m := map[string]any{"run_id": r.ID, "status": r.Status, "progress": r.Progress, "current_step": r.Step, "start_time": stamp(r.Started),
		"elapsed_time": spent, "estimated_remaining_time": rest, "completed_models": int(r.Progress*float64(models) + 1e-9), "total_models": models,
		"error": nullable(r.Error)}
	return m
}

func (t *benchmark) rowOf(r *perf.Run, model string) any {
	if model == "" {
		model = r.Model
	}
	m := map[string]any{"run_id": r.ID, "test_name": "benchmark", "test_type": r.Kind, "model_name": nullable(model), "hardware": r.Hardware,
		"status": r.Status, "progress": r.Progress, "started_at": stamp(r.Started), "completed_at": stamp(r.Completed),
		"execution_time_seconds": duration(r), "success": r.Status == perf.RunCompleted, "error": nullable(r.Error), "metadata": r.Config}
	var res benchmarkResults
	if len(r.Result) > 0 && json.Unmarshal(r.Result, &res) == nil {
		for _, x := range res.Rows {
			if model == "" || t.canonical(x.Model) == t.canonical(model) {
				m["batch_size"], m["precision"], m["hardware_type"] = x.Batch, x.Precision, x.Hardware
				m["throughput"], m["latency_ms"], m["memory_mb"] = x.Throughput, x.Latency, x.Memory
				break
			}
		}
		m["results"] = len(res.Rows)
	}
	if _, ok := m["throughput"]; !ok {
		m["throughput"] = nil
	}
	return m
}

func (t *benchmark) results(w http.ResponseWriter, _ *http.Request, r *perf.Run) {
	var res benchmarkResults
	_ = json.Unmarshal(r.Result, &res)
	body := map[string]any{"run_id": r.ID, "status": r.Status, "config": r.Config, "start_time": stamp(r.Started), "completion_time": stamp(r.Completed),
		"results": res.Rows, "failed": res.Failed, "machine": res.Machine}
	if len(res.Rows) > 0 { // what the guide's snippet hands on
		x := res.Rows[0]
		body["result"] = map[string]any{"metrics": map[string]any{"throughput": x.Throughput, "latency": x.Latency, "memory_usage": x.Memory}}
	}
	writeJSON(w, http.StatusOK, body)
}

// query is GET query: the measurements of benchmarks, newest first.
func (t *benchmark) query(w http.ResponseWriter, r *http.Request) {
	rows, err := t.measured(r.Context(), r.URL.Query())
	if err != nil {
		refuse(w, t.Log, err)
		return
	}
	writeJSON(w, http.StatusOK, rows)
}

func (t *benchmark) measured(ctx context.Context, p url.Values) ([]benchmarkRow, error) {
	rows := []benchmarkRow{}
	limit, err := intParam(p, "limit", 100, 1, 1000)
	batch := 0
	if err == nil {
		batch, err = intParam(p, "batch_size", 0, 1, 1_000_000)
	}
	if err != nil || t.App == nil {
		return rows, err
	}
	q := app.Query{Limit: limit}.Where("measurement_source", app.Eq, "benchmark")
	if m := p.Get("model"); m != "" {
		q = q.Where("model_name", app.In, unique([]string{m, t.canonical(m)}))
	}
	if hw := p.Get("hardware"); hw != "" {
		q = q.Where("hardware_platform", app.Eq, hw)
	}
	if batch > 0 {
		q = q.Where("batch_size", app.Eq, batch)
	}
	page, err := t.App.Measurements(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, m := range page.Values() {
		rows = append(rows, rowOfMeasurement(&m))
	}
	return rows, nil
}

func rowOfMeasurement(m *perf.Measurement) benchmarkRow {
	return benchmarkRow{Model: m.Model, Family: nullable(m.Family), Hardware: string(m.Platform), Device: nullable(m.Device), Case: m.Environment["case"],
		Batch: m.BatchSize, Precision: string(m.Precision), Throughput: m.Throughput, Latency: times(m.Latency, 1/perf.Millisecond),
		Memory: times(m.Memory, 1/perf.MB), Created: stamp(m.Time), Sequence: m.SequenceLength, Output: m.OutputLength, Runtime: m.Runtime,
		TTFT: times(m.TTFT, 1/perf.Millisecond), TPOT: times(m.TPOT, 1/perf.Millisecond), Measurement: &m.ID, Note: m.Reason, Environment: m.Environment}
}

// commands is GET commands: what a request may choose from.
func (t *benchmark) commands(w http.ResponseWriter, _ *http.Request) {
	cs, err := LoadCommands(t.Config)
	if err != nil {
		writeError(w, t.Log, err)
		return
	}
	list := []map[string]any{{"name": "", "hardware": []string{"cpu"}, "description": "without models: the CPU benchmarks of this binary"}}
	for _, c := range cs.Benchmark {
		list = append(list, map[string]any{"name": c.Name, "hardware": append(texts{}, c.Hardware...), "timeout": c.Timeout / time.Second})
	}
	writeJSON(w, http.StatusOK, map[string]any{"commands": list, "count": len(list)})
}
