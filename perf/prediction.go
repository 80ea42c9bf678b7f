package perf

import "time"

// Estimate is a value with its 90 % interval, all in the same unit. Low <=
// Value <= High.
type Estimate struct {
	Value, Low, High float64
}

// Scale is the estimate times k > 0.
func (e Estimate) Scale(k float64) Estimate { return Estimate{e.Value * k, e.Low * k, e.High * k} }

// Invert turns an estimate of t into one of k/t: the ends change places.
func (e Estimate) Invert(k float64) Estimate { return Estimate{k / e.Value, k / e.High, k / e.Low} }

// Basis says what a prediction rests on, strongest first.
type Basis string

// The bases.
const (
	BasisMeasured  Basis = "measured"  // the very configuration has been measured
	BasisNeighbour Basis = "neighbour" // measurements of the same model or device nearby moved the estimate
	BasisLearned   Basis = "learned"   // the pretrained model
	BasisPhysical  Basis = "physical"  // the physical bound and a stated utilisation
)

// Fit is the memory verdict.
type Fit string

// The verdicts. Tight means above 90 % of the usable memory, within the error
// of the memory estimate.
const (
	FitYes   Fit = "fits"
	FitTight Fit = "tight"
	FitNo    Fit = "does_not_fit"
)

// Bound names what a step spends most of its time on.
type Bound string

// The bounds.
const (
	BoundCompute       Bound = "compute"
	BoundMemory        Bound = "memory_bandwidth"
	BoundOverhead      Bound = "overhead"
	BoundCommunication Bound = "communication"
)

// Shares are the parts of a step's time, which sum to 1.
type Shares struct {
	Compute, MemoryBandwidth, Overhead, Communication float64 `json:",omitzero"`
}

// Bound is the largest share.
func (s Shares) Bound() Bound {
	b, most := BoundCompute, s.Compute
	for _, x := range []struct {
		b Bound
		v float64
	}{{BoundMemory, s.MemoryBandwidth}, {BoundOverhead, s.Overhead}, {BoundCommunication, s.Communication}} {
		if x.v > most {
			b, most = x.b, x.v
		}
	}
	return b
}

// Breakdown is what a time is spent on.
type Breakdown struct {
	Shares     Shares  `json:",omitzero"`
	Attainable float64 `json:",omitzero"` // s, its physical bound
}

// Bound is what most of the time is spent on.
func (b *Breakdown) Bound() Bound { return b.Shares.Bound() }

// AttainableMs is Attainable in milliseconds.
func (b *Breakdown) AttainableMs() float64 { return Milliseconds(b.Attainable) }

// Breakdowns are those of a language model's times besides the step; nil where
// there is no such time.
type Breakdowns struct {
	Token   *Breakdown `json:",omitzero"` // of each further output token
	Request *Breakdown `json:",omitzero"` // of a whole request with its output
}

// Distance says how far a request is from the data the answer was learned from.
type Distance string

// The levels.
const (
	DistanceCovered      Distance = "well_covered" // model kind, device and runtime all seen
	DistanceExtrapolated Distance = "extrapolated" // one of them unseen
	DistanceFar          Distance = "far"          // more than one unseen: read the answer as a factor
)

// Warning is something the caller should know about a successful answer.
type Warning struct {
	Code    string // "DEVICE_ASSUMED", "PRECISION_FALLBACK", "FAR_FROM_DATA", ...
	Message string
}

// Evidence is one thing an answer rests on: a recorded measurement (ID set) or
// a group of corpus rows, named by where they come from (no values).
type Evidence struct {
	ID      string  `json:",omitzero"` // of the user's own measurement; empty for the corpus
	Source  string  `json:",omitzero"` // corpus: source, path and commit
	Model   string  `json:",omitzero"`
	Device  string  `json:",omitzero"`
	Runtime string  `json:",omitzero"`
	Count   int     `json:",omitzero"`
	Weight  float64 `json:",omitzero"` // in [0, 1]: how much it moved the answer
}

// MemoryParts are what the memory estimate is made of, in bytes.
type MemoryParts struct {
	Weights, KVCache, Activations, Gradients, Optimizer, Runtime float64 `json:",omitzero"`
}

// Total is the sum of the parts.
func (m MemoryParts) Total() float64 {
	return m.Weights + m.KVCache + m.Activations + m.Gradients + m.Optimizer + m.Runtime
}

// Scale is the parts times k.
func (m MemoryParts) Scale(k float64) MemoryParts {
	return MemoryParts{m.Weights * k, m.KVCache * k, m.Activations * k, m.Gradients * k, m.Optimizer * k, m.Runtime * k}
}

