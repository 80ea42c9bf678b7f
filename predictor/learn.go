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
	newest  hamt[string, string]  // by Config.Key without a version: the newest version of its runtime that was measured
	memory  hamt[uint64, share]   // by group of what takes memory
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
	rate        float64 // samples/s
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
	if o.rate = value(m.Throughput); o.latency == 0 && o.rate > 0 {
		o.latency = float64(max(1, w.BatchSize)*replicas(w)) / o.rate
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
	w.Unknown = perf.Unknown{} // what was measured is what is stored of it, and read back at the next start
	prior, err := p.Predict(w)
	if err != nil {
		return Verdict{}, err
	}
	_, _, _ = usable(&w) // as Predict does, so that the key is of the same configuration
	w.Unknown = perf.Unknown{}
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
		s.note(w)
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
	w.Unknown = perf.Unknown{}
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
	s.note(w)
	p.seen.Store(&s)
	return true
}

// note keeps a measured configuration's version where it is the newest.
func (s *snapshot) note(w perf.Workload) {
	version := w.RuntimeVersion
	if version == "" {
		return
	}
	w.RuntimeVersion = ""
	if v, ok := s.newest.get(w.Key()); !ok || VersionNumber(version) >= VersionNumber(v) {
		s.newest = s.newest.with(w.Key(), version)
	}
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

// pipelined is how many batches at once, at most, a rate may be of that is more
// than its latency allows for one after the other.
const pipelined = 10

// suspicious says why a measurement should wait for confirmation; empty when
// it need not.
func suspicious(prior perf.Prediction, o observation, d *perf.Device, known bool) string {
	if o.latency > 0 && o.latency < possible*prior.Attainable && !known {
		return fmt.Sprintf("a step of %.4g ms is below the attainable bound of %.4g ms", o.latency/perf.Millisecond, prior.Attainable/perf.Millisecond)
	}
	if o.rate > 0 && prior.Concurrency == 0 && !known {
		if step := float64(prior.BatchSize*replicas(perf.Workload{Config: prior.Config})) / o.rate; step > pipelined*o.latency || o.latency > pipelined*step {
			return fmt.Sprintf("%.4g samples/s and a step of %.4g ms contradict each other: a batch of %d at that rate takes %.4g ms",
				o.rate, o.latency/perf.Millisecond, prior.BatchSize, step/perf.Millisecond)
		}
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
		{"a step", "ms", perf.Millisecond, o.latency, &prior.Latency},
		{"a time to first token", "ms", perf.Millisecond, o.ttft, prior.TTFT},
		{"a time per output token", "ms", perf.Millisecond, o.tpot, prior.TPOT},
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
