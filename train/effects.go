package train

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/predictor"
)

const (
	groupKinds   = predictor.NumGroups
	coefficients = predictor.NumCoefficients
)

// effects is the state of a fit of crossed random effects.
type effects struct {
	pts      []Point
	kinds    [groupKinds]kind
	points   []pointState
	parts    []predictor.Parted // of each point's stated time
	residual []float64          // ln(time), less that of the trees once there are any
	sigma    float64            // what the effects leave of a typical point
	clarity  []float64          // sigma over what they leave of a typical point of the same software
}

// pointState is what sweeps read and write of a point: a line of a cache, which
// is what they wait for.
type pointState struct {
	left   float64               // of ln(time), less the effects' as they were linearised
	weight [2]float32            // in the effects of software and hardware, and in those of designs
	share  [coefficients]float32 // d ln(time) / d coefficient
	sum    [coefficients]float32 // of its groups' effects
}

// kind is one kind of groups.
type kind struct {
	of      []int32 // per point: its group, numbered from 0
	members []int32 // points, those of a group adjacent
	from    []int32 // per group and one more: where its members begin
	effects []effect
	sorts   []predictor.Sort // per group
	sizes   [predictor.NumSorts]int
	tau     [predictor.NumSorts][coefficients]float64
	moves   []int // the coefficients that it has
}

// effect is what is believed of a group.
type effect struct{ mean, variance [coefficients]float64 }

// sweeps fits the effects of the kinds of groups in [0, kinds): Gauss-Newton
// steps on the time's parts, each a Gauss-Seidel sweep over the ridge equations
// of a crossed random-effects model, with variance components re-estimated by
// expectation-maximisation in between and weights that bound the pull of
// outliers (Huber).
func (e *effects) sweeps(n, kinds int) {
	for range n {
		e.reweigh()
		for t := range kinds {
			e.sweep(t)
		}
		e.relinearise()
	}
}

// into hands the effects over to what was learned.
func (e *effects) into(l *predictor.Learned) {
	l.Noise = e.sigma
	l.Effects = map[uint64]predictor.Effect{}
	for t := range e.kinds {
		kind := &e.kinds[t]
		for s := range kind.tau {
			for k, tau := range kind.tau[s] {
				l.Tau[t][s][k] = float32(tau)
			}
		}
		for j := range kind.effects {
			var x predictor.Effect
			for k := range coefficients {
				x.Mean[k], x.Variance[k] = float32(kind.effects[j].mean[k]), float32(kind.effects[j].variance[k])
			}
			l.Effects[e.pts[kind.members[kind.from[j]]].In.Groups[t]] = x
		}
	}
}

func newEffects(s *study, pts []Point) *effects {
	e := &effects{pts: pts, points: make([]pointState, len(pts)), parts: make([]predictor.Parted, len(pts)), residual: make([]float64, len(pts)),
		sigma: 0.2, clarity: make([]float64, len(pts))}
	for i := range pts {
		e.parts[i], e.residual[i] = pts[i].In.Cost.Parted, pts[i].Y
	}
	for t := range e.kinds {
		e.kinds[t] = newKind(t, pts, s.groups[t])
	}
	e.relinearise()
	return e
}

// newKind deals the points to their groups of kind t; groups names those of all
// readings of the study.
func newKind(t int, pts []Point, groups []int32) kind {
	x := kind{of: make([]int32, len(pts)), members: make([]int32, len(pts))}
	at := slices.Repeat([]int32{-1}, int(slices.Max(groups))+1)
	var n []int32
	for i := range pts {
		g := groups[pts[i].row]
		if at[g] < 0 {
			at[g] = int32(len(n))
			n = append(n, 0)
		}
		x.of[i] = at[g]
		n[at[g]]++
	}
	x.from = make([]int32, len(n)+1)
	for j := range n {
		x.from[j+1] = x.from[j] + n[j]
	}
	next := slices.Clone(x.from)
	for i, j := range x.of {
		x.members[next[j]] = int32(i)
		next[j]++
	}
	x.effects, x.sorts = make([]effect, len(n)), make([]predictor.Sort, len(n))
	for j := range x.sorts {
		x.sorts[j] = pts[x.members[x.from[j]]].In.Sorts[t]
		x.sizes[x.sorts[j]]++
	}
	for k := range coefficients {
		if k == predictor.Common || predictor.Sloped(t) {
			x.moves = append(x.moves, k)
			for s := range x.tau {
				x.tau[s][k] = usual
			}
		}
	}
	return x
}

// usual is the standard deviation that effects are expected to have before any
// are known.
const usual = 0.15

// relinearise computes the time's shares, and what the effects leave, at the
// present effects.
func (e *effects) relinearise() {
	for i := range e.points {
		p := &e.points[i]
		u := p.factors()
		time, s := e.parts[i].Linear(&u)
		for k := range s {
			p.share[k] = float32(s[k])
		}
		p.share[predictor.Common] = 1
		p.left = e.residual[i] - float64(p.sum[predictor.Common]) - math.Log(time)
	}
}

