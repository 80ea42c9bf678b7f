package predictor

import (
	"fmt"
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// evidence names what the answer rests on: the operator's own measurements,
// then the largest groups of training data about this design on this device,
// those of the same software first. A group's weight is its share of the rows,
// other software counting a quarter.
func (p *Predictor) evidence(out *perf.Prediction, w perf.Workload, rt *Runtime, teachers []teacher) {
	for _, t := range teachers {
		out.Evidence = append(out.Evidence, perf.Evidence{ID: t.id, Source: "recorded", Model: t.model, Device: t.device, Runtime: t.runtime, Count: 1, Weight: t.weight})
	}
	total := 0.0
	var heaviest []weighed
	for i, g := range p.from[[2]string{StemOf(w.Facts), w.Hardware.Name}] {
		x := weighed{i, float64(g.Count)}
		if g.Runtime != rt.Name || g.Mode != w.Mode {
			x.weight /= 4
		}
		total += x.weight
		at := len(heaviest)
		for at > 0 && heaviest[at-1].weight < x.weight {
			at--
		}
		if at < maxSources {
			heaviest = slices.Insert(heaviest, at, x)
			heaviest = heaviest[:min(maxSources, len(heaviest))]
		}
	}
	for _, x := range heaviest {
		g := &p.from[[2]string{StemOf(w.Facts), w.Hardware.Name}][x.group]
		out.Evidence = append(out.Evidence, perf.Evidence{Source: p.sources[g.File], Model: w.Model, Device: g.Name,
			Runtime: g.Runtime, Count: g.Count, Weight: x.weight / total})
	}
}

// maxSources are named of the training data.
const maxSources = 5

// weighed is a group of training data with its weight.
type weighed struct {
	group  int
	weight float64
}

// explain fills in warnings and assumptions, of the time that the request is
// after. usual says that the runtime's version was assumed.
func explain(out *perf.Prediction, w perf.Workload, rt *Runtime, pk Peak, after timed, usual bool) {
	warn := func(code, format string, args ...any) {
		out.Warnings = append(out.Warnings, perf.Warning{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if lacks(w.Precision, pk) {
		warn("PRECISION_FALLBACK", "%s has no fast %s unit: computed in %s", w.Hardware.Name, w.Precision, pk.Ran)
	}
	if w.Unknown.Precision {
		warn("PRECISION_ASSUMED", "the precision is not stated: %s is assumed, what %s usually computes %s in, and the interval is wider", w.Precision, rt.Title, w.Facts.Name)
	}
	if w.Unknown.Batch {
		warn("BATCH_ASSUMED", "the batch size is not stated: %d is assumed, and the interval is wider", w.BatchSize)
	}
	explainFit(out, w, rt, warn)
	if !after.software && out.Basis != perf.BasisMeasured {
		warn("SOFTWARE_UNSEEN", "nobody measured %s on such a device (%s): the answer is what it would take if it ran there", rt.Title, w.Hardware.Kind)
	}
	if out.Distance == perf.DistanceFar {
		warn("FAR_FROM_DATA", "little that is like it was measured: read the times as a factor of %.1f either way",
			math.Max(after.High/after.Value, after.Value/after.Low))
	}
	switch {
	case usual:
		out.Assumptions = append(out.Assumptions, fmt.Sprintf("version of %s: %s, which this device was mostly measured with", rt.Title, w.RuntimeVersion))
	case w.RuntimeVersion == "":
		out.Assumptions = append(out.Assumptions, fmt.Sprintf("version of %s: none in particular", rt.Title))
	}
	out.Assumptions = append(out.Assumptions, assumptions(w, rt, pk)...)
}

// explainFit says what does not fit, and what would.
func explainFit(out *perf.Prediction, w perf.Workload, rt *Runtime, warn func(code, format string, args ...any)) {
	usable := w.Hardware.UsableMemoryBytes()
	switch {
	case usable <= 0:
		warn("MEMORY_UNKNOWN", "the memory of %s is not known: whether it fits is not either", w.Hardware.Name)
	case out.Fits == perf.FitNo:
		hint := ""
		if n := splitThatFits(w, rt, out.Memory.Value/memoryOf(w, rt).Total()); n > 0 {
			hint = fmt.Sprintf("; split over %d devices (tensor parallel) it would fit", n)
		}
		warn("DOES_NOT_FIT", "needs %s, more than the %s of %s%s; the times are what it would take if it fitted", size(out.Memory.Value), size(w.Hardware.MemoryBytes), w.Hardware.Name, hint)
	case out.Fits == perf.FitTight && rt.Serves && out.MaxBatch > 0 && out.MaxBatch < inAll(&w):
		warn("QUEUED", "there is room for %d of the %d requests at once: the engine holds the others back", out.MaxBatch, inAll(&w))
	}
}

// splitThatFits is the fewest devices, a power of two, that each layer would
// have to be split over, where what is needed is scale times what memoryOf says;
// 0 where not even 64 do, or none is split.
func splitThatFits(w perf.Workload, rt *Runtime, scale float64) int {
	if !w.Facts.Text() || w.Hardware.Platform == perf.CPU {
		return 0
	}
	for n := 2 * w.TensorParallel; n <= 64; n *= 2 {
		w.TensorParallel, w.Devices = n, n*w.PipelineParallel
		if fit(w.Hardware, scale*memoryOf(w, rt).Total()) != perf.FitNo {
			return n
		}
	}
	return 0
}

// size is a number of bytes as people say it.
func size(bytes float64) string {
	switch {
	case bytes >= perf.GB:
		return fmt.Sprintf("%.1f GB", bytes/perf.GB)
	case bytes >= perf.MB:
		return fmt.Sprintf("%.1f MB", bytes/perf.MB)
	}
	return fmt.Sprintf("%.0f kB", bytes/1e3)
}

// assumptions are what the answer takes for granted, in sentences.
func assumptions(w perf.Workload, rt *Runtime, pk Peak) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if w.Unknown.Runtime {
		say("runtime: %s", rt.Title)
	}
	if pk.Ran == perf.TF32 && w.Precision == perf.FP32 {
		say("fp32 products may run in tf32, the framework's default")
	}
	switch n := w.Facts.Passes; {
	case n > 1:
		say("a sample takes %g forward passes", n)
	case w.Facts.Denoises():
		say("a sample is one denoising step; with steps it is an image, whose text encoder and decoder are left out")
	}
	if w.Unknown.Threads {
		say("threads: %d, what %s takes by itself", w.Threads, rt.Title)
	}
	if w.Facts.Windowed() {
		say("sound is taken in windows of 30 s, %d frames, to which what is shorter is padded", perf.AudioFrames)
	}
	switch n := replicas(w); {
	case n > 1 && w.Mode == perf.Training:
		say("each of %d devices trains a copy of the model on a batch of %d", n, w.BatchSize)
	case n > 1:
		say("%d copies of the model run side by side, each on batches of %d; the latency is one copy's", n, w.BatchSize)
	}
	if z := w.Facts; !ops.Layered(z) && (z.MACs == 0 || z.Activations == 0) {
		say("activations or multiply-accumulates estimated from what is typical")
	}
	if w.Hardware.Kind == "mcu" {
		say("weights stay in the flash")
	}
	return out
}
