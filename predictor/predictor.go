package predictor

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/kernel"
	"github.com/perfcast/perfcast/predictor/ops"
	"github.com/perfcast/perfcast/predictor/serving"
)

// Predictor answers workloads. It is safe for concurrent use: a prediction
// reads one immutable snapshot of what has been recorded.
type Predictor struct {
	hash     string // of the artefact; "physical" without one
	a        *Artefact
	kernel   *kernel.Model               // nil without one
	serving  *serving.Model              // nil without one
	from     map[[2]string][]SourceGroup // provenance by design and device
	sources  []string                    // the provenance's files, as evidence names them
	versions map[setup][]string          // of runtimes that devices were measured with
	usual    map[setup]string            // version of its runtime that a device was mostly measured with
	seen     atomic.Pointer[snapshot]    // what the operator's measurements taught
	mu       sync.Mutex                  // one Learn at a time

	eagerSteps memo
}

// New makes a predictor from an artefact's bytes, which it refuses when their
// magic, version or checksum is wrong. Without bytes it answers from physics
// alone.
func New(artefact []byte) (*Predictor, error) {
	if len(artefact) == 0 {
		return NewFrom(&Artefact{}, "physical")
	}
	a, err := Decode(artefact)
	if err != nil {
		return nil, err
	}
	return NewFrom(a, fingerprint(artefact))
}

// NewFrom makes a predictor from an artefact at hand, under a name of its own.
func NewFrom(a *Artefact, name string) (*Predictor, error) {
	p := &Predictor{hash: name, a: a, from: map[[2]string][]SourceGroup{}, usual: usualVersions(a.Provenance.Groups),
		versions: measuredVersions(a.Provenance.Groups)}
	p.seen.Store(&snapshot{})
	var err error
	if len(a.Kernel) > 0 {
		if p.kernel, err = kernel.Decode(a.Kernel); err != nil {
			return nil, fmt.Errorf("section kernel: %w", err)
		}
	}
	if len(a.Serving) > 0 {
		if p.serving, err = serving.Decode(a.Serving); err != nil {
			return nil, fmt.Errorf("section serving: %w", err)
		}
	}
	for _, f := range a.Provenance.Files {
		p.sources = append(p.sources, f.Source+"/"+f.Path+"@"+f.Commit)
	}
	for _, g := range a.Provenance.Groups {
		g.Version = "" // which evidence does not tell apart
		key := [2]string{g.Stem, g.Name}
		like := slices.IndexFunc(p.from[key], func(o SourceGroup) bool { o.Count = g.Count; return o == g })
		if like >= 0 {
			p.from[key][like].Count += g.Count
		} else {
			p.from[key] = append(p.from[key], g)
		}
	}
	return p, nil
}

// Default is a predictor with the artefact embedded in the program.
func Default() (*Predictor, error) { return New(embedded) }

// Embedded is the artefact in the program, as Train wrote it.
func Embedded() []byte { return embedded }

// Version names what answers: the artefact's hash and the last measurement
// applied. Equal versions answer equal requests with equal bytes.
func (p *Predictor) Version() string { return p.seen.Load().version(p.hash) }

// phase is a kind of step.
type phase uint8

const (
	phaseForward phase = iota // a pass over whole samples
	phaseTrain                // forward, backward, update
	phaseDecode               // one more token of each sequence
)

// usable checks that the workload has what a prediction needs, and fills in
// what a caller may leave zero.
func usable(w *perf.Workload) (*Runtime, Peak, error) {
	switch {
	case w.Facts == nil || !w.Facts.Sized():
		return nil, Peak{}, &perf.Error{Code: perf.CodeUnknown, Field: "model",
			Message: fmt.Sprintf("no facts of model %q: neither its layers, nor its multiply-accumulates, nor its parameters are known; store it first", w.Model)}
	case w.Hardware == nil:
		return nil, Peak{}, &perf.Error{Code: perf.CodeUnknown, Field: "device", Message: fmt.Sprintf("no facts of device %q", w.Device)}
	}
	if w.Platform == "" {
		w.Platform = w.Hardware.Platform
	}
	if !Sequential(w.Facts) { // an image has no tokens, whatever the request says
		w.SequenceLength, w.OutputLength = 0, 0
	}
	if !w.Facts.Denoises() {
		w.Steps = 0
	}
	if w.Facts.Windowed() {
		w.Unknown.Sequence = true // the window's length is known, the sound's in it is not
		if n := w.SequenceLength / perf.AudioFrames; n > 1 {
			several := *w.Facts
			several.Passes = float64(n)
			w.Facts = &several
		}
	}
	rt := RuntimeNamed(w.Runtime)
	if rt == nil {
		rt = DefaultRuntime(*w)
		w.Unknown.Runtime = true
	}
	w.Runtime = rt.Name
	if w.Threads == 0 && rt.Single && host(w.Hardware) {
		w.Threads, w.Unknown.Threads = 1, true
	}
	Settle(w)
	w.BatchSize = max(1, w.BatchSize)
	w.Devices = max(1, w.Devices)
	w.TensorParallel = max(1, w.TensorParallel)
	w.PipelineParallel = max(1, w.PipelineParallel)
	pk, ok := PeakOf(w.Hardware, w.Precision, rt.TF32)
	if !ok {
		return nil, Peak{}, &perf.Error{Code: perf.CodeUnknown, Field: "device",
			Message: fmt.Sprintf("device %q states no peak rate in any precision", w.Device)}
	}
	return rt, pk, nil
}

