package component

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/component/cpubench"
	"github.com/perfcast/perfcast/perf"
)

// calibration is what the CPU benchmarks of this binary found.
type calibration struct {
	Device     string            `json:"device"`
	CPU        string            `json:"cpu"`
	Cores      int               `json:"cores"`
	PeakFP32   float64           `json:"peak_fp32_gflops"`
	Bandwidth  float64           `json:"memory_bandwidth_gb_s"`
	Vectors    bool              `json:"vector_instructions"`
	Products   []calibrationCase `json:"matrix_products"`
	Calibrated bool              `json:"calibrated"` // the device's facts are now these
}

type calibrationCase struct {
	Size     int     `json:"size"`
	Time     float64 `json:"time_ms"`
	TimeLow  float64 `json:"time_ms_low"`
	TimeHigh float64 `json:"time_ms_high"`
	Rate     float64 `json:"gflops"`
}

// cpuOptions say how much the CPU benchmarks measure; tests measure less.
var cpuOptions cpubench.Options

// calibrate runs the CPU benchmarks, gives this machine's device the peaks that
// were measured, and records the transformer layer as a measurement.
func (t *benchmark) calibrate(ctx context.Context, s step) (*benchmarkResults, error) {
	r, err := cpubench.Run(ctx, cpuOptions, func(f float64, doing string) { s(0.95*f, doing) })
	if err != nil {
		return nil, err
	}
	d := t.machine(r)
	c := &calibration{Device: d.Name, CPU: r.Host.CPU, Cores: r.Host.Cores, PeakFP32: r.Peak.Best / 1e9, Bandwidth: r.Bandwidth.Best / perf.GB, Vectors: r.Vectors}
	for _, p := range r.Products {
		c.Products = append(c.Products, calibrationCase{p.Size, p.Time.Median / perf.Millisecond, p.Time.Low / perf.Millisecond,
			p.Time.High / perf.Millisecond, p.Operations / p.Time.Median / 1e9})
	}
	if t.App != nil {
		s(0.95, "Calibrating "+d.Name)
		if _, err := t.App.UpsertDevice(ctx, d); err != nil {
			return nil, fmt.Errorf("the device %q: %w", d.Name, err)
		}
		if _, err := t.App.UpsertModel(ctx, cpubench.LayerModel()); err != nil {
			return nil, fmt.Errorf("the model %q: %w", cpubench.LayerModel().Name, err)
		}
		c.Calibrated = true
	}
	return &benchmarkResults{Rows: t.record(ctx, layersOf(&r, d.Name)), Machine: c}, nil
}

// machine is the device that was detected on this host, with what was
// measured. A device of the catalogue keeps its datasheet: what one virtual
// machine on it reaches says nothing of the others.
func (t *benchmark) machine(r cpubench.Result) perf.Device {
	if t.App != nil {
		d, isAssumed, err := t.App.DefaultDevice(perf.CPU)
		if err == nil && !isAssumed && d.Custom && strings.HasPrefix(d.Name, cpubench.ThisMachine) {
			c := r.Calibrate(*d)
			if !slices.Contains(c.Aliases, cpubench.ThisMachine) {
				c.Aliases = append(slices.Clone(c.Aliases), cpubench.ThisMachine)
			}
			return c
		}
	}
	return r.Device()
}

// layersOf are the measurements of the transformer layer.
func layersOf(r *cpubench.Result, device string) []Measured {
	var out []Measured
	for _, l := range r.Layers {
		ms := func(x float64) *float64 { x /= perf.Millisecond; return &x }
		rate := float64(l.Batch) / l.Time.Median
		env := r.Host.Environment()
		env["command"] = "built in"
		env["vector_instructions"] = strconv.FormatBool(r.Vectors)
		out = append(out, Measured{Case: l.Name, Model: cpubench.LayerModel().Name, Family: cpubench.LayerModel().Family,
			Platform: string(perf.CPU), Device: device, Runtime: "vendor", RuntimeVersion: "perfcast", Precision: string(perf.FP32),
			Mode: string(perf.Inference), BatchSize: l.Batch, SequenceLength: l.Tokens, Threads: r.Host.Cores, Repeats: l.Time.Repeats,
			Latency: ms(l.Time.Median), LatencyLow: ms(l.Time.Low), LatencyHigh: ms(l.Time.High), Throughput: &rate, Environment: env})
	}
	return out
}
