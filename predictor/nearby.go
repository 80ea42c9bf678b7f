package predictor

import (
	"cmp"
	"math"
	"slices"
)

// nearby is what was measured on one device, as a Gaussian process sees it: two
// times are alike by the effects they share, each with the variance that
// training left to it, and by how alike the parts are that these work on; and
// what trees get wrong about a device, they get alike for alike work. It tells a
// device whose memory is slow from one whose launches are, from a handful of
// measurements.
type nearby struct {
	points  []point
	inverse [][]float64 // of the covariance of the points' surprises
	alpha   []float64   // inverse times surprises
}

// point is one measured time.
type point struct {
	groups   [numGroups]uint64
	share    Factors
	work     [len(ofWork)]float64
	surprise float64 // ln(time) less what was said before anything was measured
	teacher  teacher
	variance *[numGroups]Coefficients // that training left to its groups' effects
}

// pointOf is an input as the process sees it.
func (l *Learned) pointOf(in *Input, u *Factors) point {
	p := point{groups: in.Groups, share: in.Cost.Sensitivity(u), variance: new([numGroups]Coefficients)}
	for t, g := range in.Groups {
		p.variance[t] = l.effect(t, g, in.Sorts[t]).Variance
	}
	for i, f := range ofWork {
		p.work[i] = in.X[f] / reach
	}
	return p
}

// ofWork are the features, all logarithms, by which work is alike.
var ofWork = [...]int{feature("intensity_over_ridge"), feature("compute_over_launch"), feature("batch"), feature("activations_per_mac"), feature("depth")}

func feature(name string) int {
	return slices.IndexFunc(Features, func(f Feature) bool { return f.Name == name })
}

// What trees get wrong about a device; chosen by leaving devices out.
const (
	wrong     = 0.15 // standard deviation of ln(time)
	reach     = 3    // in each of ofWork, of what is wrong alike
	elsewhere = 0.3  // share of it that two runtimes have in common
)

const (
	maxNearby   = 24  // points kept of a device, the newest
	maxSurprise = 1.5 // ln; what is beyond teaches no more
	furthest    = 1.2 // times the greatest surprise is as far as others may move
)

// covariance of two times.
func covariance(a, b *point) float64 {
	apart := 0.0
	for i, x := range a.work {
		apart += (x - b.work[i]) * (x - b.work[i])
	}
	sum := wrong * wrong * math.Exp(-apart/2)
	if a.groups[groupDeviceRuntime] != b.groups[groupDeviceRuntime] {
		sum *= elsewhere
	}
	for t, g := range a.groups {
		if g != b.groups[t] {
			continue
		}
		v := &a.variance[t]
		sum += float64(v[Common])
		if Sloped(t) {
			for k := range NumParts {
				sum += a.share[k] * b.share[k] * float64(v[k])
			}
		}
	}
	return sum
}

// with is the process with one more point.
func (n *nearby) with(l *Learned, p point) *nearby {
	p.surprise = math.Max(-maxSurprise, math.Min(maxSurprise, p.surprise))
	m := &nearby{}
	if n != nil {
		m.points = append(m.points, n.points[max(0, len(n.points)+1-maxNearby):]...)
	}
	m.points = append(m.points, p)
	k := make([][]float64, len(m.points))
	for i := range k {
		k[i] = make([]float64, len(k))
		for j := range i + 1 {
			k[i][j] = covariance(&m.points[i], &m.points[j])
			k[j][i] = k[i][j]
		}
		k[i][i] += l.Noise*l.Noise + 1e-4
	}
	m.inverse = invert(k)
	m.alpha = make([]float64, len(k))
	for i := range k {
		for j := range k {
			m.alpha[i] += m.inverse[i][j] * m.points[j].surprise
		}
	}
	return m
}

// shift is by how much the points move the logarithm of a time, and the
// variance they take from it: less what trees get wrong, which no opinion counts
// before there are points. A time with more of the part that seems to be slow
// moves further than what was measured, but not much: which part it is remains
// a guess.
func (n *nearby) shift(p *point) (shift, less float64) {
	var buf [maxNearby]float64
	k := buf[:len(n.points)]
	most := 0.0
	for i := range n.points {
		k[i] = covariance(p, &n.points[i])
		shift += k[i] * n.alpha[i]
		most = math.Max(most, math.Abs(n.points[i].surprise))
	}
	shift = math.Max(-furthest*most, math.Min(furthest*most, shift))
	for i := range k {
		for j := range k {
			less += k[i] * n.inverse[i][j] * k[j]
		}
	}
	return shift, less - wrong*wrong
}

// nearest are the points most like p, with their shares in what is said of it.
func (n *nearby) nearest(p *point) []teacher {
	by := make([]teacher, len(n.points))
	for i := range n.points {
		by[i] = n.points[i].teacher
		by[i].weight = math.Max(0, covariance(p, &n.points[i]))
	}
	slices.SortStableFunc(by, func(a, b teacher) int { return cmp.Compare(b.weight, a.weight) })
	by = by[:min(maxEvidence, len(by))]
	sum := 0.0
	for i := range by {
		sum += by[i].weight
	}
	for i := range by {
		by[i].weight /= math.Max(sum, 1e-300)
	}
	return by
}

// invert a symmetric positive definite matrix, which it overwrites
// (Gauss-Jordan without pivoting, which such a matrix does not need).
func invert(a [][]float64) [][]float64 {
	n := len(a)
	inv := make([][]float64, n)
	for i := range inv {
		inv[i] = make([]float64, n)
		inv[i][i] = 1
	}
	for c := range n {
		d := 1 / a[c][c]
		for j := range n {
			a[c][j] *= d
			inv[c][j] *= d
		}
		for r := range n {
			if f := a[r][c]; r != c && f != 0 {
				for j := range n {
					a[r][j] -= f * a[c][j]
					inv[r][j] -= f * inv[c][j]
				}
			}
		}
	}
	return inv
}