// Settle gives a workload without a precision the usual one of its runtime, and
// marks it as assumed.
func Settle(w *perf.Workload) {
	if w.Precision != "" {
		return
	}
	asked := w.Runtime
	if RuntimeNamed(asked) == nil {
		w.Runtime = DefaultRuntime(*w).Name
	}
	w.Precision, w.Unknown.Precision = UsualPrecision(*w), true
	w.Runtime = asked
}

// Sequential reports whether the length of a sample, and of what is generated
// from it, means something for a model.
func Sequential(m *perf.Model) bool {
	return m.Text() || m.Generates() || m.Family == "audio" || m.Family == "multimodal"
}

// UsualPrecision is what a workload whose request names none is taken to
// compute in: 16 bits for language models and diffusion on accelerators, 8 for
// neural processors, otherwise fp32.
func UsualPrecision(w perf.Workload) perf.Precision {
	d := w.Hardware
	switch {
	case d.FP32 == 0 && d.FP16 == 0 && d.BF16 == 0 && d.Int8 > 0:
		return perf.Int8
	case d.FP32 == 0 && d.FP16 == 0 && d.BF16 > 0:
		return perf.BF16
	case (w.Runtime == "qaic" || w.Runtime == "deepsparse") && d.Int8 > 0: // what they were made for
		return perf.Int8
	case (w.Facts.Generates() && w.Facts.Text() || w.Facts.Family == "diffusion") && d.Platform != perf.CPU && math.Max(d.FP16, d.BF16) > d.FP32:
		if d.BF16 > 0 {
			return perf.BF16
		}
		return perf.FP16
	case w.Runtime == "ncnn" && d.FP16 > d.FP32 && class(d) != "gpu": // computes in 16 bits wherever that is faster
		return perf.FP16
	}
	return perf.FP32
}

// cost takes one step of the workload apart.
func cost(w perf.Workload, rt *Runtime, pk Peak, ph phase) Cost {
	var s ops.Step
	switch ph {
	case phaseTrain:
		s = ops.Train(w)
		s.Fused = rt.Attention
	case phaseDecode:
		s = ops.Decode(w, ops.Tokens(w)+w.OutputLength/2)
		s.Batch = inFlight(&w)
	default:
		s = ops.Forward(w)
		s.Fused = rt.Attention
		s.LastOnly = w.Facts.Generates() && (rt.Serves || rt.Attention || w.OutputLength > 0)
	}
	list := lists.Get().(*[]ops.Op)
	defer lists.Put(list)
	*list = ops.Append((*list)[:0], w, s)
	if x := ops.Exchange(w, s.Train, rt.Replicates); x.Wire > 0 {
		*list = append(*list, x)
	}
	return costOf(w, rt, pk, *list)
}

// lists are operation lists to be used again.
var lists = sync.Pool{New: func() any { return new([]ops.Op) }}

// Predict answers a workload. Errors are of perf.CodeUnknown: facts without
// which there is no answer. Everything else is a warning.
func (p *Predictor) Predict(w perf.Workload) (perf.Prediction, error) {
	asked := w.Config
	rt, pk, err := usable(&w)
	if err != nil {
		return perf.Prediction{}, err
	}
	seen := p.seen.Load()
	own := seen.own(w)
	config := w.Config
	config.SequenceLength, config.OutputLength, config.Concurrency, config.Steps = asked.SequenceLength, asked.OutputLength, asked.Concurrency, asked.Steps // as it was asked, relevant or not
	out := perf.Prediction{Config: config, ModelVersion: seen.version(p.hash), Distance: perf.DistanceFar}
	own.memory(&out, w, rt, seen)
	usual := p.versioned(&w)
	of := p.times(&out, w, rt, pk, seen)
	own.answer(&out, w)
	explain(&out, w, rt, pk, of, usual)
	own.explain(&out, w)
	return out, nil
}