// Prediction is the answer to "how fast does this run there, and does it fit".
type Prediction struct {
	ID   string    `json:",omitzero"` // "pred-..."; empty when the prediction was not stored
	Time time.Time `json:",omitzero"`
	Config

	// Latency is the time of one step, in seconds: a forward pass over the
	// whole batch (over SequenceLength tokens for a language model), or a
	// training step. Throughput is samples (requests) per second.
	Latency    Estimate `json:",omitzero"`
	Throughput Estimate `json:",omitzero"`
	Memory     Estimate `json:",omitzero"` // bytes on each device

	// Language models only; nil otherwise.
	TTFT               *Estimate `json:",omitzero"` // s, time to first token
	TPOT               *Estimate `json:",omitzero"` // s, time per output token, the first excluded
	OutputTokensPerSec *Estimate `json:",omitzero"` // of the whole system, 1/s
	EndToEnd           *Estimate `json:",omitzero"` // s, one request with its output; nil when OutputLength is 0

	MemoryParts MemoryParts `json:",omitzero"`
	Fits        Fit         `json:",omitzero"`
	MaxBatch    int         `json:",omitzero"` // largest batch that fits with all else equal; 0 = none
	MaxSequence int         `json:",omitzero"` // longest context that fits with all else equal; 0 = none or not a sequence model

	Shares       Shares     `json:",omitzero"`
	Attainable   float64    `json:",omitzero"` // s, the physical bound of Latency
	Breakdowns   Breakdowns `json:",omitzero"`
	Basis        Basis      `json:",omitzero"`
	Distance     Distance   `json:",omitzero"`
	ModelVersion string     `json:",omitzero"` // hash of the artefact, "+", last measurement applied

	Evidence    []Evidence `json:",omitzero"`
	Assumptions []string   `json:",omitzero"`
	Warnings    []Warning  `json:",omitzero"`
	Source      string     `json:",omitzero"` // "api", "sample", ...: who asked
	Sample      bool       `json:",omitzero"` // generated sample data: never in accuracy or training

	DeviceKnown bool `json:"-"` // somebody measured the device: what ranking goes by; not stored
}

// Bound is what the step spends most of its time on.
func (p *Prediction) Bound() Bound { return p.Shares.Bound() }

// TokenBreakdown is what each further output token's time is spent on; nil
// unless the model generates text.
func (p *Prediction) TokenBreakdown() *Breakdown { return p.Breakdowns.Token }

// RequestBreakdown is what a whole request's time is spent on; nil when
// OutputLength is 0.
func (p *Prediction) RequestBreakdown() *Breakdown { return p.Breakdowns.Request }

// ThroughputUnit is the unit of Throughput.
func (p *Prediction) ThroughputUnit() string { return MetricThroughput.Unit() }

// RequestsPerSec is how many whole requests, prompt and generated text, the
// system answers a second; nil when OutputLength is 0.
func (p *Prediction) RequestsPerSec() *Estimate {
	if p.OutputLength == 0 {
		return nil
	}
	return scaled(p.OutputTokensPerSec, 1/float64(p.OutputLength))
}

// OutputTokensPerSecPerDevice is OutputTokensPerSec of one device.
func (p *Prediction) OutputTokensPerSecPerDevice() *Estimate {
	return scaled(p.OutputTokensPerSec, 1/float64(max(1, p.Devices)))
}

// AttainableMs is Attainable in milliseconds.
func (p *Prediction) AttainableMs() float64 { return Milliseconds(p.Attainable) }

// MemoryPartsMb is MemoryParts in MB (10^6 bytes).
func (p *Prediction) MemoryPartsMb() MemoryParts { return p.MemoryParts.Scale(1 / MB) }

// LatencyMs is Latency in milliseconds.
func (p *Prediction) LatencyMs() Estimate { return p.Latency.Scale(1 / Millisecond) }

// MemoryMb is Memory in MB (10^6 bytes).
func (p *Prediction) MemoryMb() Estimate { return p.Memory.Scale(1 / MB) }

// TTFTMs is TTFT in milliseconds.
func (p *Prediction) TTFTMs() *Estimate { return scaled(p.TTFT, 1/Millisecond) }

// TPOTMs is TPOT in milliseconds.
func (p *Prediction) TPOTMs() *Estimate { return scaled(p.TPOT, 1/Millisecond) }

// EndToEndMs is EndToEnd in milliseconds.
func (p *Prediction) EndToEndMs() *Estimate { return scaled(p.EndToEnd, 1/Millisecond) }

func scaled(e *Estimate, k float64) *Estimate {
	if e == nil {
		return nil
	}
	s := e.Scale(k)
	return &s
}
