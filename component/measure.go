package component

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

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

	Mode           string   `json:"mode,omitempty"`
	Sequence       int      `json:"sequence_length,omitempty"`
	Output         int      `json:"output_length,omitempty"`
	Image          int      `json:"image_size,omitempty"`
	Threads        int      `json:"threads,omitempty"`
	Layout         string   `json:"layout,omitempty"`
	Runtime        string   `json:"runtime,omitempty"`
	RuntimeVersion string   `json:"runtime_version,omitempty"`
	LatencyLow     *float64 `json:"latency_ms_low,omitempty"` // quartiles of the repeats
	LatencyHigh    *float64 `json:"latency_ms_high,omitempty"`
	TTFT           *float64 `json:"ttft_ms,omitempty"`
	TPOT           *float64 `json:"tpot_ms,omitempty"`
	OutputRate     *float64 `json:"output_tokens_per_second,omitempty"`
	Measurement    *string  `json:"measurement_id"` // null when it was not recorded
	Note           string   `json:"note,omitempty"`

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
func (t *benchmark) do(ctx context.Context, q benchmarkPlan, s step) (*benchmarkResults, error) {
	if len(q.Models) == 0 {
		if !slices.Contains(q.Hardware, "cpu") {
			return nil, errors.New("name the models to measure: without models only the cpu is measured")
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
		return nil, errors.New(res.Failed[0].Error)
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

// Complete fills in what the report of a benchmark that ran elsewhere leaves
// open, and refuses one that does not say what was measured. command is what
// the measurement is said to come from.
func (m *Measured) Complete(command string) error {
	if !SafeModel(m.Model) {
		return perf.Invalid("model", "%q is not a name that can be used: it must match %s", shorten(m.Model), names["model"])
	}
	if m.Platform == "" && m.Device == "" {
		return perf.Invalid("platform", "is needed, or a device")
	}
	m.fill(Values{Model: m.Model, BatchSize: 1, Precision: "fp32", Device: m.Platform}, command)
	return nil
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
		Mode: m.Mode, Sequence: m.SequenceLength, Output: m.OutputLength, Image: m.ImageSize, Threads: m.Threads, Layout: m.Layout,
		Runtime: m.Runtime, RuntimeVersion: m.RuntimeVersion, LatencyLow: m.LatencyLow, LatencyHigh: m.LatencyHigh,
		TTFT: m.TTFT, TPOT: m.TPOT, OutputRate: m.Output, Environment: m.Environment}
}

// known reports whether the case has been measured before.
func (t *benchmark) known(ctx context.Context, v Values) bool {
	if t.App == nil {
		return false
	}
	q := app.Query{Limit: 1}.Where("measurement_source", app.Eq, perf.SourceBenchmark).Where("model_name", app.Eq, t.canonical(v.Model)).
		Where("batch_size", app.Eq, v.BatchSize).Where("precision", app.Eq, v.Precision)
	if slices.Contains(perf.RESTPlatforms, perf.Platform(v.Device)) {
		q = q.Where("hardware_platform", app.Eq, v.Device)
	} else {
		q = q.Where("device", app.Eq, v.Device)
	}
	page, err := t.App.Measurements(ctx, q)
	return err == nil && len(page.Rows) > 0
}

func rowOfMeasurement(m *perf.Measurement) benchmarkRow {
	return benchmarkRow{Model: m.Model, Family: nullable(m.Family), Hardware: string(m.Platform), Device: nullable(m.Device), Case: m.Environment["case"],
		Batch: m.BatchSize, Precision: string(m.Precision), Throughput: m.Throughput, Latency: times(m.Latency, 1/perf.Millisecond),
		Memory: times(m.Memory, 1/perf.MB), Created: stamp(m.Time),
		Mode: string(m.Mode), Sequence: m.SequenceLength, Output: m.OutputLength, Image: m.ImageSize, Threads: m.Threads, Layout: m.Layout,
		Runtime: m.Runtime, RuntimeVersion: m.RuntimeVersion, OutputRate: m.OutputTokensPerSec,
		TTFT: times(m.TTFT, 1/perf.Millisecond), TPOT: times(m.TPOT, 1/perf.Millisecond), Measurement: &m.ID, Note: m.Reason, Environment: m.Environment}
}
