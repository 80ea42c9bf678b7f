package predictor

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// snapshot is what has been recorded, immutable: a prediction reads one
// without a lock.
type snapshot struct {
	exact   hamt[string, record]  // by Config.Key
	effects hamt[uint64, updated] // by group, where a measurement changed what training knew
	devices hamt[uint64, *nearby] // by group of the device
	count   int                   // measurements applied
	last    string                // id of the last one applied
}

func (s *snapshot) version(hash string) string {
	if s.count == 0 {
		return hash
	}
	return fmt.Sprintf("%s+%s", hash, s.last)
}

// record is what was measured of one configuration.
type record struct {
	kept []observation // oldest first, at most maxRepeats
	held []observation // in quarantine
}

// observation is one measurement, in SI units; 0 = not measured.
type observation struct {
	id          string
	environment string
	latency     float64
	memory      float64
	ttft, tpot  float64
	output      float64
}

const maxRepeats = 32

// Verdict says what became of a measurement.
type Verdict struct {
	Quarantined bool
	Reason      string   // why
	Released    []string // ids of earlier ones that this one confirmed
}

func observe(w perf.Workload, m perf.Measurement) observation {
	o := observation{id: m.ID, environment: environment(m)}
	value := func(x *float64) float64 {
		if x == nil || !perf.Finite(*x) || *x <= 0 {
			return 0
		}
		return *x
	}
	o.latency, o.memory, o.ttft, o.tpot, o.output = value(m.Latency), value(m.Memory), value(m.TTFT), value(m.TPOT), value(m.OutputTokensPerSec)
	if t := value(m.Throughput); o.latency == 0 && t > 0 {
		o.latency = float64(max(1, w.BatchSize)*replicas(w)) / t
	}
	return o
}

// replicas is how many copies of the model the devices hold.
func replicas(w perf.Workload) int {
	if w.Mode == perf.Training {
		return max(1, w.Devices)
	}
	return max(1, w.Devices/(max(1, w.TensorParallel)*max(1, w.PipelineParallel)))
}

// environment is a measurement's environment as one line.
func environment(m perf.Measurement) string {
	keys := make([]string, 0, len(m.Environment))
	for k := range m.Environment {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "%s=%s\n", k, m.Environment[k])
	}
	return b.String()
}

// Learn applies one measurement. One that beats the attainable bound, or lies
// three times outside its 90 % interval, is held in quarantine: kept, but out
// of answers until Confirm, or until a repeat of the same configuration comes
// within 25 % of it.
func (p *Predictor) Learn(w perf.Workload, m perf.Measurement) (Verdict, error) {
	prior, err := p.Predict(w)
	if err != nil {
		return Verdict{}, err
	}
	_, _, _ = usable(&w) // as Predict does, so that the key is of the same configuration
	o := observe(w, m)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := *p.seen.Load()
	key := w.Key()
	r, _ := s.exact.get(key)
	v := Verdict{Reason: suspicious(prior, o, w.Hardware, len(r.kept) > 0)}
	next := record{kept: slices.Clone(r.kept)}
	for _, h := range r.held {
		if v.Reason != "" && alike(h, o) {
			v.Released = append(v.Released, h.id)
			next.kept = append(next.kept, h)
		} else {
			next.held = append(next.held, h)
		}
	}
	v.Quarantined = v.Reason != "" && len(v.Released) == 0
	if v.Quarantined {
		next.held = append(next.held, o)
	} else {
		v.Reason = ""
		next.kept = append(next.kept, o)
		s.count, s.last = s.count+1, o.id
		for _, h := range next.kept[len(r.kept):] { // those released, and this one
			p.apply(&s, w, h)
		}
	}
	next.kept = next.kept[max(0, len(next.kept)-maxRepeats):]
	next.held = next.held[max(0, len(next.held)-maxRepeats):]
	s.exact = s.exact.with(key, next)
	p.seen.Store(&s)
	return v, nil
}

// Confirm releases a quarantined measurement of a configuration. It reports
// whether there was one.
func (p *Predictor) Confirm(w perf.Workload, id string) bool {
	if _, _, err := usable(&w); err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := *p.seen.Load()
	r, _ := s.exact.get(w.Key())
	i := slices.IndexFunc(r.held, func(o observation) bool { return o.id == id })
	if i < 0 {
		return false
	}
	next := record{kept: append(slices.Clone(r.kept), r.held[i]), held: slices.Delete(slices.Clone(r.held), i, i+1)}
	s.exact, s.count, s.last = s.exact.with(w.Key(), next), s.count+1, id
	p.apply(&s, w, r.held[i])
	p.seen.Store(&s)
	return true
}

// Reset forgets all measurements.
func (p *Predictor) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Store(&snapshot{})
}

// Learned is how many measurements are applied.
func (p *Predictor) Learned() int { return p.seen.Load().count }

