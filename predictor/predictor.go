package predictor

import (
	"fmt"
	"math"
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
	hash    string // of the artefact; "physical" without one
	a       *Artefact
	kernel  *kernel.Model               // nil without one
	serving *serving.Model              // nil without one
	from    map[[2]string][]SourceGroup // provenance by design and device
	seen    atomic.Pointer[snapshot]    // what the operator's measurements taught
	mu      sync.Mutex                  // one Learn at a time

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
	p := &Predictor{hash: name, a: a, from: map[[2]string][]SourceGroup{}}
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
	for _, g := range a.Provenance.Groups {
		key := [2]string{g.Stem, g.Name}
		p.from[key] = append(p.from[key], g)
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
	rt := RuntimeNamed(w.Runtime)
	if rt == nil {
		rt = DefaultRuntime(*w)
		w.Unknown.Runtime = true
	}
	w.Runtime = rt.Name
	if w.Threads == 0 && rt.Single && host(w.Hardware) {
		w.Threads, w.Unknown.Threads = 1, true
	}
	if w.Precision == "" {
		w.Unknown.Precision = true
		w.Precision = UsualPrecision(*w)
	}
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

// UsualPrecision is what a workload whose request names none is taken to
// compute in: 16 bits for language models on accelerators, 8 for neural
// processors, otherwise fp32.
func UsualPrecision(w perf.Workload) perf.Precision {
	d := w.Hardware
	switch {
	case d.FP32 == 0 && d.FP16 == 0 && d.BF16 == 0 && d.Int8 > 0:
		return perf.Int8
	case d.FP32 == 0 && d.FP16 == 0 && d.BF16 > 0:
		return perf.BF16
	case w.Facts.Generates() && w.Facts.Text() && d.Platform != perf.CPU && math.Max(d.FP16, d.BF16) > d.FP32:
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
		if w.Concurrency > 0 {
			s.Batch = w.Concurrency
		}
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
	rt, pk, err := usable(&w)
	if err != nil {
		return perf.Prediction{}, err
	}
	seen := p.seen.Load()
	out := perf.Prediction{Config: w.Config, ModelVersion: seen.version(p.hash), Distance: perf.DistanceFar}
	memory(&out, w, rt)
	p.times(&out, w, rt, pk, seen)
	p.explain(&out, w, rt, pk)
	seen.answer(&out, w)
	return out, nil
}

// memory fills in what the workload needs and the verdict.
func memory(out *perf.Prediction, w perf.Workload, rt *Runtime) {
	out.MemoryParts = memoryOf(w, rt)
	total := out.MemoryParts.Total()
	out.Memory = perf.Estimate{Value: total, Low: total / 1.4, High: total * 1.8} // holds 90 % of the corpus's GPU rows; libraries take more than expected rather than less
	out.Fits = fit(w.Hardware, total)
	if out.Fits == perf.FitNo && rt.Serves && (w.Concurrency > 1 || w.BatchSize > 1) {
		one := w
		one.Concurrency, one.BatchSize = min(w.Concurrency, 1), 1
		if fit(w.Hardware, memoryOf(one, rt).Total()) != perf.FitNo {
			out.Fits = perf.FitTight // the engine holds requests back until there is room
		}
	}
	out.MaxBatch, out.MaxSequence = limits(w, rt)
}

// times fills in how long steps take.
func (p *Predictor) times(out *perf.Prediction, w perf.Workload, rt *Runtime, pk Peak, seen *snapshot) {
	step := p.time(w, rt, pk, StepTime, Plain, seen)
	out.Attainable, out.Shares, out.Basis, out.Distance = step.attainable, step.shares, step.basis, step.distance
	out.Latency, out.DeviceKnown = step.Estimate, step.known
	p.evidence(out, w, step.ids)
	copies := float64(replicas(w))
	out.Throughput = out.Latency.Invert(float64(w.BatchSize) * copies)
	if !w.Facts.Generates() || w.Mode == perf.Training {
		return
	}
	ttft := step.Estimate
	if w.Concurrency > 0 {
		ttft = p.time(w, rt, pk, FirstToken, Plain, seen).Estimate
	}
	tpot := p.time(w, rt, pk, TokenTime, Plain, seen).Estimate
	rate := tpot.Invert(float64(w.BatchSize) * copies)
	if w.Concurrency > 0 { // of the whole system already
		rate = tpot.Invert(float64(w.Concurrency))
	}
	out.TTFT, out.TPOT = &ttft, &tpot
	if w.OutputLength > 0 {
		whole := p.time(w, rt, pk, RequestTime, Plain, seen).Estimate
		out.EndToEnd = &whole
		if w.Concurrency > 0 { // each request that ends makes room for the next: Little's law
			rate = whole.Invert(float64(w.Concurrency * w.OutputLength))
		}
	}
	out.OutputTokensPerSec = &rate
}

// timed is a time with what is known of it.
type timed struct {
	perf.Estimate
	attainable float64
	ideal      float64 // at the datasheet's rates
	shares     perf.Shares
	basis      perf.Basis
	distance   perf.Distance
	known      bool     // somebody measured the device
	ids        []string // of the recorded measurements that moved it
}

// time is how long a quantity of the workload takes.
func (p *Predictor) time(w perf.Workload, rt *Runtime, pk Peak, q Quantity, m Manner, seen *snapshot) timed {
	in := inputOf(w, rt, pk, q, m)
	c := &in.Cost
	o := opinion{ln: math.Log(c.Stated), low: math.Log(PhysicalFactor), high: math.Log(PhysicalFactor), state: NewBoth}
	basis, known := perf.BasisPhysical, false
	if p.a.Learned != nil {
		o, basis = p.opinion(&in, w, rt, q, m, seen), perf.BasisLearned
		known = p.knows(&in, seen)
		if len(o.ids) > 0 {
			basis = perf.BasisNeighbour
		}
	}
	v := math.Exp(o.ln)
	t := timed{attainable: c.Attainable, ideal: c.Ideal, shares: c.shares(&o.factors), basis: basis, distance: distances[o.state], known: known, ids: o.ids}
	t.Value = math.Max(v, c.Attainable)
	t.Low = math.Max(math.Min(v*math.Exp(-o.low), t.Value), c.Attainable)
	t.High = math.Max(v*math.Exp(o.high), t.Value)
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

// distances to the data by what training knew.
var distances = [NumStates]perf.Distance{
	KnownCell: perf.DistanceCovered, KnownBoth: perf.DistanceCovered,
	NewModel: perf.DistanceExtrapolated, NewDevice: perf.DistanceExtrapolated, NewBoth: perf.DistanceFar,
}

// evidence names what the answer rests on: the operator's own measurements,
// then the largest groups of training data about this design on this device.
func (p *Predictor) evidence(out *perf.Prediction, w perf.Workload, ids []string) {
	for i := len(ids) - 1; i >= 0; i-- {
		out.Evidence = append(out.Evidence, perf.Evidence{ID: ids[i], Source: "recorded", Count: 1, Weight: 1 / float64(len(ids))})
	}
	total := 0
	groups := p.from[[2]string{StemOf(w.Facts), w.Hardware.Name}]
	for _, g := range groups {
		total += g.Count
	}
	for _, g := range groups[:min(5, len(groups))] {
		f := p.a.Provenance.Files[g.File]
		out.Evidence = append(out.Evidence, perf.Evidence{Source: f.Source + "/" + f.Path + "@" + f.Commit, Model: g.Stem, Device: g.Name,
			Count: g.Count, Weight: float64(g.Count) / float64(total)})
	}
}

// explain fills in warnings and assumptions.
func (p *Predictor) explain(out *perf.Prediction, w perf.Workload, rt *Runtime, pk Peak) {
	warn := func(code, format string, args ...any) {
		out.Warnings = append(out.Warnings, perf.Warning{Code: code, Message: fmt.Sprintf(format, args...)})
	}
	if lacks(w.Precision, pk) {
		warn("PRECISION_FALLBACK", "%s has no fast %s unit: computed in %s", w.Hardware.Name, w.Precision, pk.Ran)
	}
	if out.Fits == perf.FitNo {
		warn("DOES_NOT_FIT", "needs %.1f GB of the %.1f GB usable on %s; the times are what it would take if it fitted",
			out.Memory.Value/perf.GB, w.Hardware.UsableMemoryBytes()/perf.GB, w.Hardware.Name)
	}
	if m := w.Facts.MaxPosition; m > 0 && w.SequenceLength > m {
		warn("SEQUENCE_TOO_LONG", "%s was made for at most %d tokens", w.Facts.Name, m)
	}
	if out.Distance == perf.DistanceFar {
		warn("FAR_FROM_DATA", "neither the design nor the device with this runtime was measured: read the times as a factor of %.1f either way",
			math.Max(out.Latency.High/out.Latency.Value, out.Latency.Value/out.Latency.Low))
	}
	if w.Unknown.Runtime {
		out.Assumptions = append(out.Assumptions, "runtime: "+rt.Title)
	}
	if pk.Ran == perf.TF32 && w.Precision == perf.FP32 {
		out.Assumptions = append(out.Assumptions, "fp32 products may run in tf32, the framework's default")
	}
	if n := w.Facts.Passes; n > 1 {
		out.Assumptions = append(out.Assumptions, fmt.Sprintf("a sample takes %g forward passes", n))
	}
	if w.Unknown.Threads {
		out.Assumptions = append(out.Assumptions, fmt.Sprintf("threads: %d, what %s takes by itself", w.Threads, rt.Title))
	}
	if w.Unknown.Batch {
		out.Assumptions = append(out.Assumptions, fmt.Sprintf("batch size: %d", w.BatchSize))
	}
	if w.Unknown.Precision {
		out.Assumptions = append(out.Assumptions, "precision: "+string(w.Precision))
	}
	if z := w.Facts; !ops.Layered(z) && (z.MACs == 0 || z.Activations == 0) {
		out.Assumptions = append(out.Assumptions, "activations or multiply-accumulates estimated from what is typical")
	}
}
