package component

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/perfcast/perfcast/perf"
)

// Measured is what a benchmark command reports of one case, in the units that
// people read: times in ms, memory in MB (10^6 bytes), rates in 1/s. A command
// prints one JSON object; what its cases share may stand once, at the top:
//
//	{"model": "bert-base-uncased", "platform": "cpu", "runtime": "onnxruntime", "precision": "fp32",
//	 "batch_size": 8, "sequence_length": 128, "environment": {"cpu": "..."},
//	 "results": [{"case": "forward", "latency_ms": 41.2, "latency_ms_low": 40.8, "latency_ms_high": 42.0,
//	              "throughput": 194.2, "memory_mb": 812.0, "warmup": 3, "repeats": 20}]}
//
// The latency is the median of the repeats, low and high their quartiles.
type Measured struct {
	Case   string `json:"case,omitempty" example:"\"forward\""`
	Model  string `json:"model,omitempty" maxlen:"200" example:"\"bert-base-uncased\""`
	Family string `json:"family,omitempty"`

	Platform       string `json:"platform,omitempty" doc:"one of GET hardware" example:"\"cpu\""`
	Device         string `json:"device,omitempty"`
	Runtime        string `json:"runtime,omitempty"`
	RuntimeVersion string `json:"runtime_version,omitempty"`
	Precision      string `json:"precision,omitempty"`
	Mode           string `json:"mode,omitempty"`
	BatchSize      int    `json:"batch_size,omitempty" min:"0" max:"1000000000"`
	SequenceLength int    `json:"sequence_length,omitempty" min:"0" max:"1000000000"`
	OutputLength   int    `json:"output_length,omitempty" min:"0" max:"1000000000"`
	ImageSize      int    `json:"image_size,omitempty" min:"0" max:"1000000000"`
	Threads        int    `json:"threads,omitempty" min:"0" max:"1000000000"`
	Layout         string `json:"layout,omitempty"`
	Warmup         int    `json:"warmup,omitempty" min:"0" max:"1000000000"`
	Repeats        int    `json:"repeats,omitempty" min:"0" max:"1000000000"`

	Latency     *float64 `json:"latency_ms,omitempty" over:"0" max:"1000000000000"`
	LatencyLow  *float64 `json:"latency_ms_low,omitempty" over:"0" max:"1000000000000"`
	LatencyHigh *float64 `json:"latency_ms_high,omitempty" over:"0" max:"1000000000000"`
	Throughput  *float64 `json:"throughput,omitempty" over:"0" max:"1000000000000"`
	Memory      *float64 `json:"memory_mb,omitempty" over:"0" max:"1000000000000"`
	TTFT        *float64 `json:"ttft_ms,omitempty" over:"0" max:"1000000000000"`
	TPOT        *float64 `json:"tpot_ms,omitempty" over:"0" max:"1000000000000"`
	Output      *float64 `json:"output_tokens_per_second,omitempty" over:"0" max:"1000000000000"`

	Environment map[string]string `json:"environment,omitempty"`
}

// ParseReport reads the report of a benchmark command: the last JSON object
// that it printed, on however many lines.
func ParseReport(b []byte) ([]Measured, error) {
	b, err := lastObject(b)
	if err != nil {
		return nil, err
	}
	var top struct {
		Measured
		Results []json.RawMessage `json:"results"`
		Error   string            `json:"error"`
	}
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, fmt.Errorf("its report is not as expected: %w", err)
	}
	if top.Error != "" {
		return nil, fmt.Errorf("it reports: %s", clip(top.Error))
	}
	if top.Results == nil {
		top.Results = []json.RawMessage{[]byte("{}")}
	}
	var out []Measured
	for i, r := range top.Results {
		m := top.Measured
		if err := json.Unmarshal(r, &m); err != nil {
			return nil, fmt.Errorf("its result %d is not as expected: %w", i, err)
		}
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("its result %d: %w", i, err)
		}
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("its report has no results")
	}
	return out, nil
}

// lastObject finds the last text that is a whole JSON object and begins a line.
func lastObject(b []byte) ([]byte, error) {
	for end := len(b); ; {
		i := bytes.LastIndexByte(b[:end], '{')
		if i < 0 {
			return nil, fmt.Errorf("it printed no JSON report")
		}
		if i == 0 || b[i-1] == '\n' {
			if o := bytes.TrimSpace(b[i:]); json.Valid(o) {
				return o, nil
			}
		}
		end = i
	}
}

// check refuses what cannot have been measured.
func (m *Measured) check() error {
	some := false
	for _, v := range []struct {
		name  string
		value *float64
	}{{"latency_ms", m.Latency}, {"throughput", m.Throughput}, {"memory_mb", m.Memory}, {"ttft_ms", m.TTFT},
		{"tpot_ms", m.TPOT}, {"output_tokens_per_second", m.Output}, {"latency_ms_low", m.LatencyLow}, {"latency_ms_high", m.LatencyHigh}} {
		if v.value == nil {
			continue
		}
		if !perf.Finite(*v.value) || *v.value <= 0 {
			return fmt.Errorf("%s %v is not positive", v.name, *v.value)
		}
		some = true
	}
	if !some {
		return fmt.Errorf("it holds no measurement")
	}
	return nil
}

// Measurement is the report as the domain keeps it.
func (m *Measured) Measurement() perf.Measurement {
	env := map[string]string{}
	for k, v := range m.Environment {
		env[k] = v
	}
	for k, n := range map[string]int{"warmup": m.Warmup, "repeats": m.Repeats} {
		if n > 0 {
			env[k] = strconv.Itoa(n)
		}
	}
	for k, x := range map[string]*float64{"latency_ms_low": m.LatencyLow, "latency_ms_high": m.LatencyHigh} {
		if x != nil {
			env[k] = strconv.FormatFloat(*x, 'g', 6, 64)
		}
	}
	if m.Case != "" {
		env["case"] = m.Case
	}
	if m.Device != "" {
		env["device"] = m.Device
	}
	return perf.Measurement{
		Config: perf.Config{
			Model: m.Model, Family: m.Family, Platform: perf.Platform(m.Platform), Device: m.Device,
			Runtime: m.Runtime, RuntimeVersion: m.RuntimeVersion, Precision: perf.Precision(m.Precision), Mode: perf.Mode(m.Mode),
			BatchSize: m.BatchSize, SequenceLength: m.SequenceLength, OutputLength: m.OutputLength, ImageSize: m.ImageSize,
			Threads: m.Threads, Layout: m.Layout,
		},
		Throughput: m.Throughput, Latency: times(m.Latency, perf.Millisecond), Memory: times(m.Memory, perf.MB),
		TTFT: times(m.TTFT, perf.Millisecond), TPOT: times(m.TPOT, perf.Millisecond), OutputTokensPerSec: m.Output,
		Source: perf.SourceBenchmark, Environment: env,
	}
}

func times(x *float64, k float64) *float64 {
	if x == nil {
		return nil
	}
	y := *x * k
	return &y
}
