package predictor

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// What a recorded memory teaches of others: software takes more or less than
// expected of everything (its workspaces), of a precision (what it keeps in
// another format) and of a design. Each such group has a share in the logarithm
// of the need, of which nothing is known at first.

// share is what is known of a group's share: normal.
type share struct{ mean, variance float64 }

const (
	footprintGroups = 3
	footprintSpread = 0.17 // standard deviation of a group's share
	footprintNoise  = 0.1  // of one measurement around the groups' shares
)

// What may be taken of the weights, which are nearly known, and of all else: the
// interval holds 90 % of the corpus's 205 figures, 5 % lie below and 5 % above.
const (
	leastWeights, mostWeights = 0.9, 1.05
	leastRest, mostRest       = 0.33, 2.2
)

func footprintOf(w perf.Workload, rt *Runtime) [footprintGroups]uint64 {
	p := precisionClass(w.Precision)
	return [...]uint64{hash("m", rt.Name), hash("mp", rt.Name, p), hash("ms", rt.Name, p, StemOf(w.Facts), string(w.Mode))}
}

func (s *snapshot) shareOf(g uint64) share {
	if x, ok := s.memory.get(g); ok {
		return x
	}
	return share{0, footprintSpread * footprintSpread}
}

// footprint is the memory that a workload takes, in bytes, after what was
// recorded of others.
func (s *snapshot) footprint(parts perf.MemoryParts, w perf.Workload, rt *Runtime) perf.Estimate {
	var mean, variance float64
	for _, g := range footprintOf(w, rt) {
		x := s.shareOf(g)
		mean, variance = mean+x.mean, variance+x.variance
	}
	left := math.Sqrt((variance + footprintNoise*footprintNoise) / (footprintGroups*footprintSpread*footprintSpread + footprintNoise*footprintNoise))
	total := parts.Total()
	rest := total - parts.Weights
	least, most := (leastWeights*parts.Weights+leastRest*rest)/total, (mostWeights*parts.Weights+mostRest*rest)/total
	v := total * math.Exp(mean)
	return perf.Estimate{Value: v, Low: v * math.Pow(least, left), High: v * math.Pow(most, left)}
}

// remember moves the shares of a workload's groups by a measured need, in bytes.
func (s *snapshot) remember(w perf.Workload, rt *Runtime, bytes float64) {
	if rt.Serves { // its pool is as large as it was told to make it
		return
	}
	groups := footprintOf(w, rt)
	surprise, variance := math.Log(bytes/memoryOf(w, rt).Total()), footprintNoise*footprintNoise
	for _, g := range groups {
		x := s.shareOf(g)
		surprise, variance = surprise-x.mean, variance+x.variance
	}
	surprise = math.Max(-maxSurprise, math.Min(maxSurprise, surprise))
	for _, g := range groups {
		x := s.shareOf(g)
		gain := x.variance / variance
		s.memory = s.memory.with(g, share{x.mean + gain*surprise, x.variance * (1 - gain)})
	}
}
