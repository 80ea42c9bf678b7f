package app_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/perf"
)

// anyConfig draws a configuration of the catalogue's models, devices and
// runtimes, whether anybody would run it or not.
func anyConfig(t *rapid.T, a *app.App) perf.Config {
	m, d := rapid.SampledFrom(a.Models()).Draw(t, "model"), rapid.SampledFrom(a.Devices()).Draw(t, "device")
	c := perf.Config{Model: m.Name, Device: d.Name, Platform: d.Platform,
		BatchSize: rapid.IntRange(1, 256).Draw(t, "batch"), SequenceLength: rapid.IntRange(1, 4096).Draw(t, "sequence"),
		OutputLength: rapid.SampledFrom([]int{0, 1, 64, 1000}).Draw(t, "output"), Concurrency: rapid.SampledFrom([]int{0, 0, 1, 32}).Draw(t, "concurrency"),
		Steps:     rapid.SampledFrom([]int{0, 20}).Draw(t, "steps"),
		Precision: rapid.SampledFrom(append([]perf.Precision{""}, perf.Precisions...)).Draw(t, "precision"),
		Mode:      rapid.SampledFrom(perf.Modes).Draw(t, "mode")}
	if rt := rapid.IntRange(-1, len(a.Runtimes())-1).Draw(t, "runtime"); rt >= 0 {
		c.Runtime = a.Runtimes()[rt].Name
	}
	return c
}

// Over all models, devices and runtimes there are: no time below its bound, all
// intervals in order, shares that sum to 1, a largest batch that fits where the
// next does not, and a throughput that does not fall with the batch.
func TestPhysicsHoldsForTheWholeCatalogue(t *testing.T) {
	a, ctx := apptest.New(t), context.Background()
	rapid.Check(t, func(t *rapid.T) {
		c := anyConfig(t, a)
		p, err := a.Predict(ctx, c)
		if err != nil {
			t.Skip(err.Error()) // a device without peaks
		}
		bounded(t, "step", &p.Latency, perf.Breakdown{Shares: p.Shares, Attainable: p.Attainable})
		if b := p.TokenBreakdown(); b != nil {
			bounded(t, "token", p.TPOT, *b)
		}
		if b := p.RequestBreakdown(); b != nil {
			bounded(t, "request", p.EndToEnd, *b)
		}
		ordered(t, "memory", &p.Memory)
		ordered(t, "throughput", &p.Throughput)
		more := c
		more.BatchSize += rapid.IntRange(1, 64).Draw(t, "more")
		if q, err := a.Predict(ctx, more); err != nil || q.Throughput.Value < p.Throughput.Value*(1-1e-9) {
			t.Errorf("%d at once: %g/s, %d at once: %g/s, %v", c.BatchSize, p.Throughput.Value, more.BatchSize, q.Throughput.Value, err)
		}
		if n := p.MaxBatch; n > 0 && n < 1<<19 && c.Concurrency == 0 {
			c.BatchSize = n
			at, err := a.Predict(ctx, c)
			c.BatchSize++
			above, err2 := a.Predict(ctx, c)
			if err != nil || err2 != nil || at.Fits == perf.FitNo || above.Fits == perf.FitYes {
				t.Errorf("batch %d %s, batch %d %s, %v %v", n, at.Fits, n+1, above.Fits, err, err2)
			}
		}
	})
}

func bounded(t *rapid.T, what string, e *perf.Estimate, b perf.Breakdown) {
	ordered(t, what, e)
	if !(b.Attainable > 0) || e.Low < b.Attainable*(1-1e-9) {
		t.Errorf("%s: %+v s below the bound of %g s", what, *e, b.Attainable)
	}
	s := b.Shares
	if sum := s.Compute + s.MemoryBandwidth + s.Overhead + s.Communication; math.Abs(sum-1) > 1e-6 {
		t.Errorf("%s: shares sum to %g", what, sum)
	}
}

func ordered(t *rapid.T, what string, e *perf.Estimate) {
	if !(e.Low > 0 && e.Low <= e.Value && e.Value <= e.High && e.High < math.Inf(1)) {
		t.Errorf("%s: %+v", what, *e)
	}
}

// An image takes as many steps as are asked for; without, a sample is one, and
// the answer says so.
func TestAnImageTakesSteps(t *testing.T) {
	a, ctx := apptest.New(t), context.Background()
	c := perf.Config{Model: "stable-diffusion-xl", Device: "NVIDIA A100 SXM 80GB", BatchSize: 1, SequenceLength: 128}
	one, err := a.Predict(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(one.Assumptions, "\n"), "one denoising step") || one.Precision == perf.FP32 {
		t.Errorf("%s, %q", one.Precision, one.Assumptions)
	}
	c.Steps = 30
	image, err := a.Predict(ctx, c)
	if err != nil || image.Attainable < 29*one.Attainable || image.Latency.Value < 10*one.Latency.Value || image.Steps != 30 {
		t.Errorf("a step %g s, an image %g s, %v", one.Latency.Value, image.Latency.Value, err)
	}
	c.Steps = -1
	if _, err := a.Predict(ctx, c); perf.AsError(err).Field != "steps" {
		t.Errorf("%v", err)
	}
}

// Whisper pads to 30 s, however little there is; its decoder's limit is not its
// encoder's.
func TestWhisperTakesWindows(t *testing.T) {
	a, ctx := apptest.New(t), context.Background()
	c := perf.Config{Model: "openai/whisper-small", Device: "NVIDIA A100 SXM 80GB", BatchSize: 1, SequenceLength: 128}
	short, err := a.Predict(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if short.SequenceLength != 1500 || slices.ContainsFunc(short.Warnings, func(w perf.Warning) bool { return w.Code == "SEQUENCE_TOO_LONG" }) {
		t.Errorf("%d frames, %+v", short.SequenceLength, short.Warnings)
	}
	c.SequenceLength = 2000
	if two, err := a.Predict(ctx, c); err != nil || two.SequenceLength != 3000 || math.Abs(two.Latency.Value/short.Latency.Value-2) > 0.2 {
		t.Errorf("two windows of %d frames take %g s, one %g s, %v", two.SequenceLength, two.Latency.Value, short.Latency.Value, err)
	}
	c.SequenceLength, c.OutputLength = 128, 500
	if long, _ := a.Predict(ctx, c); !slices.ContainsFunc(long.Warnings, func(w perf.Warning) bool { return w.Code == "SEQUENCE_TOO_LONG" }) {
		t.Errorf("500 tokens of 448: %+v", long.Warnings)
	}
}
