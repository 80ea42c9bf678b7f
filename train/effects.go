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
	of       [][groupKinds]int32 // group of each point, by kind
	index    [groupKinds]map[uint64]int
	mean     [groupKinds][coefficients][]float64
	variance [groupKinds][coefficients][]float64
	tau      [groupKinds][coefficients]float64
	residual []float64 // ln(time) less that of the stated time and the trees
	left     []float64 // less the effects, too
	weight   []float64
	share    [][coefficients]float64 // d ln(time) / d coefficient
	sigma    float64
}

// sweeps fits the effects of the kinds of groups in [0, kinds): Gauss-Newton
// steps on the time's parts, each a Gauss-Seidel sweep over the ridge equations
// of a crossed random-effects model, with variance components re-estimated by
// expectation-maximisation in between and weights that bound the pull of
// outliers (Huber).
func (e *effects) sweeps(n, kinds int) {
	for range n {
		e.reweigh()
		for t := range kinds {
			for k := range coefficients {
				if k == predictor.Common || predictor.Sloped(t) {
					e.sweep(t, k)
				}
			}
		}
		e.relinearise()
	}
}

// into hands the effects over to what was learned.
func (e *effects) into(l *predictor.Learned) {
	l.Noise = e.sigma
	l.Effects = map[uint64]predictor.Effect{}
	for t := range groupKinds {
		for k := range coefficients {
			l.Tau[t][k] = float32(e.tau[t][k])
		}
		for g, j := range e.index[t] {
			var x predictor.Effect
			for k := range coefficients {
				if e.tau[t][k] > 0 {
					x.Mean[k], x.Variance[k] = float32(e.mean[t][k][j]), float32(e.variance[t][k][j])
				}
			}
			l.Effects[g] = x
		}
	}
}

func newEffects(pts []Point, residual []float64) *effects {
	n := len(pts)
	e := &effects{pts: pts, residual: residual, left: slices.Clone(residual), of: make([][groupKinds]int32, n),
		weight: make([]float64, n), share: make([][coefficients]float64, n), sigma: 0.2}
	for t := range groupKinds {
		e.index[t] = map[uint64]int{}
		for i := range pts {
			g := pts[i].In.Groups[t]
			j, ok := e.index[t][g]
			if !ok {
				j = len(e.index[t])
				e.index[t][g] = j
			}
			e.of[i][t] = int32(j)
		}
		for k := range coefficients {
			if k == predictor.Common || predictor.Sloped(t) {
				e.mean[t][k], e.variance[t][k] = make([]float64, len(e.index[t])), make([]float64, len(e.index[t]))
				e.tau[t][k] = 0.15
			}
		}
	}
	e.relinearise()
	return e
}

// relinearise computes the time's shares, and what the effects leave, at the
// present effects.
func (e *effects) relinearise() {
	for i := range e.pts {
		u, common := e.factors(i)
		c := &e.pts[i].In.Cost
		s := c.Sensitivity(&u)
		copy(e.share[i][:], s[:])
		e.share[i][predictor.Common] = 1
		e.left[i] = e.residual[i] - common - math.Log(c.Time(&u)/c.Stated)
	}
}

// factors is the sum of a point's effects.
func (e *effects) factors(i int) (u predictor.Factors, common float64) {
	for t := range groupKinds {
		j := e.of[i][t]
		common += e.mean[t][predictor.Common][j]
		if predictor.Sloped(t) {
			for k := range predictor.NumParts {
				u[k] += e.mean[t][k][j]
			}
		}
	}
	return u.Bounded(), common
}

func (e *effects) reweigh() {
	abs := make([]float64, len(e.left))
	for i, r := range e.left {
		abs[i] = math.Abs(r)
	}
	e.sigma = math.Max(0.02, 1.48*med(abs))
	for i := range e.pts {
		e.weight[i] = e.pts[i].Weight * math.Min(1, 1.5*e.sigma/math.Max(abs[i], 1e-9))
	}
}

// sweep re-estimates one coefficient of one kind of groups, and the variance
// of that kind.
func (e *effects) sweep(t, k int) {
	mean, variance := e.mean[t][k], e.variance[t][k]
	n := len(mean)
	sum, weight := make([]float64, n), make([]float64, n)
	for i := range e.pts {
		j, z := e.of[i][t], e.share[i][k]
		w := e.weight[i] * z
		sum[j] += w * (e.left[i] + z*mean[j])
		weight[j] += w * z
	}
	s2 := e.sigma * e.sigma
	lambda := s2 / (e.tau[t][k] * e.tau[t][k])
	tau := 0.0
	step := make([]float64, n)
	most, spread := bounds(t, k)
	for j := range n {
		next := math.Max(-most, math.Min(most, sum[j]/(weight[j]+lambda)))
		step[j], mean[j] = next-mean[j], next
		variance[j] = s2 / (weight[j] + lambda)
		tau += next*next + variance[j]
	}
	for i := range e.pts {
		e.left[i] -= e.share[i][k] * step[e.of[i][t]]
	}
	e.tau[t][k] = math.Max(0.005, math.Min(spread, math.Sqrt(tau/float64(n))))
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
	with, _ := e.factors(i)
	without, sum := with, 0.0
	for t := predictor.DeviceGroup; t <= predictor.LastDeviceGroup; t++ {
		j := e.of[i][t]
		sum += e.mean[t][predictor.Common][j]
		if predictor.Sloped(t) {
			for k := range predictor.NumParts {
				without[k] -= e.mean[t][k][j]
			}
		}
	}
	c := &e.pts[i].In.Cost
	return sum + math.Log(c.Time(&with)/c.Time(&without))
}
