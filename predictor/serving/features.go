package serving

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// numFeatures is the length of what the trees see.
const numFeatures = 26

// vector is one workload as the trees see it: its load, layout and shape. It
// holds no names, no source, and nothing of the device but its generation, its
// size and the form of its arithmetic. What a faster memory, link or core does is left to the physics,
// so that no tree can make more of them slower.
type vector [numFeatures]float64

// monotone says how the learned time may move with each feature: down with the
// load (see tilted), freely with the rest.
var monotone = append([]int{-1, -1}, make([]int, numFeatures-2)...)

func (v *vector) fill(w *perf.Workload, p *plan, l load, s *state) {
	*v = vector{
		math.Log2(s.running), math.Log2(l.concurrency),
		math.Log2(math.Max(1, l.in)), math.Log2(math.Max(1, l.out)),
		math.Log2(p.tensor), math.Log2(p.replicas), math.Log2(p.expertP), p.stages,
		float64(p.class), float64(p.expertForm),
		p.layers, math.Log2(p.hidden), math.Log2(p.total), math.Log2(1 + p.experts), p.chosen, p.kvHeads,
		boolean(p.latent), p.cacheLayers / p.layers, p.windowLayers / p.layers,
		boolean(l.serving), boolean(p.apart), boolean(p.cores),
		float64(engineOf(w.Runtime)), versionRank(w.RuntimeVersion), float64(w.Hardware.Year), math.Log2(w.Hardware.MemoryBytes),
	}
}
