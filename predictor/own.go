package predictor

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// own is what was measured of the very configuration that is asked about, in
// the newest environment. The zero own is of one that nobody measured.
type own struct {
	of      []observation // oldest first
	version string        // of the runtime they ran in, where the question names none
}

// own finds the measurements of a configuration; where it names no version of
// its runtime and none was recorded without, those of the newest one measured.
func (s *snapshot) own(w perf.Workload) own {
	r, ok := s.exact.get(w.Key())
	var o own
	if (!ok || len(r.kept) == 0) && w.RuntimeVersion == "" {
		if o.version, ok = s.newest.get(w.Key()); ok {
			w.RuntimeVersion = o.version
			r, ok = s.exact.get(w.Key())
		}
	}
	if !ok || len(r.kept) == 0 {
		return own{}
	}
	newest := r.kept[len(r.kept)-1].environment
	for _, x := range r.kept {
		if x.environment == newest {
			o.of = append(o.of, x)
		}
	}
	return o
}

// value is the robust value of one quantity; ok is false where nobody measured
// it.
func (o *own) value(get func(*observation) float64) (e perf.Estimate, ok bool) {
	var xs []float64
	for i := range o.of {
		if x := get(&o.of[i]); x > 0 {
			xs = append(xs, x)
		}
	}
	if len(xs) == 0 {
		return e, false
	}
	return robust(xs), true
}

// memory fills in what the workload needs, as it was measured or as it is
// estimated, and the verdict. What an engine was seen to take is a pool that it
// fills whatever it needs: it is told, and says nothing of what fits.
func (o *own) memory(out *perf.Prediction, w perf.Workload, rt *Runtime, seen *snapshot) {
	parts := memoryOf(w, rt)
	out.Memory = seen.footprint(parts, w, rt)
	need := out.Memory.Value
	if e, ok := o.value(func(x *observation) float64 { return x.memory }); ok {
		out.Memory = e
		if !rt.Serves {
			need = e.Value
		}
	}
	scale := need / parts.Total()
	out.MemoryParts = parts.Scale(scale)
	out.MaxBatch, out.MaxSequence = limits(w, rt, scale)
	out.Fits = fit(w.Hardware, need)
	if out.Fits == perf.FitNo && rt.Serves && out.MaxBatch > 0 {
		out.Fits = perf.FitTight // the engine holds requests back until there is room
	}
}

// answer puts the measured times in place of the estimated ones. The answer as
// a whole is a measured one where what the request is after was measured: the
// step, or what is written.
func (o *own) answer(out *perf.Prediction, w perf.Workload) {
	if len(o.of) == 0 {
		return
	}
	after := o.step(out, w)
	if out.OutputTokensPerSec != nil {
		if written := o.written(out, w); w.Concurrency > 0 || w.OutputLength > 0 {
			after = written
		}
	}
	if after {
		out.Basis, out.Distance = perf.BasisMeasured, perf.DistanceCovered
	}
	var evidence []perf.Evidence
	for i := len(o.of) - 1; i >= 0 && len(evidence) < 8; i-- {
		evidence = append(evidence, perf.Evidence{ID: o.of[i].id, Source: "recorded", Model: w.Model, Device: w.Device, Runtime: w.Runtime,
			Count: 1, Weight: 1 / float64(len(o.of))})
	}
	if !after { // the rest is predicted from others
		evidence = append(evidence, slices.DeleteFunc(out.Evidence, func(e perf.Evidence) bool {
			return slices.ContainsFunc(o.of, func(x observation) bool { return x.id == e.ID })
		})...)
	}
	out.Evidence = evidence
}

// step puts in the measured step and rate.
func (o *own) step(out *perf.Prediction, w perf.Workload) bool {
	latency, ok := o.value(func(x *observation) float64 { return x.latency })
	if ok {
		out.Latency = latency
		out.Throughput = latency.Invert(float64(w.BatchSize * replicas(w)))
		if out.TTFT != nil && w.Concurrency == 0 { // the pass over the prompt gives the first token
			out.TTFT = &latency
		}
	}
	if rate, measured := o.value(func(x *observation) float64 { return x.rate }); measured {
		out.Throughput = rate
	}
	return ok
}

// written puts in the measured times of what is generated, and what follows
// from them. It reports whether all of it was measured.
func (o *own) written(out *perf.Prediction, w perf.Workload) bool {
	ttft, first := o.value(func(x *observation) float64 { return x.ttft })
	tpot, further := o.value(func(x *observation) float64 { return x.tpot })
	rate, rated := o.value(func(x *observation) float64 { return x.output })
	if first {
		out.TTFT = &ttft
	}
	switch {
	case further:
		out.TPOT = &tpot
	case rated && w.Concurrency == 0: // one batch after the other
		tpot = rate.Invert(float64(w.BatchSize * replicas(w)))
		out.TPOT = &tpot
	}
	if out.EndToEnd != nil {
		n := float64(w.OutputLength - 1)
		switch {
		case rated && w.Concurrency > 0:
			whole := rate.Invert(float64(w.Concurrency * w.OutputLength))
			out.EndToEnd = &whole
		case first || further || rated:
			out.EndToEnd = &perf.Estimate{Value: out.TTFT.Value + n*out.TPOT.Value, Low: out.TTFT.Low + n*out.TPOT.Low, High: out.TTFT.High + n*out.TPOT.High}
		}
	}
	if !rated && (first || further) {
		rate = outputRate(out, w)
	}
	if rated || first || further {
		out.OutputTokensPerSec = &rate
	}
	return rated || first && further
}

// explain says which of the numbers were measured.
func (o *own) explain(out *perf.Prediction, w perf.Workload) {
	if len(o.of) == 0 {
		return
	}
	var what []string
	for _, x := range []struct {
		name string
		get  func(*observation) float64
	}{
		{"step", func(x *observation) float64 { return x.latency }},
		{"time to first token", func(x *observation) float64 { return x.ttft }},
		{"time per output token", func(x *observation) float64 { return x.tpot }},
		{"output tokens a second", func(x *observation) float64 { return x.output }},
		{"memory", func(x *observation) float64 { return x.memory }},
	} {
		if _, ok := o.value(x.get); ok {
			what = append(what, x.name)
		}
	}
	said := "measured: " + strings.Join(what, ", ")
	if o.version != "" {
		said += ", in version " + o.version + " of the runtime"
	}
	out.Assumptions = append(out.Assumptions, said+"; all else is predicted")
	if latency, ok := o.value(func(x *observation) float64 { return x.latency }); ok && latency.Value < out.Attainable {
		out.Warnings = append(out.Warnings, perf.Warning{Code: "BELOW_BOUND",
			Message: fmt.Sprintf("the measured step is shorter than the attainable bound of %.4g ms: a fact about the device or model may be wrong", out.Attainable/perf.Millisecond)})
	}
}

// robust is the median of repeats, with an interval from their spread and what
// repeats of a configuration usually vary by (2.6 % median, 12.5 % at the 90th
// percentile, over the corpus).
func robust(xs []float64) perf.Estimate {
	slices.Sort(xs)
	n := len(xs)
	v := xs[n/2]
	if n%2 == 0 {
		v = (xs[n/2-1] + xs[n/2]) / 2
	}
	half := 0.125 / math.Sqrt(float64(n))
	return perf.Estimate{Value: v, Low: math.Min(v*(1-half), xs[n/20]), High: math.Max(v*(1+half), xs[n-1-n/20])}
}