// factors on the parts of a point's time.
func (p *pointState) factors() (u predictor.Factors) {
	for k := range u {
		u[k] = float64(p.sum[k])
	}
	return u.Bounded()
}

// reweigh sets what points weigh. What designs are like is told the better by a
// point the less is left of its software's points, as a likelihood has it whose
// errors are of that size. In the effects of hardware all software has the same say.
func (e *effects) reweigh() {
	abs := make([]float64, len(e.points))
	for i := range e.points {
		abs[i] = math.Abs(e.points[i].left)
	}
	e.sigma = typical(abs)
	software := &e.kinds[predictor.SoftwareGroup]
	for j := range software.effects {
		members := software.members[software.from[j]:software.from[j+1]]
		own := make([]float64, len(members))
		for n, i := range members {
			own[n] = abs[i]
		}
		n := float64(len(members))
		sigma := math.Exp((n*math.Log(typical(own)) + few*math.Log(e.sigma)) / (n + few))
		for _, i := range members {
			e.clarity[i] = e.sigma / sigma
			w, a := e.pts[i].Weight, math.Max(abs[i], 1e-9)
			e.points[i].weight = [2]float32{float32(w * math.Min(1, 1.5*e.sigma/a)), float32(w * e.clarity[i] * math.Min(1, 1.5*sigma/a))}
		}
	}
}

// few is how many points of one software say as much of its errors' size as all
// the others do.
const few = 30

// typical is the standard deviation of errors, from their absolute values, by
// the median.
func typical(abs []float64) float64 { return math.Max(0.02, 1.48*med(abs)) }

// sweep re-estimates the effects of one kind of groups, a group's coefficients
// one after the other, and their variances. No point is in two groups of a kind,
// so groups can be visited in any order.
func (e *effects) sweep(t int) {
	x := &e.kinds[t]
	s2 := e.sigma * e.sigma
	var lambdas, sums [predictor.NumSorts][coefficients]float64
	var most, spread [coefficients]float64
	for _, k := range x.moves {
		for s := range lambdas {
			lambdas[s][k] = s2 / (x.tau[s][k] * x.tau[s][k])
		}
		most[k], spread[k] = bounds(t, k)
	}
	of := 0
	if t >= predictor.DesignGroups {
		of = 1
	}
	for j := range x.effects {
		members, f := x.members[x.from[j]:x.from[j+1]], &x.effects[j]
		lambda, tau := &lambdas[x.sorts[j]], &sums[x.sorts[j]]
		last, step := predictor.Common, 0.0 // what was changed before, which points are still to be told
		for _, k := range x.moves {
			sum, weight := 0.0, 0.0
			for _, i := range members {
				p := &e.points[i]
				p.move(last, step)
				share := float64(p.share[k])
				w := float64(p.weight[of]) * share
				sum += w * p.left
				weight += w * share
			}
			next := (sum + weight*f.mean[k]) / (weight + lambda[k])
			next = max(-most[k], min(most[k], next))
			last, step = k, next-f.mean[k]
			f.mean[k], f.variance[k] = next, s2/(weight+lambda[k])
			tau[k] += next*next + f.variance[k]
		}
		for _, i := range members {
			e.points[i].move(last, step)
		}
	}
	for _, k := range x.moves {
		whole := 0.0
		for s := range sums {
			whole += sums[s][k]
		}
		for s, n := range x.sizes {
			sum, n := sums[s][k], n
			if n == 0 { // of a sort that nobody measured, what holds for all
				sum, n = whole, len(x.effects)
			}
			x.tau[s][k] = max(0.005, min(spread[k], math.Sqrt(sum/float64(n))))
		}
	}
}

// move takes a step of one coefficient.
func (p *pointState) move(k int, step float64) {
	p.left -= float64(p.share[k]) * step
	p.sum[k] += float32(step)
}

// bounds are the most that one effect, and the standard deviation of its kind,
// may come to. Of a part with a small share in the times a linear step says
// next to nothing and can ask for anything: unbounded, parts come out free or
// a hundred times as dear for whole groups, and devices whose times are made
// of other parts pay for it.
func bounds(t, k int) (most, spread float64) {
	switch {
	case k == predictor.Common:
		return math.Inf(1), math.Inf(1)
	case t < predictor.SoftwareGroups: // what software makes of hardware may be far from what was stated
		return 2, 0.3
	}
	return 0.6, 0.3
}

// ofDevice is what the effects of a point's device do to the logarithm of its
// time.
func (e *effects) ofDevice(i int) float64 {
	with, sum := e.points[i].factors(), 0.0
	without := with
	for t := predictor.DeviceGroup; t <= predictor.LastDeviceGroup; t++ {
		x := &e.kinds[t]
		mean := &x.effects[x.of[i]].mean
		sum += mean[predictor.Common]
		for k := range without {
			without[k] -= mean[k] // 0 where the kind has none
		}
	}
	return sum + math.Log(e.parts[i].Time(&with)/e.parts[i].Time(&without))
}
