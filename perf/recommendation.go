package perf

import "time"

// Constraints bound what may be recommended; zero means no bound.
type Constraints struct {
	MaxLatency      float64 `json:",omitzero"` // s, one step
	MaxTTFT         float64 `json:",omitzero"` // s
	MaxTPOT         float64 `json:",omitzero"` // s
	MaxMemory       float64 `json:",omitzero"` // bytes on one device
	MinThroughput   float64 `json:",omitzero"` // samples/s
	MaxPricePerHour float64 `json:",omitzero"` // in the fleet's currency
}

// MaxLatencyMs is MaxLatency in milliseconds.
func (c *Constraints) MaxLatencyMs() float64 { return Milliseconds(c.MaxLatency) }

// MaxTTFTMs is MaxTTFT in milliseconds.
func (c *Constraints) MaxTTFTMs() float64 { return Milliseconds(c.MaxTTFT) }

// MaxTPOTMs is MaxTPOT in milliseconds.
func (c *Constraints) MaxTPOTMs() float64 { return Milliseconds(c.MaxTPOT) }

// MaxMemoryMb is MaxMemory in MB (10^6 bytes).
func (c *Constraints) MaxMemoryMb() float64 { return Megabytes(c.MaxMemory) }

// Objective is what a recommendation maximises.
type Objective string

// The objectives.
const (
	ObjectiveThroughput Objective = "throughput"
	ObjectiveLatency    Objective = "latency" // the smallest
	ObjectiveCost       Objective = "cost"    // samples per unit of currency
)

// Candidate is one piece of hardware considered by a recommendation.
type Candidate struct {
	Rank           int        `json:",omitzero"` // from 1; tied candidates share one; 0 = ruled out
	Prediction     Prediction `json:",omitzero"`
	PricePerHour   float64    `json:",omitzero"` // 0 = not known
	CostPerMillion float64    `json:",omitzero"` // currency per million samples; 0 = not known
	Score          float64    `json:",omitzero"` // in (0, 1]: value of the objective relative to the best; of devices that nobody measured, partly what their peak promises
	Tied           bool       `json:",omitzero"` // its interval overlaps the best one's
	Reason         string     `json:",omitzero"` // why it is here, or why it was ruled out
	Violations     []string   `json:",omitzero"`

	// What ranking goes by; not stored.
	Peak     float64 `json:"-"` // FLOP/s of all devices in their fastest format
	Standing float64 `json:"-"` // ln; see predictor.Standings
}

// Recommendation is the answer to "which hardware should I take".
type Recommendation struct {
	ID          string // "rec-..."
	Time        time.Time
	Config      // of the request; Platform and Device are the primary choice
	UserID      string
	Params      float64 // parameters of the model as known at the time; 0 = not known
	Constraints Constraints
	Objective   Objective
	Candidates  []Candidate // best first, the ruled-out last
	Reason      string
	Warnings    []Warning
	WasAccepted *bool  // nil until feedback came
	Feedback    string // the user's words
	Sample      bool
}

// Primary is the best candidate, or nil when none qualifies.
func (r *Recommendation) Primary() *Candidate {
	if len(r.Candidates) == 0 || r.Candidates[0].Rank == 0 {
		return nil
	}
	return &r.Candidates[0]
}

// Alternatives are the other candidates that qualify, best first.
func (r *Recommendation) Alternatives() []Candidate {
	for i, c := range r.Candidates {
		if c.Rank == 0 {
			return r.Candidates[min(1, i):i]
		}
	}
	return r.Candidates[min(1, len(r.Candidates)):]
}
