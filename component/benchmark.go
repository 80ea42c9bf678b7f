package component

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// benchmarkRequest is the body of POST run. A single model or batch may stand
// for a list. Without models, the CPU benchmarks of this binary run, and
// calibrate the device "this machine".
type benchmarkRequest struct {
	Priority    *string             `json:"priority,omitempty" doc:"kept and shown; one benchmark runs at a time, in order"`
	Hardware    several[deviceName] `json:"hardware,omitempty" maxlen:"100" doc:"platforms or devices; the CPU where it is left out" example:"[\"cpu\"]"`
	Models      several[modelName]  `json:"models,omitempty" maxlen:"1000" itemlen:"200" example:"[\"bert-base-uncased\"]"`
	Model       several[modelName]  `json:"model_name,omitempty" maxlen:"1000" itemlen:"200" doc:"the same as models"`
	BatchSizes  several[int]        `json:"batch_sizes,omitempty" min:"1" max:"1000000" maxlen:"1000" doc:"1 and 8 where it is left out" example:"[1,8]"`
	BatchSize   several[int]        `json:"batch_size,omitempty" min:"1" max:"1000000" maxlen:"1000" doc:"the same as batch_sizes"`
	Precision   word                `json:"precision,omitempty" default:"fp32" example:"\"fp32\""`
	Progressive *bool               `json:"progressive_mode,omitempty" doc:"accepted: progress is always told"`
	Incremental *bool               `json:"incremental,omitempty" doc:"leave out what has been measured before"`
	Benchmark   *string             `json:"benchmark,omitempty" maxlen:"200" doc:"one of GET commands, by name; the first that measures the hardware where it is left out"`
}

const maxCases = 1000 // of one run

// benchmarkPlan is a request with what it leaves open filled in; it is what is
// stored, and shown as the run's config.
type benchmarkPlan struct {
	Priority    string   `json:"priority"`
	Hardware    []string `json:"hardware"`
	Models      []string `json:"models"`
	BatchSizes  []int    `json:"batch_sizes"`
	Precision   string   `json:"precision"`
	Progressive bool     `json:"progressive_mode"`
	Incremental bool     `json:"incremental"`
	Benchmark   string   `json:"benchmark,omitempty"`
}

// benchmarkStarted is the answer to POST run.
type benchmarkStarted struct {
	ID string `json:"run_id"`
	started
}

// benchmark is the component that measures.
type benchmark struct {
	base[benchmarkStatus, benchmarkRunRow]
}

func newBenchmark(o Options) part {
	t := &benchmark{newBase[benchmarkStatus, benchmarkRunRow](o, perf.ComponentBenchmark, 1)} // two at once would measure each other
	t.about = "Runs the operator's benchmark commands, and records what they measure."
	t.noun, t.list = "Benchmark run", "runs"
	t.status, t.row = t.statusOf, t.rowOf
	return t.part(append(t.reportRoutes(),
		openapi.Handle(openapi.Route{Method: "POST", Path: "/run", ID: "Run", Summary: "Measure models, or without any calibrate this machine's CPU",
			Statuses: starting, Doc: "Only commands that the operator has listed are run. What they measure is recorded."}, t.run),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/results/{id}", ID: "Results", Summary: "What a completed run measured", Statuses: unfinished}, t.results),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/query", ID: "Query", Summary: "Measurements of benchmarks, the newest first"}, t.query),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/commands", ID: "Commands", Summary: "The commands that a run may use"}, t.commands),
	)...)
}

func (t *benchmark) run(_ context.Context, q benchmarkRequest) (benchmarkStarted, error) {
	plan, err := q.plan()
	if err != nil {
		return benchmarkStarted{}, err
	}
	run := perf.Run{Hardware: plan.Hardware, Kind: plan.Benchmark}
	if len(plan.Models) == 1 {
		run.Model = t.canonical(plan.Models[0])
	}
	id, s, err := t.begin(run, plan, true, "Benchmark run started", func(ctx context.Context, id string, s step) (any, error) {
		res, err := t.do(ctx, plan, s)
		if err == nil {
			err = t.write(id, res)
		}
		return res, err
	})
	return benchmarkStarted{id, s}, err
}

