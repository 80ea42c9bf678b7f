package app

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"

	"github.com/perfcast/perfcast/perf"
)

// MaxSweep is how many configurations one sweep may ask for.
const MaxSweep = 10_000

// Predict answers one configuration. Nothing is stored.
func (a *App) Predict(_ context.Context, c perf.Config) (perf.Prediction, error) {
	w, warnings, err := a.Resolve(c)
	if err != nil {
		return perf.Prediction{}, err
	}
	return a.predict(w, warnings)
}

// predict answers a resolved workload and adds the warnings of its resolution,
// with the range over the platform's devices where the device was assumed.
func (a *App) predict(w perf.Workload, warnings []perf.Warning) (perf.Prediction, error) {
	if assumed(warnings) {
		warnings = append(warnings, perf.Warning{Code: "DEVICE_RANGE", Message: a.deviceRange(w)})
	}
	return a.answer(w, warnings)
}

// point is Predict for one of many configurations: without the range, which
// would make a sweep of 10,000 points one of a million.
func (a *App) point(c perf.Config) (perf.Prediction, error) {
	w, warnings, err := a.Resolve(c)
	if err != nil {
		return perf.Prediction{}, err
	}
	return a.answer(w, warnings)
}

// answer is predict without the range, which takes a prediction for every
// device of the platform.
func (a *App) answer(w perf.Workload, warnings []perf.Warning) (perf.Prediction, error) {
	w.Unknown.Device = assumed(warnings)
	p, err := a.predictor.Load().Predict(w)
	if err != nil {
		return p, err
	}
	p.Time = a.clock()
	p.Warnings = append(warnings, p.Warnings...)
	return p, nil
}

// SweepRequest asks for the product of its lists; an empty list means the
// Config's own value.
type SweepRequest struct {
	Config          perf.Config
	Devices         []string
	Platforms       []perf.Platform
	BatchSizes      []int
	SequenceLengths []int
	Precisions      []perf.Precision
}

// Sweep answers every configuration of the product, hardware slowest and
// precision fastest. Nothing is stored. A device that was assumed is warned of,
// without the range over its platform's devices.
func (a *App) Sweep(ctx context.Context, r SweepRequest) ([]perf.Prediction, error) {
	configs, err := r.configs()
	if err != nil {
		return nil, err
	}
	out := make([]perf.Prediction, len(configs))
	err = parallel(ctx, len(configs), func(i int) (err error) {
		out[i], err = a.point(configs[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r SweepRequest) configs() ([]perf.Config, error) {
	targets := targetsOf(r.Config, r.Devices, r.Platforms)
	batches, lengths, precisions := orOne(r.BatchSizes, r.Config.BatchSize), orOne(r.SequenceLengths, r.Config.SequenceLength), orOne(r.Precisions, r.Config.Precision)
	n := 1
	for _, k := range []int{len(targets), len(batches), len(lengths), len(precisions)} {
		if n *= k; n > MaxSweep {
			return nil, &perf.Error{Code: perf.CodeTooLarge, Field: "sweep", Message: fmt.Sprintf("asks for more than %d configurations; ask for fewer at once", MaxSweep)}
		}
	}
	configs := make([]perf.Config, 0, n)
	for _, t := range targets {
		for _, b := range batches {
			for _, l := range lengths {
				for _, p := range precisions {
					c := t
					c.BatchSize, c.SequenceLength, c.Precision = b, l, p
					configs = append(configs, c)
				}
			}
		}
	}
	return configs, nil
}

// targetsOf is the configuration on each device named and each platform named,
// or as it is when none is.
func targetsOf(c perf.Config, devices []string, platforms []perf.Platform) []perf.Config {
	var out []perf.Config
	for _, d := range devices {
		t := c
		t.Device, t.Platform = d, ""
		out = append(out, t)
	}
	for _, p := range platforms {
		t := c
		t.Device, t.Platform = "", p
		out = append(out, t)
	}
	if out == nil {
		out = []perf.Config{c}
	}
	return out
}

func orOne[T any](xs []T, x T) []T {
	if len(xs) == 0 {
		return []T{x}
	}
	return xs
}

// parallel calls f for 0 to n-1 on all processors, in runs long enough that
// handing them out costs nothing, and gives the error of the smallest index.
func parallel(ctx context.Context, n int, f func(i int) error) error {
	const run = 64
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		next  int
		first = n
		fail  error
	)
	for range min(runtime.GOMAXPROCS(0), (n+run-1)/run) {
		wg.Go(func() {
			for {
				mu.Lock()
				from := next
				next += run
				stop := from >= first || from >= n || ctx.Err() != nil
				mu.Unlock()
				if stop {
					return
				}
				for i := from; i < min(from+run, n); i++ {
					if err := f(i); err != nil {
						mu.Lock()
						if i < first {
							first, fail = i, err
						}
						mu.Unlock()
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if fail == nil {
		fail = ctx.Err()
	}
	return fail
}

// rangeCache remembers what deviceRange found: the range moves little, and
// finding it takes a prediction for every device of the platform.
type rangeCache struct {
	mu   sync.Mutex
	seen map[string]string
}

const maxRanges = 4096

// deviceRange says how far apart the platform's devices are for a workload
// whose device was assumed.
func (a *App) deviceRange(w perf.Workload) string {
	key := w.Key()
	a.ranges.mu.Lock()
	text, ok := a.ranges.seen[key]
	a.ranges.mu.Unlock()
	if ok {
		return text
	}
	low, high := math.Inf(1), 0.0
	var slowest, fastest string
	for _, d := range a.catalog.Load().DevicesOn(w.Platform) {
		o := w
		o.Hardware, o.Device, o.Platform = d, d.Name, d.Platform
		p, err := a.predictor.Load().Predict(o)
		if err != nil || p.Fits == perf.FitNo {
			continue
		}
		if t := p.Throughput.Value; t < low {
			low, slowest = t, d.Name
		}
		if t := p.Throughput.Value; t > high {
			high, fastest = t, d.Name
		}
	}
	text = fmt.Sprintf("over the %s devices that it fits on, throughput runs from %.4g/s (%s) to %.4g/s (%s)",
		w.Platform, low, slowest, high, fastest)
	if high == 0 {
		text = fmt.Sprintf("it fits on no %s device of the catalogue", w.Platform)
	}
	a.ranges.mu.Lock()
	defer a.ranges.mu.Unlock()
	if a.ranges.seen == nil || len(a.ranges.seen) >= maxRanges {
		a.ranges.seen = map[string]string{}
	}
	a.ranges.seen[key] = text
	return text
}

// forgetRanges is called when devices, models or the artefact change.
func (a *App) forgetRanges() {
	a.ranges.mu.Lock()
	defer a.ranges.mu.Unlock()
	a.ranges.seen = nil
}