// times fills in how long things take. It gives back the time that the request
// is after, by which the answer as a whole is described: a request's or a
// token's where there is output or an engine, else the step's.
func (p *Predictor) times(out *perf.Prediction, w perf.Workload, rt *Runtime, pk Peak, seen *snapshot) timed {
	step := p.time(w, rt, pk, StepTime, Plain, seen)
	out.Latency, out.Attainable, out.Shares = step.Estimate, step.attainable, step.shares
	out.Throughput = out.Latency.Invert(float64(w.BatchSize * replicas(w)))
	after := step
	if w.Facts.Generates() && w.Mode != perf.Training {
		if written := p.generation(out, w, rt, pk, seen); w.OutputLength > 0 || w.Concurrency > 0 {
			after = written
		}
	}
	out.Basis, out.Distance, out.DeviceKnown = after.basis, after.distance, after.known
	p.evidence(out, w, rt, after.teachers)
	return after
}

// generation fills in the times of a model that writes, and gives a request's
// back, or a token's where there is none.
func (p *Predictor) generation(out *perf.Prediction, w perf.Workload, rt *Runtime, pk Peak, seen *snapshot) timed {
	ttft := out.Latency
	if w.Concurrency > 0 {
		ttft = p.time(w, rt, pk, FirstToken, Plain, seen).Estimate
	}
	tpot := p.time(w, rt, pk, TokenTime, Plain, seen)
	out.TTFT, out.TPOT, out.Breakdowns.Token = &ttft, &tpot.Estimate, tpot.breakdown()
	written := tpot
	if w.OutputLength > 0 {
		written = p.time(w, rt, pk, RequestTime, Plain, seen)
		out.EndToEnd, out.Breakdowns.Request = &written.Estimate, written.breakdown()
	}
	rate := outputRate(out, w)
	out.OutputTokensPerSec = &rate
	return written
}

// outputRate is how many tokens a second the system writes at its token's and
// request's times.
func outputRate(out *perf.Prediction, w perf.Workload) perf.Estimate {
	switch {
	case w.Concurrency > 0 && w.OutputLength > 0: // each request that ends makes room for the next: Little's law
		return out.EndToEnd.Invert(float64(w.Concurrency * w.OutputLength))
	case w.Concurrency > 0: // of the whole system already
		return out.TPOT.Invert(float64(w.Concurrency))
	}
	return out.TPOT.Invert(float64(w.BatchSize * replicas(w)))
}

// timed is a time with what is known of it.
type timed struct {
	perf.Estimate
	attainable float64
	ideal      float64 // at the datasheet's rates
	shares     perf.Shares
	basis      perf.Basis
	distance   perf.Distance
	known      bool      // somebody measured the device
	software   bool      // somebody measured the runtime on such a device
	teachers   []teacher // the recorded measurements that moved it
}

func (t *timed) breakdown() *perf.Breakdown {
	return &perf.Breakdown{Shares: t.shares, Attainable: t.attainable}
}

// time is how long a quantity of the workload takes.
func (p *Predictor) time(w perf.Workload, rt *Runtime, pk Peak, q Quantity, m Manner, seen *snapshot) timed {
	in := inputOf(w, rt, pk, q, m)
	c := &in.Cost
	o := opinion{ln: math.Log(c.Stated), low: math.Log(PhysicalFactor), high: math.Log(PhysicalFactor), state: NewBoth}
	basis, known, software := perf.BasisPhysical, false, true
	if p.a.Learned != nil {
		p.nearest(&in, w, rt, q, m)
		o, basis = p.opinion(&in, w, rt, q, m, seen), perf.BasisLearned
		known = p.knows(&in, seen)
		_, software = p.a.Learned.Effects[in.Groups[groupSoftware]]
		if len(o.teachers) > 0 {
			basis = perf.BasisNeighbour
		}
	}
	v := math.Exp(o.ln)
	t := timed{attainable: c.Attainable, ideal: c.Ideal, shares: c.shares(&o.factors), basis: basis, known: known, software: software, teachers: o.teachers}
	t.Value = math.Max(v, c.Attainable)
	t.Low = math.Max(math.Min(v*math.Exp(-o.low), t.Value), c.Attainable)
	t.High = t.Value * math.Exp(o.high) // where the bound is above what was learned the truth is above it, nobody knows how far
	t.distance = distance(o.state, t.High/t.Low, v < c.Attainable)
	return t
}

// knows reports whether anybody measured the device.
func (p *Predictor) knows(in *Input, seen *snapshot) bool {
	if _, ok := seen.devices.get(in.Groups[groupDevice]); ok {
		return true
	}
	_, ok := p.a.Learned.Effects[in.Groups[groupDevice]]
	return ok
}

// PhysicalFactor is how far either way an answer from physics alone says that
// it may be off.
const PhysicalFactor = 3

// distance to the data: what training knew of the question, unless the interval,
// or a bound in the estimate's place, says that it knew less. wide is the
// interval's upper end over its lower one.
func distance(s State, wide float64, bounded bool) perf.Distance {
	const some, little = PhysicalFactor * PhysicalFactor, 100
	switch {
	case s == NewBoth || wide > little:
		return perf.DistanceFar
	case s == NewModel || s == NewDevice || wide > some || bounded:
		return perf.DistanceExtrapolated
	}
	return perf.DistanceCovered
}