// possible is the share of the attainable bound below which no time is believed.
const possible = 0.95

// suspicious says why a measurement should wait for confirmation; empty when
// it need not.
func suspicious(prior perf.Prediction, o observation, d *perf.Device, known bool) string {
	if o.latency > 0 && o.latency < possible*prior.Attainable && !known {
		return fmt.Sprintf("a step of %.4g s is below the attainable bound of %.4g s", o.latency, prior.Attainable)
	}
	if d.MemoryBytes > 0 && o.memory > d.MemoryBytes {
		return fmt.Sprintf("%.4g GB of memory are more than the %.4g GB of %s", o.memory/perf.GB, d.MemoryBytes/perf.GB, d.Name)
	}
	for _, x := range []struct {
		what, unit string
		scale      float64
		value      float64
		expected   *perf.Estimate
	}{
		{"a step", "s", 1, o.latency, &prior.Latency},
		{"a time to first token", "s", 1, o.ttft, prior.TTFT},
		{"a time per output token", "s", 1, o.tpot, prior.TPOT},
		{"a rate", "output tokens/s", 1, o.output, prior.OutputTokensPerSec},
		{"a memory", "GB", perf.GB, o.memory, &prior.Memory},
	} {
		if x.value <= 0 || x.expected == nil {
			continue
		}
		if x.value > 3*x.expected.High {
			return fmt.Sprintf("%s of %.4g %s is more than 3 times above the interval's end of %.4g %s", x.what, x.value/x.scale, x.unit, x.expected.High/x.scale, x.unit)
		}
		if x.value < x.expected.Low/3 {
			return fmt.Sprintf("%s of %.4g %s is more than 3 times below the interval's start of %.4g %s", x.what, x.value/x.scale, x.unit, x.expected.Low/x.scale, x.unit)
		}
	}
	return ""
}

// alike reports whether two observations agree within 25 % in all they share.
func alike(a, b observation) bool {
	shared := false
	for _, p := range [][2]float64{{a.latency, b.latency}, {a.ttft, b.ttft}, {a.tpot, b.tpot}, {a.output, b.output}, {a.memory, b.memory}} {
		if p[0] > 0 && p[1] > 0 {
			shared = true
			if math.Abs(math.Log(p[0]/p[1])) > math.Log(1.25) {
				return false
			}
		}
	}
	return shared
}

// answer puts the measured values of the very configuration, if there are any,
// in place of the estimated ones.
func (s *snapshot) answer(out *perf.Prediction, w perf.Workload) {
	r, ok := s.exact.get(w.Key())
	if !ok || len(r.kept) == 0 {
		return
	}
	newest := r.kept[len(r.kept)-1].environment
	var of []observation
	for _, o := range r.kept {
		if o.environment == newest {
			of = append(of, o)
		}
	}
	pick := func(get func(observation) float64) []float64 {
		var xs []float64
		for _, o := range of {
			if x := get(o); x > 0 {
				xs = append(xs, x)
			}
		}
		return xs
	}
	if xs := pick(func(o observation) float64 { return o.latency }); len(xs) > 0 {
		out.Latency = robust(xs)
		out.Throughput = out.Latency.Invert(float64(out.BatchSize * replicas(w)))
		if out.Latency.Value < out.Attainable {
			out.Warnings = append(out.Warnings, perf.Warning{Code: "BELOW_BOUND",
				Message: fmt.Sprintf("the measured step is shorter than the attainable bound of %.4g s: a fact about the device or model may be wrong", out.Attainable)})
		}
	}
	if xs := pick(func(o observation) float64 { return o.memory }); len(xs) > 0 {
		out.Memory = robust(xs)
		out.Fits = fit(w.Hardware, out.Memory.Value)
	}
	if xs := pick(func(o observation) float64 { return o.ttft }); len(xs) > 0 && out.TTFT != nil {
		*out.TTFT = robust(xs)
	}
	if xs := pick(func(o observation) float64 { return o.tpot }); len(xs) > 0 && out.TPOT != nil {
		*out.TPOT = robust(xs)
	}
	if xs := pick(func(o observation) float64 { return o.output }); len(xs) > 0 && out.OutputTokensPerSec != nil {
		*out.OutputTokensPerSec = robust(xs)
	}
	out.Evidence = nil
	out.Basis, out.Distance = perf.BasisMeasured, perf.DistanceCovered
	out.Warnings = slices.DeleteFunc(out.Warnings, func(w perf.Warning) bool { return w.Code == "FAR_FROM_DATA" })
	for i := len(of) - 1; i >= 0 && len(out.Evidence) < 8; i-- {
		out.Evidence = append(out.Evidence, perf.Evidence{ID: of[i].id, Source: "recorded", Model: w.Model, Device: w.Device,
			Count: 1, Weight: 1 / float64(len(of))})
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
