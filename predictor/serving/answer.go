package serving

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// Answer is the predicted behaviour of one workload.
type Answer struct {
	TTFT float64 // s until the first token of a request, waiting included
	TPOT float64 // s for each token after the first, as one request sees it
	// EndToEnd is one request from sending to its last token (of the whole
	// batch where there is no serving engine), in s.
	EndToEnd           float64
	OutputTokensPerSec float64 // of the whole system
	RequestsPerSec     float64 // of the whole system
	Running            float64 // sequences decoding at once, whole system
	Room               float64 // sequences the caches have room for, whole system

	Shares perf.Shares // of the time a request spends being worked on

	// Spread of the logarithm of actual over predicted: 1.645 of them hold 90 %.
	SigmaTTFT, SigmaTPOT float64
	Level                Level // what of the workload was seen in training

	Physical struct{ TTFT, TPOT float64 } // before anything was learned from measurements
}

// Quantity is what a measurement is of. Each is a function of an Answer.
type Quantity uint8

// The quantities.
const (
	TTFT        Quantity = iota // s
	TPOT                        // s
	EndToEnd                    // s, one request or one batch from start to finish
	PromptRate                  // prompt tokens/s while the prompt is taken in
	DecodeRate                  // generated tokens/s of the whole system while decoding
	OutputRate                  // generated tokens/s of the whole system, prompts included in the time
	TotalRate                   // prompt and generated tokens/s of the whole system
	RequestRate                 // requests/s of the whole system
	numQuantities
)

var quantityNames = [numQuantities]string{"ttft", "tpot", "end_to_end", "prompt_rate", "decode_rate", "output_rate", "total_rate", "request_rate"}

// String is the quantity's name.
func (q Quantity) String() string { return quantityNames[q] }

// Of is the predicted value of a quantity for the workload answered, in SI
// units.
func (a *Answer) Of(q Quantity, w *perf.Workload) float64 {
	in, out := float64(w.SequenceLength), float64(w.OutputLength)
	switch q {
	case TTFT:
		return a.TTFT
	case TPOT:
		return a.TPOT
	case EndToEnd:
		return a.EndToEnd
	case PromptRate:
		return in * math.Max(1, float64(w.BatchSize)) / a.TTFT
	case DecodeRate:
		return a.Running / a.TPOT
	case OutputRate:
		return a.OutputTokensPerSec
	case TotalRate:
		return a.RequestsPerSec * (in + out)
	}
	return a.RequestsPerSec
}

// rate reports whether a quantity grows as time falls.
func (q Quantity) rate() bool { return q >= PromptRate }