// plan fills in what a request leaves open.
func (q *benchmarkRequest) plan() (benchmarkPlan, error) {
	p := benchmarkPlan{
		Priority: "high", Hardware: texts(q.Hardware, "cpu"), Models: unique(append(texts(q.Models), texts(q.Model)...)),
		BatchSizes: append(slices.Clone(value(q.BatchSizes)), value(q.BatchSize)...), Precision: string(q.Precision),
		Progressive: value(q.Progressive), Incremental: value(q.Incremental), Benchmark: value(q.Benchmark),
	}
	if q.Priority != nil {
		p.Priority = *q.Priority
	}
	if len(p.BatchSizes) == 0 {
		p.BatchSizes = []int{1, 8}
	}
	if n := len(p.Models) * len(p.Hardware) * len(p.BatchSizes); n > maxCases {
		return p, perf.Invalid("models", "times hardware and batch_sizes are %d cases; run at most %d at once", n, maxCases)
	}
	slices.Sort(p.BatchSizes)
	p.BatchSizes = slices.Compact(p.BatchSizes)
	return p, nil
}

// benchmarkStatus is the body of GET status/{id}.
type benchmarkStatus struct {
	ID       string         `json:"run_id"`
	Status   perf.RunStatus `json:"status"`
	Progress float64        `json:"progress" doc:"0 to 1"`
	Step     string         `json:"current_step"`
	Started  *string        `json:"start_time"`
	timing
	Completed int     `json:"completed_models"`
	Total     int     `json:"total_models"`
	Error     *string `json:"error"`
}

// statusOf counts a model as completed when all of its cases are done: the
// cases are measured model by model.
func (t *benchmark) statusOf(r *perf.Run) benchmarkStatus {
	models := len(t.modelsOf(r))
	return benchmarkStatus{r.ID, r.Status, r.Progress, r.Step, stamp(r.Started), timingOf(r, t.Now()),
		int(r.Progress*float64(models) + 1e-9), models, nullable(r.Error)}
}

// benchmarkRunRow is a run as the documented table has it, with what it
// measured first of the model that is looked at.
type benchmarkRunRow struct {
	ID         string          `json:"run_id"`
	Name       string          `json:"test_name"`
	Type       string          `json:"test_type"`
	Model      *string         `json:"model_name"`
	Hardware   []string        `json:"hardware"`
	Status     perf.RunStatus  `json:"status"`
	Progress   float64         `json:"progress"`
	Started    *string         `json:"started_at"`
	Completed  *string         `json:"completed_at"`
	Duration   *float64        `json:"execution_time_seconds"`
	Success    bool            `json:"success"`
	Error      *string         `json:"error"`
	Config     json.RawMessage `json:"metadata" doc:"the request"`
	Results    int             `json:"results" doc:"how many there are"`
	Throughput *float64        `json:"throughput"`
	*benchmarkFirst
}

// benchmarkFirst is a measurement in a row of runs.
type benchmarkFirst struct {
	Batch     int      `json:"batch_size"`
	Precision string   `json:"precision"`
	Platform  string   `json:"hardware_type"`
	Latency   *float64 `json:"latency_ms"`
	Memory    *float64 `json:"memory_mb"`
}

func (t *benchmark) rowOf(r *perf.Run, model string) benchmarkRunRow {
	if model == "" {
		model = r.Model
	}
	row := benchmarkRunRow{ID: r.ID, Name: "benchmark", Type: r.Kind, Model: nullable(model), Hardware: r.Hardware, Status: r.Status, Progress: r.Progress,
		Started: stamp(r.Started), Completed: stamp(r.Completed), Duration: duration(r), Success: r.Status == perf.RunCompleted,
		Error: nullable(r.Error), Config: raw(r.Config)}
	var res benchmarkResults
	_ = json.Unmarshal(r.Result, &res)
	row.Results = len(res.Rows)
	i := slices.IndexFunc(res.Rows, func(x benchmarkRow) bool { return model == "" || t.canonical(x.Model) == t.canonical(model) })
	if i >= 0 {
		x := res.Rows[i]
		row.Throughput, row.benchmarkFirst = x.Throughput, &benchmarkFirst{x.Batch, x.Precision, x.Hardware, x.Latency, x.Memory}
	}
	return row
}

