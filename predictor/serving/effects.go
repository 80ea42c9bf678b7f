package serving

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
)

var nan = math.NaN()

// Families of effects, each crossed from what it names. Their keys are hashes:
// the model holds what was learned of a combination, no row.
const (
	byRuntime = iota
	byVersion
	byDevice
	byDeviceRuntime
	byModel
	byModelRuntime
	byModelDevice
	byCell // model x device x runtime with its version x precision
	byCellLayout
	numFamilies
)

// keys names a workload in every family.
type keys [numFamilies]uint64

// keysOf hashes what an effect may be attached to. A model is told by its
// shape, so that copies and re-quantisations under other names share effects.
func keysOf(w *perf.Workload, p *plan) keys {
	model := hash(1, math.Round(p.layers), p.hidden, math.Round(10*math.Log2(p.total)), p.experts)
	device := hashName(2, w.Device)
	runtime := hashName(hashName(3, w.Runtime), string(w.Platform))
	version := hashName(runtime, w.RuntimeVersion)
	form := hash(4, float64(p.class), float64(p.expertForm), p.weight, p.expertWeight)
	cell := mix(mix(mix(model, device), version), form)
	return keys{
		runtime, version, device, mix(mix(device, runtime), form), model, mix(model, runtime), mix(model, device),
		cell, mix(cell, hash(5, p.tensor, p.replicas, p.stages, p.expertP)),
	}
}

func hash(seed uint64, xs ...float64) uint64 {
	h := seed
	for _, x := range xs {
		h = mix(h, math.Float64bits(x))
	}
	return h
}

func hashName(seed uint64, s string) uint64 {
	h := uint64(0xcbf29ce484222325) // FNV-1a
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(seed, h)
}

// mix joins two hashes; the finaliser is that of splitmix64.
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// effects are shrunken additive corrections of a logarithm.
type effects [numFamilies]map[uint64]float32

// of is the sum of the effects that apply.
func (e *effects) of(k *keys) float64 {
	sum := 0.0
	for f := range e {
		sum += float64(e[f][k[f]])
	}
	return sum
}

// shrinkage is how many votes a family's effect must have to be half believed.
// Votes are rows for the two finest families and cells for those above: ten
// curves of one cell say no more about its device than one does.
var shrinkage = [numFamilies]float64{2, 2, 2, 2, 2, 2, 2, 4, 3}

// fitEffects explains residuals r by effects, family after family from coarse
// to fine, twice over: each effect is the weighted median of what the others
// leave, shrunk towards 0 by its votes. What a single configuration stands
// behind is left out: an effect is of many, never a record of one.
func fitEffects(ks []keys, config []uint64, r, weights []float64) effects {
	var e effects
	left := slices.Clone(r)
	var groups [numFamilies][][]int
	for f := range e {
		e[f] = map[uint64]float32{}
		index := map[uint64]int{}
		for i := range ks {
			key := ks[i][f]
			if _, ok := index[key]; !ok {
				index[key] = len(groups[f])
				groups[f] = append(groups[f], nil)
			}
			groups[f][index[key]] = append(groups[f][index[key]], i)
		}
		groups[f] = slices.DeleteFunc(groups[f], func(rows []int) bool {
			return !slices.ContainsFunc(rows, func(i int) bool { return config[i] != config[rows[0]] })
		})
	}
	w := slices.Clone(weights)
	for range 2 {
		for f := range e {
			for _, rows := range groups[f] {
				key := ks[rows[0]][f]
				old := float64(e[f][key])
				for _, i := range rows {
					left[i] += old
				}
				votes := 0.0
				if f < byCell {
					votes = cellVotes(rows, ks, weights, w)
				} else {
					for _, i := range rows {
						w[i] = weights[i]
						votes += w[i]
					}
				}
				v := float32(median(rows, left, w) * votes / (votes + shrinkage[f]))
				e[f][key] = v
				for _, i := range rows {
					left[i] -= float64(v)
				}
			}
		}
	}
	return e
}

// cellVotes gives every cell among rows one vote, split over its rows by
// weight into w, and returns how many votes there are. A cell of few rows has
// less than one.
func cellVotes(rows []int, ks []keys, weights, w []float64) float64 {
	total := map[uint64]float64{}
	var order []uint64
	for _, i := range rows {
		c := ks[i][byCell]
		if _, ok := total[c]; !ok {
			order = append(order, c)
		}
		total[c] += weights[i]
	}
	votes := 0.0
	for _, c := range order {
		votes += total[c] / (total[c] + shrinkage[byCell])
	}
	for _, i := range rows {
		t := total[ks[i][byCell]]
		w[i] = weights[i] / (t + shrinkage[byCell])
	}
	return votes
}

// median is the weighted median of x over rows.
func median(rows []int, x, w []float64) float64 {
	s := slices.Clone(rows)
	slices.SortFunc(s, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return a - b
	})
	total := 0.0
	for _, i := range s {
		total += w[i]
	}
	sum := 0.0
	for n, i := range s {
		sum += w[i]
		if 2*sum > total {
			return x[i]
		}
		if 2*sum == total && n+1 < len(s) {
			return (x[i] + x[s[n+1]]) / 2
		}
	}
	return 0
}
