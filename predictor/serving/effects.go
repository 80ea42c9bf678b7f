package serving

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
)

// numParts of a time are corrected each on its own: what hosts take, what the
// device takes, and what other requests take have different reasons to be off.
const numParts = 4

// factors are the logarithms of the corrections of a time's parts.
type factors [numParts]float64

// Families of effects, each crossed from what it names. Their keys are hashes:
// the model holds what was learned of a combination, no row.
const (
	byNothing = iota // what all rows have in common
	byRuntime
	byVersion
	byDevice
	byDeviceRuntime
	byModel
	byModelRuntime
	byModelVersion
	byModelVersionLayout
	byTraffic // model x runtime x kind of traffic: of the first token alone
	byModelDevice
	byCell // model x device x runtime with its version x precision
	byCellLayout
	numFamilies
)

// scale is the standard deviation that a family's effects are expected to have
// before any data, in logarithms.
var scale = [numFamilies]float64{1, 0.5, 0.3, 0.3, 0.3, 0.3, 0.4, 0.3, 0.3, 0.4, 0.2, 0.3, 0.2}

// shrinkage is how many votes of absolute error one squared standard deviation
// of an effect costs.
const shrinkage = 0.5

// sweeps over all effects, each of them fitted to what the others leave.
const sweeps = 40

// maxFactor is the logarithm of the most that effects may change a part.
const maxFactor = 4

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
	layout := hash(5, p.tensor, p.replicas, p.stages, p.expertP)
	cell := mix(mix(mix(model, device), version), form)
	k := keys{0, runtime, version, device, mix(mix(device, runtime), form), model, mix(mix(model, runtime), form), mix(model, version),
		mix(mix(mix(model, version), form), layout), 0, mix(model, device), cell, mix(cell, layout)}
	return k.under(trafficOf(w))
}

// of are the keys of a head's effects; 0 names no effect.
func (k keys) of(h int) keys {
	if h != startHead {
		k[byTraffic] = 0
	}
	return k
}

// traffic is what outweighs in a load. Operators set engines up for it (how many
// tokens are streamed at a time, how much of a prompt is taken in at once), which
// shows in the first token, and neither rows nor requests tell how.
type traffic int

const (
	noTraffic   traffic = iota // no engine with requests in flight
	answerHeavy                // answers are more than three times as long as prompts
	balanced
	promptHeavy // prompts are more than three times as long
)

// outweighs is how many times as long prompts or answers are where they are
// said to outweigh.
const outweighs = 3

func trafficOf(w *perf.Workload) traffic {
	switch in, out := w.SequenceLength, w.OutputLength; {
	case w.Concurrency <= 0 || out <= 0:
		return noTraffic
	case outweighs*in < out:
		return answerHeavy
	case in > outweighs*out:
		return promptHeavy
	}
	return balanced
}

// longest is the prompt at which a kind of traffic ends, in tokens.
func (t traffic) longest(out float64) float64 {
	if t == answerHeavy {
		return out / outweighs
	}
	return out * outweighs
}

