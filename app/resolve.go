package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// What a request may ask for at most: far beyond any real workload, and small
// enough that no product of them overflows.
const (
	maxName     = 200       // bytes of a name
	maxBatch    = 1 << 20   // samples in a step
	maxSequence = 1 << 24   // tokens of a sample
	maxImage    = 1 << 14   // pixels of a side
	maxDevices  = 1 << 16   // accelerators
	maxFlight   = 1_000_000 // requests in flight
	maxSteps    = 10_000    // denoising steps of an image
)

// DefaultConfig is what a request of the documented API means that says nothing
// but a model. A GraphQL request without a precision leaves it open.
func DefaultConfig() perf.Config {
	return perf.Config{BatchSize: 1, SequenceLength: 128, Precision: perf.FP32, Mode: perf.Inference}
}

// Resolve finds the facts behind a configuration's names and fills in its
// defaults: platform and device as deviceFor says, devices and parallelism 1.
// The warnings tell what was assumed. Errors name the field.
func (a *App) Resolve(c perf.Config) (perf.Workload, []perf.Warning, error) {
	if err := check(c); err != nil {
		return perf.Workload{}, nil, err
	}
	m, err := a.catalog.Load().ModelAt(c.Model, c.ImageSize)
	if err != nil {
		return perf.Workload{}, nil, err
	}
	return a.place(c, m)
}

// place is Resolve where the model's facts are known already.
func (a *App) place(c perf.Config, m *perf.Model) (perf.Workload, []perf.Warning, error) {
	d, warnings, err := a.deviceFor(c)
	if err != nil {
		return perf.Workload{}, nil, err
	}
	c.Asked, c.Model, c.Device = c.ModelName(), m.Name, d.Name
	if c.Platform == "" {
		c.Platform = d.Platform
	}
	if c.Family == "" {
		c.Family = m.Family
	}
	if c.Mode == "" {
		c.Mode = perf.Inference
	}
	if rt := predictor.RuntimeNamed(c.Runtime); rt != nil { // by whichever of its names
		c.Runtime = rt.Name
	}
	c.Devices = max(c.Devices, c.TensorParallel*max(1, c.PipelineParallel), 1)
	c.TensorParallel, c.PipelineParallel, c.ExpertParallel = max(c.TensorParallel, 1), max(c.PipelineParallel, 1), max(c.ExpertParallel, 1)
	if c.Devices%(c.TensorParallel*c.PipelineParallel) != 0 {
		return perf.Workload{}, nil, perf.Invalid("tensor_parallel", "%d ways times %d pipeline stages do not divide %d devices",
			c.TensorParallel, c.PipelineParallel, c.Devices)
	}
	if n := longest(c, m); m.MaxPosition > 0 && n > m.MaxPosition {
		warnings = append(warnings, perf.Warning{Code: "SEQUENCE_TOO_LONG",
			Message: fmt.Sprintf("%d tokens are more than the %d that %s was made for", n, m.MaxPosition, m.Name)})
	}
	w := perf.Workload{Config: c, Facts: m, Hardware: d}
	if m.Windowed() {
		w.SequenceLength = (c.SequenceLength + perf.AudioFrames - 1) / perf.AudioFrames * perf.AudioFrames
	}
	if c.Steps > 0 && m.Denoises() {
		several := *m
		several.Passes = float64(c.Steps)
		w.Facts = &several
	}
	predictor.Settle(&w)
	return w, warnings, nil
}

// longest is the number of tokens that one of a model's stacks has to hold.
func longest(c perf.Config, m *perf.Model) int {
	switch {
	case m.Kind == "encoder-decoder" && m.Family == "audio":
		return c.OutputLength
	case m.Kind == "encoder-decoder":
		return max(c.SequenceLength, c.OutputLength)
	case m.Text():
		return c.SequenceLength + c.OutputLength
	}
	return 0
}

