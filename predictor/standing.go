package predictor

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// Contender is one candidate of a choice among devices.
type Contender struct {
	Worth float64 // what is wanted: a rate, or a rate for a price; the larger the better
	Peak  float64 // what the devices' peak would give for the same price
	Known bool    // somebody measured the device

	Low, High float64 // interval of Worth, which no standing leaves; 0 = none
}

// HighestPeak is the rate of n devices in their fastest format, in FLOP/s or OP/s.
func HighestPeak(d *perf.Device, n int) float64 {
	return float64(max(1, n)) * math.Max(d.FP32, math.Max(d.FP16, d.Int8))
}

// trust is how much of a standing is the prediction's where nobody measured the
// device; the rest is the peak's. What is wrong with such predictions is mostly
// the level of a whole device, and "the highest peak wins" is a good rule for
// levels: over the corpus's configurations with three devices or more, all held
// out, the first choice of both together is as good as that of the better one
// alone, whichever that is (prediction where one model answers for all, peak
// where levels differ), for every trust from 0.25 to 0.6 (docs/accuracy.md).
const trust = 0.4

// Standings are the logarithms by which candidates are to be ranked: of what was
// predicted where the device is known; elsewhere a mean of that and of what
// the device's peak promises at the usual price of peak among the candidates.
func Standings(cs []Contender) []float64 {
	some := false
	for _, c := range cs {
		some = some || c.Known && c.ranks()
	}
	var level, n float64
	for _, c := range cs {
		if c.ranks() && (c.Known || !some) {
			level += math.Log(c.Worth / c.Peak)
			n++
		}
	}
	out := make([]float64, len(cs))
	for i, c := range cs {
		out[i] = math.Log(c.Worth)
		if !c.Known && c.ranks() {
			out[i] = trust*out[i] + (1-trust)*(math.Log(c.Peak)+level/n)
			if c.High > 0 { // one that is certainly worse stays so, whatever its peak
				out[i] = math.Max(math.Log(c.Low), math.Min(math.Log(c.High), out[i]))
			}
		}
	}
	return out
}

func (c Contender) ranks() bool { return c.Worth > 0 && c.Peak > 0 }