// benchmarkOutcome is the body of GET results/{id}.
type benchmarkOutcome struct {
	ID        string          `json:"run_id"`
	Status    perf.RunStatus  `json:"status"`
	Config    json.RawMessage `json:"config" doc:"the request"`
	Started   *string         `json:"start_time"`
	Completed *string         `json:"completion_time"`
	Rows      []benchmarkRow  `json:"results"`
	Failed    []benchmarkFail `json:"failed"`
	Machine   *calibration    `json:"machine" doc:"of a run that calibrated it"`
	Result    *guideResult    `json:"result,omitempty" doc:"the first of the results, as the guide's client reads it"`
}

// guideResult is what the guide's snippet hands on.
type guideResult struct {
	Metrics guideMetrics `json:"metrics"`
}

type guideMetrics struct {
	Throughput *float64 `json:"throughput"`
	Latency    *float64 `json:"latency"`
	Memory     *float64 `json:"memory_usage"`
}

func (t *benchmark) results(ctx context.Context, in runID) (benchmarkOutcome, error) {
	r, err := t.completed(ctx, in)
	if err != nil {
		return benchmarkOutcome{}, err
	}
	res := benchmarkResults{Rows: []benchmarkRow{}, Failed: []benchmarkFail{}}
	err = json.Unmarshal(r.Result, &res)
	body := benchmarkOutcome{r.ID, r.Status, raw(r.Config), stamp(r.Started), stamp(r.Completed), res.Rows, res.Failed, res.Machine, nil}
	if len(res.Rows) > 0 {
		x := res.Rows[0]
		body.Result = &guideResult{guideMetrics{x.Throughput, x.Latency, x.Memory}}
	}
	return body, err
}

// queryParameters choose measurements of benchmarks.
type queryParameters struct {
	Model    string `json:"model,omitempty" doc:"under any of its names"`
	Hardware string `json:"hardware,omitempty"`
	Batch    *int   `json:"batch_size,omitempty" min:"1" max:"1000000"`
	Limit    int    `json:"limit,omitempty" default:"100" min:"1" max:"1000" doc:"most rows"`
}

func (t *benchmark) query(ctx context.Context, p queryParameters) ([]benchmarkRow, error) {
	rows := []benchmarkRow{}
	if t.App == nil {
		return rows, nil
	}
	q := app.Query{Limit: p.Limit}.Where("measurement_source", app.In, []string{perf.SourceBenchmark, perf.SourceBenchmarkDB})
	if p.Model != "" {
		q = q.Where("model_name", app.In, unique([]string{p.Model, t.canonical(p.Model)}))
	}
	if p.Hardware != "" {
		q = q.Where("hardware_platform", app.Eq, p.Hardware)
	}
	if p.Batch != nil {
		q = q.Where("batch_size", app.Eq, *p.Batch)
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

// commandList is the body of GET commands.
type commandList struct {
	Commands []knownCommand `json:"commands"`
	Count    int            `json:"count"`
}

type knownCommand struct {
	Name        string   `json:"name"`
	Hardware    []string `json:"hardware" doc:"what it measures; empty = anything"`
	Timeout     float64  `json:"timeout,omitempty" doc:"s"`
	Description string   `json:"description,omitempty"`
}

// commands is GET commands: what a request may choose from.
func (t *benchmark) commands(context.Context, openapi.None) (commandList, error) {
	cs, err := LoadCommands(t.Config)
	if err != nil {
		return commandList{}, err
	}
	list := []knownCommand{{Hardware: []string{"cpu"}, Description: "without models: the CPU benchmarks of this binary"}}
	for _, c := range cs.Benchmark {
		list = append(list, knownCommand{Name: c.Name, Hardware: append([]string{}, c.Hardware...), Timeout: c.Timeout.Seconds()})
	}
	return commandList{list, len(list)}, nil
}