// check refuses a configuration that is out of range, whatever its names are.
func check(c perf.Config) error {
	for _, f := range []struct {
		field, value string
		required     bool
	}{{"model_name", c.Model, true}, {"model_family", c.Family, false}, {"hardware_platform", string(c.Platform), false}, {"device", c.Device, false},
		{"runtime_version", c.RuntimeVersion, false}} {
		if err := checkName(f.field, f.value, f.required); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		field       string
		value       int
		least, most int
	}{
		{"batch_size", c.BatchSize, 1, maxBatch}, {"sequence_length", c.SequenceLength, 1, maxSequence},
		{"output_length", c.OutputLength, 0, maxSequence}, {"concurrency", c.Concurrency, 0, maxFlight},
		{"image_size", c.ImageSize, 0, maxImage}, {"devices", c.Devices, 0, maxDevices},
		{"tensor_parallel", c.TensorParallel, 0, maxDevices}, {"pipeline_parallel", c.PipelineParallel, 0, maxDevices},
		{"expert_parallel", c.ExpertParallel, 0, maxDevices}, {"threads", c.Threads, 0, maxDevices}, {"steps", c.Steps, 0, maxSteps},
	} {
		if f.value < f.least || f.value > f.most {
			return perf.Invalid(f.field, "must be from %d to %d, not %d", f.least, f.most, f.value)
		}
	}
	return checkWords(c)
}

// checkName refuses an over-long name, and an empty one where it is required.
func checkName(field, name string, required bool) error {
	if required && strings.TrimSpace(name) == "" {
		return perf.Invalid(field, "must not be empty")
	}
	if len(name) > maxName {
		return perf.Invalid(field, "must have at most %d bytes, not %d", maxName, len(name))
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return perf.Invalid(field, "must be text without control characters")
	}
	return nil
}

// checkWords refuses a word that is not among those that are known.
func checkWords(c perf.Config) error {
	if c.Precision != "" && !slices.Contains(perf.Precisions, c.Precision) {
		return perf.Invalid("precision", "must be one of %s", join(perf.Precisions))
	}
	if c.Mode != "" && !slices.Contains(perf.Modes, c.Mode) {
		return perf.Invalid("mode", "must be one of %s", join(perf.Modes))
	}
	if c.Layout != "" && c.Layout != "nchw" && c.Layout != "nhwc" {
		return perf.Invalid("layout", "must be nchw or nhwc")
	}
	if c.Runtime != "" && predictor.RuntimeNamed(c.Runtime) == nil {
		return perf.Invalid("runtime", "must be one of %s", strings.Join(runtimeNames(), ", "))
	}
	return nil
}

func join[S ~string](words []S) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}

func runtimeNames() []string {
	names := make([]string, len(predictor.Runtimes))
	for i, r := range predictor.Runtimes {
		names[i] = r.Name
	}
	return names
}

// deviceFor is the device a request means: the one it names (a device or an
// instance type of the fleet), else the fleet's first of the platform, else
// the one detected on this host, else the platform's documented default, which
// is told with the warning DEVICE_ASSUMED.
func (a *App) deviceFor(c perf.Config) (*perf.Device, []perf.Warning, error) {
	cat := a.catalog.Load()
	if c.Device != "" {
		if e := cat.InFleet(a.Fleet(), c.Device); e != nil && (c.Platform == "" || c.Platform == e.Platform) {
			d, err := cat.Device(e.Device, e.Platform)
			return d, nil, err
		}
		d, err := cat.Device(c.Device, c.Platform)
		return d, nil, err
	}
	for _, e := range a.Fleet() {
		if c.Platform == "" || e.Platform == c.Platform {
			d, err := cat.Device(e.Device, e.Platform)
			return d, nil, err
		}
	}
	for _, d := range a.detected {
		if d.Platform == c.Platform {
			d, err := cat.Device(d.Name, d.Platform)
			return d, nil, err
		}
	}
	platform := c.Platform
	if platform == "" {
		platform = perf.CUDA
	}
	d := cat.DefaultDevice(platform)
	if d == nil {
		return nil, nil, unknownPlatform(platform, cat.Platforms())
	}
	return d, []perf.Warning{{Code: DeviceAssumed, Message: fmt.Sprintf("%q names no device: %s is assumed, %s", platform, d.Name, catalog.DefaultReason(platform))}}, nil
}

// DeviceAssumed is the code of the warning that a platform's documented default
// stands for a device that was not named.
const DeviceAssumed = "DEVICE_ASSUMED"

func unknownPlatform(p perf.Platform, known []perf.Platform) error {
	return &perf.Error{Code: perf.CodeUnknown, Field: "hardware_platform",
		Message: fmt.Sprintf("unknown platform %q; known are %s", p, join(known))}
}

// unknown reports whether an error says that a model is not in the catalogue.
func unknownModel(err error) bool {
	var e *perf.Error
	return errors.As(err, &e) && e.Code == perf.CodeUnknown && (e.Field == "model_name" || e.Field == "model")
}

// assumed reports whether the warnings say that the device was assumed.
func assumed(ws []perf.Warning) bool {
	return slices.ContainsFunc(ws, func(w perf.Warning) bool { return w.Code == DeviceAssumed })
}
