package component

import (
	"context"
	"fmt"

	"github.com/perfcast/perfcast/perf"
)

// check runs perfcast's own tests of a model on hardware: that it can be
// predicted there, and that the predictions hang together. They need no
// command, and measure nothing.
func (t *test) check(ctx context.Context, q testRequest, hw string, s step) ([]TestResult, error) {
	checks := map[string]func(context.Context, string, string) []func() TestResult{
		"basic": t.basic, "comprehensive": t.comprehensive, "fault_tolerance": t.faults,
	}
	make := checks[string(q.Type)]
	if make == nil || t.App == nil {
		return nil, fmt.Errorf("no test command of type %s is configured for %s: list one under commands.test in the configuration file", q.Type, hw)
	}
	list := make(ctx, string(q.Model), hw)
	out := []TestResult{}
	for i, f := range list {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		began := t.Now()
		r := f()
		r.Duration = t.Now().Sub(began).Seconds()
		out = append(out, r)
		s(float64(i+1)/float64(len(list)), r.Name)
	}
	return out, nil
}

// verdict is a test that passed unless err says why not.
func verdict(name string, err error) TestResult {
	if err != nil {
		return TestResult{Name: name, Status: failed, Message: clip(err.Error())}
	}
	return TestResult{Name: name, Status: passed}
}

func (t *test) basic(ctx context.Context, model, hw string) []func() TestResult {
	return []func() TestResult{
		func() TestResult {
			_, err := t.App.Model(model)
			return verdict("the model is in the catalogue", err)
		},
		func() TestResult {
			p, err := t.App.Predict(ctx, on(model, hw))
			if err == nil {
				err = sound(&p)
			}
			return verdict("it can be predicted", err)
		},
		func() TestResult {
			p, err := t.App.Predict(ctx, on(model, hw))
			if err == nil && p.Fits == perf.FitNo {
				err = fmt.Errorf("one sample needs about %.0f MB, and %s has %.0f MB for it", p.MemoryMb().Value, p.Device, t.usable(&p))
			}
			return verdict("one sample fits in memory", err)
		},
	}
}

func (t *test) usable(p *perf.Prediction) float64 {
	d, err := t.App.Device(p.Device, p.Platform)
	if err != nil {
		return 0
	}
	return d.UsableMemoryMb()
}

// sound says what is wrong with a prediction's numbers, if anything.
func sound(p *perf.Prediction) error {
	for _, e := range []struct {
		name string
		perf.Estimate
	}{{"latency", p.Latency}, {"throughput", p.Throughput}, {"memory", p.Memory}} {
		if !perf.Finite(e.Low) || !perf.Finite(e.High) || e.Low <= 0 || e.Low > e.Value || e.Value > e.High {
			return fmt.Errorf("%s: %v is not within its interval of %v to %v", e.name, e.Value, e.Low, e.High)
		}
	}
	return nil
}

func (t *test) comprehensive(ctx context.Context, model, hw string) []func() TestResult {
	out := t.basic(ctx, model, hw)
	for _, precision := range perf.RESTPrecisions {
		out = append(out, func() TestResult {
			c := on(model, hw)
			c.Precision = precision
			p, err := t.App.Predict(ctx, c)
			if err == nil {
				err = sound(&p)
			}
			return verdict("it can be predicted in "+string(precision), err)
		})
	}
	for batch := 2; batch <= 32; batch *= 4 {
		out = append(out, func() TestResult {
			small, large := on(model, hw), on(model, hw)
			small.BatchSize, large.BatchSize = batch/2, batch
			a, err := t.App.Predict(ctx, small)
			b := perf.Prediction{}
			if err == nil {
				b, err = t.App.Predict(ctx, large)
			}
			switch {
			case err != nil:
			case b.Latency.High < a.Latency.Low:
				err = fmt.Errorf("a batch of %d takes at most %.3g ms, one of %d at least %.3g ms", batch, b.LatencyMs().High, batch/2, a.LatencyMs().Low)
			case b.MemoryParts.Total() < a.MemoryParts.Total():
				err = fmt.Errorf("a batch of %d needs less memory than one of %d", batch, batch/2)
			}
			return verdict(fmt.Sprintf("a batch of %d costs no less than one of %d", batch, batch/2), err)
		})
	}
	return out
}

func (t *test) faults(ctx context.Context, model, hw string) []func() TestResult {
	refused := func(what string, spoil func(*perf.Config)) func() TestResult {
		return func() TestResult {
			c := on(model, hw)
			spoil(&c)
			_, err := t.App.Predict(ctx, c)
			switch {
			case err == nil:
				err = fmt.Errorf("it was answered")
			case perf.AsError(err).Code == perf.CodeInternal:
			default:
				err = nil
			}
			return verdict(what+" is refused", err)
		}
	}
	return []func() TestResult{
		refused("a batch of 0", func(c *perf.Config) { c.BatchSize = 0 }),
		refused("a negative sequence", func(c *perf.Config) { c.SequenceLength = -1 }),
		refused("an unknown precision", func(c *perf.Config) { c.Precision = "fp7" }),
		refused("an unknown mode", func(c *perf.Config) { c.Mode = "dreaming" }),
		refused("an unknown device", func(c *perf.Config) { c.Platform, c.Device = "", "no such device" }),
		refused("a model without a name", func(c *perf.Config) { c.Model = "" }),
	}
}