// under are the keys under a kind of traffic.
func (k keys) under(t traffic) keys {
	k[byTraffic] = 0
	if t != noTraffic {
		k[byTraffic] = mix(mix(k[byModel], k[byRuntime]), hash(7, float64(t)))
	}
	return k
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

// effects are shrunken additive corrections of the logarithms of a time's
// parts.
type effects [numFamilies]map[uint64][numParts]float32

// of is the sum of the effects that apply.
func (e *effects) of(k *keys) factors {
	var u factors
	for f := range e {
		if v, ok := e[f][k[f]]; ok {
			for i := range u {
				u[i] += float64(v[i])
			}
		}
	}
	for i := range u {
		u[i] = math.Max(-maxFactor, math.Min(maxFactor, u[i]))
	}
	return u
}

// example is one measured time with its parts as physics has them, in s.
type example struct {
	parts  [numParts]float64
	time   float64
	weight float64
	keys   keys
	config uint64 // rows of one configuration share it
	curve  uint64
	serves bool // an engine with requests in flight
}

// tight is the error, as a logarithm, below which a row's pull fades.
const tight = 0.03

// fitEffects explains examples by effects: those that make least the sum of
// the weighted absolute logarithms of actual over predicted and of the squared
// effects in units of their scales. Effects are visited in turn, from coarse to
// fine, each part's by a Newton step on reweighted squares, which the absolute
// loss is bounded by. What a single configuration stands behind is left out: an
// effect is of many, never a record of one.
func fitEffects(rows []example) effects {
	times := make([]explained, len(rows))
	for i := range rows {
		times[i].parts = rows[i].parts
	}
	var groups [numFamilies][][]int
	var values [numFamilies][][numParts]float64
	for f := range groups {
		groups[f] = groupsOf(rows, f)
		values[f] = make([][numParts]float64, len(groups[f]))
	}
	for range sweeps {
		for i := range times {
			times[i].refresh(&rows[i])
		}
		for f, family := range groups {
			stiff := 2 * shrinkage / (scale[f] * scale[f])
			for g, members := range family {
				improve(&values[f][g], stiff, times, members)
			}
		}
	}
	var e effects
	for f, family := range groups {
		e[f] = map[uint64][numParts]float32{}
		for g, members := range family {
			var v [numParts]float32
			for k := range v {
				v[k] = float32(values[f][g][k])
			}
			e[f][rows[members[0]].keys[f]] = v
		}
	}
	return e
}

// explained is how far effects explain a time: a line of a cache.
type explained struct {
	parts  [numParts]float64 // s, as corrected
	over   float64           // 1 / their sum
	left   float64           // ln(time x over)
	weight float64
	pull   float64 // of a squared error, where the absolute one is meant
}

// refresh computes all from the parts, which leaves no rounding of earlier steps.
func (x *explained) refresh(e *example) {
	sum := 0.0
	for _, p := range x.parts {
		sum += p
	}
	x.over, x.weight = 1/sum, e.weight
	x.left = math.Log(e.time * x.over)
}

// grow makes part k longer by a share of itself.
func (x *explained) grow(k int, by float64) {
	more := x.parts[k] * by
	x.parts[k] += more
	more *= x.over
	x.over /= 1 + more
	x.left -= log1p(more)
}

// log1p is ln(1 + x), by its series where that is as good.
func log1p(x float64) float64 {
	if math.Abs(x) > 0.01 {
		return math.Log1p(x)
	}
	return x * (1 - x*(1./2-x*(1./3-x*(1./4-x*(1./5-x*(1./6))))))
}

// improve takes one step with each coefficient of an effect u, given those that
// it works on.
func improve(u *[numParts]float64, stiff float64, times []explained, members []int) {
	for _, i := range members {
		x := &times[i]
		x.pull = x.weight / math.Sqrt(x.left*x.left+tight*tight)
	}
	for k := range u {
		up, down := -stiff*u[k], stiff
		for _, i := range members {
			x := &times[i]
			share := x.parts[k] * x.over
			pull := x.pull * share
			up, down = up+pull*x.left, down+pull*share
		}
		step := max(-0.5, min(0.5, up/down))
		if step == 0 {
			continue
		}
		u[k] += step
		by := math.Expm1(step)
		for _, i := range members {
			times[i].grow(k, by)
		}
	}
}

// groupsOf are the rows of each effect of a family that more than one
// configuration stands behind.
func groupsOf(rows []example, f int) [][]int {
	var groups [][]int
	index := map[uint64]int{}
	for i := range rows {
		key := rows[i].keys[f]
		if key == 0 && f != byNothing {
			continue
		}
		g, ok := index[key]
		if !ok {
			g = len(groups)
			index[key] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return slices.DeleteFunc(groups, func(members []int) bool {
		return !slices.ContainsFunc(members, func(i int) bool { return rows[i].config != rows[members[0]].config })
	})
}
