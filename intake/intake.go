// Package intake reads what was measured before there was a perfcast: the
// database of the old benchmark suite, and folders of benchmark reports. What
// it finds goes through the same verb as any measurement that is recorded.
//
// A measurement's id is made of what was measured, so that it is the same
// wherever and however often it is read.
package intake

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

// Found is what a source holds.
type Found struct {
	Measurements []perf.Measurement
	LeftOut      map[string]int // why, and how many
	Skipped      []string       // files that are no reports: which, and why
}

// Why a row is left out without asking anyone.
const (
	simulated  = "simulated, not measured"
	noModel    = "without a model"
	noHardware = "without hardware"
	noValue    = "without a throughput, latency or memory"
)

// row is a result as the old suite's tables have it, and as the benchmark
// component writes it: rates in 1/s, times in ms, memory in MB (10^6 bytes).
type row struct {
	Model      string   `json:"model_name"`
	Family     string   `json:"model_family"`
	Hardware   string   `json:"hardware_type"`
	Device     string   `json:"device_name"`
	Case       string   `json:"test_case"`
	Batch      int      `json:"batch_size"`
	Precision  string   `json:"precision"`
	Throughput *float64 `json:"throughput_items_per_second"`
	Latency    *float64 `json:"average_latency_ms"`
	Memory     *float64 `json:"memory_peak_mb"`
	Simulated  bool     `json:"simulation_mode"`
	Created    string   `json:"created_at"`

	// What only the component writes.
	Mode           string   `json:"mode"`
	Sequence       int      `json:"sequence_length"`
	Output         int      `json:"output_length"`
	Image          int      `json:"image_size"`
	Threads        int      `json:"threads"`
	Layout         string   `json:"layout"`
	Runtime        string   `json:"runtime"`
	RuntimeVersion string   `json:"runtime_version"`
	TTFT           *float64 `json:"ttft_ms"`
	TPOT           *float64 `json:"tpot_ms"`
	OutputRate     *float64 `json:"output_tokens_per_second"`
	ID             string   `json:"measurement_id"`

	Environment map[string]string `json:"environment"`
}

// add takes in a row, or counts why not. from is where it was found.
func (f *Found) add(r *row, source, from string) {
	m := r.measurement(source)
	switch {
	case r.Simulated:
		f.LeftOut[simulated]++
	case m.Model == "":
		f.LeftOut[noModel]++
	case m.Platform == "" && m.Device == "":
		f.LeftOut[noHardware]++
	default:
		f.keep(m, r.ID, from)
	}
}

// keep takes in a measurement under the id that it has from us already, or
// under one that is made of it.
func (f *Found) keep(m perf.Measurement, id, from string) {
	if m.Throughput == nil && m.Latency == nil && m.Memory == nil && m.TTFT == nil && m.TPOT == nil && m.OutputTokensPerSec == nil {
		f.LeftOut[noValue]++
		return
	}
	if m.ID = id; !ours(id) {
		m.ID = identify(m)
	}
	m.Environment["imported_from"] = from // not part of the id: a copy is the same
	f.Measurements = append(f.Measurements, m)
}

// ours reports whether an id is of the kind that recording gives.
func ours(id string) bool {
	bare, found := strings.CutPrefix(id, "meas-")
	_, err := uuid.Parse(bare)
	return found && err == nil && len(bare) == 36
}

// namespace of the ids below; a random one, never to be changed.
var namespace = uuid.MustParse("6f1d9a52-7a0e-4a5b-9c1e-2f0b54c3d7e8")

// identify makes an id of all that a measurement says.
func identify(m perf.Measurement) string {
	text, err := json.Marshal(struct {
		Config                                          string
		Throughput, Latency, Memory, TTFT, TPOT, Output *float64
		Environment                                     map[string]string
	}{m.Key(), m.Throughput, m.Latency, m.Memory, m.TTFT, m.TPOT, m.OutputTokensPerSec, m.Environment})
	if err != nil { // a NaN: nothing that will be stored
		text = []byte(m.Key())
	}
	return "meas-" + uuid.NewSHA1(namespace, text).String()
}

// measurement is the row in the domain's terms. The old suite wrote 0 for what
// it did not measure.
func (r *row) measurement(source string) perf.Measurement {
	env := map[string]string{}
	for k, v := range r.Environment {
		env[k] = v
	}
	for k, v := range map[string]string{"case": r.Case, "measured_at": r.Created, "device": r.Device} {
		if v != "" {
			env[k] = v
		}
	}
	c := app.DefaultConfig()
	c.Model, c.Family, c.BatchSize = strings.TrimSpace(r.Model), r.Family, r.Batch
	c.OutputLength, c.ImageSize, c.Threads, c.Layout = r.Output, r.Image, r.Threads, r.Layout
	c.Runtime, c.RuntimeVersion = r.Runtime, r.RuntimeVersion
	c.Platform, c.Device = hardware(r)
	if r.Sequence > 0 {
		c.SequenceLength = r.Sequence
	}
	if p := precision(r.Precision); p != "" {
		c.Precision = p
	}
	if r.Mode != "" {
		c.Mode = perf.Mode(r.Mode)
	} else if strings.Contains(strings.ToLower(r.Case), string(perf.Training)) {
		c.Mode = perf.Training
	}
	return perf.Measurement{Config: c, Throughput: measured(r.Throughput, 1), Latency: measured(r.Latency, perf.Millisecond),
		Memory: measured(r.Memory, perf.MB), TTFT: measured(r.TTFT, perf.Millisecond), TPOT: measured(r.TPOT, perf.Millisecond),
		OutputTokensPerSec: measured(r.OutputRate, 1), Source: source, Environment: env}
}

// hardware is the row's platform and device. A device that only repeats what the
// platform says is none: the platform stands for one, as in any request. The
// component names a device twice where it knows no platform.
func hardware(r *row) (perf.Platform, string) {
	platform, device := strings.TrimSpace(r.Hardware), strings.TrimSpace(r.Device)
	known := slices.Contains(perf.RESTPlatforms, perf.Platform(strings.ToLower(platform)))
	switch {
	case strings.EqualFold(device, platform) && !known:
		return "", device
	case strings.EqualFold(device, platform), strings.EqualFold(device, "unknown"):
		device = ""
	}
	return perf.Platform(strings.ToLower(platform)), device
}

func precision(s string) perf.Precision {
	s = strings.ToLower(strings.TrimSpace(s))
	switch s {
	case "float64":
		return perf.FP64
	case "float32":
		return perf.FP32
	case "float16", "half":
		return perf.FP16
	case "bfloat16":
		return perf.BF16
	}
	return perf.Precision(s)
}

func measured(x *float64, unit float64) *float64 {
	if x == nil || *x == 0 {
		return nil
	}
	y := *x * unit
	return &y
}
