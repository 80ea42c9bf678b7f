package train

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/boost"
)

// study is cases made ready for fits to any part of them. What does not depend
// on the part is worked out once: what learning sees of each number, the names
// that it shares effects under, and the bins of the trees' features. Those are
// placed by the features of all cases, held out or not, and by no time.
type study struct {
	cases    []Case
	readings []reading
	first    []int32                      // per case and one more: its first reading
	groups   [predictor.NumGroups][]int32 // per kind and reading: the group, numbered from 0
	devices  []int32                      // per reading, numbered from 0
	points   int                          // how many there are in all
	matrix   *boost.Matrix                // of the readings' features
}

// reading is one latent time of one case.
type reading struct {
	in    predictor.Input
	of    predictor.Quantity
	y     float64 // ln(s)
	point int32   // near-repeats in one software version share one
	group int32   // near-repeats in any
}

// bins of the trees' features.
const bins = 127

// newStudy reads the cases that can be true: a step at less than half the
// attainable bound is a fact or a row that is wrong.
func newStudy(cases []Case) (*study, error) {
	read := make([][]reading, len(cases))
	sideBySide(len(cases), func(i int) { read[i] = readingsOf(&cases[i]) })
	s := &study{first: []int32{0}}
	for i := range cases {
		if read[i] != nil {
			s.cases = append(s.cases, cases[i])
			s.readings = append(s.readings, read[i]...)
			s.first = append(s.first, int32(len(s.readings)))
		}
	}
	if len(s.readings) == 0 {
		return s, nil
	}
	s.number()
	x := make([][]float64, len(s.readings))
	for i := range x {
		x[i] = s.readings[i].in.X
	}
	var err error
	s.matrix, err = boost.NewMatrix(x, bins, cores())
	return s, err
}

// readingsOf are a case's latent times; nil where they cannot be used.
func readingsOf(k *Case) []reading {
	if k.Reason != "" {
		return nil
	}
	out := []reading{}
	for _, v := range primary(k.Views) {
		in, err := predictor.InputOf(k.W, v.Of, k.Manner)
		if latent := v.Latent(v.Actual); err == nil && latent > 0.5*in.Cost.Attainable && !math.IsInf(latent, 0) {
			out = append(out, reading{in: in, of: v.Of, y: math.Log(latent)})
			continue
		}
		return nil
	}
	return out
}

// number numbers what readings have in common.
func (s *study) number() {
	type key struct {
		group, version, layout string
		threads                int
		of                     predictor.Quantity
	}
	points, groups, devices := numbering[key]{}, numbering[string]{}, numbering[string]{}
	for c := range s.cases {
		k := &s.cases[c]
		group, device := groups.of(k.Group), devices.of(deviceKey(k))
		for i := s.first[c]; i < s.first[c+1]; i++ {
			r := &s.readings[i]
			r.group = group
			r.point = points.of(key{k.Group, k.W.RuntimeVersion, k.W.Layout, k.W.Threads, r.of})
			s.devices = append(s.devices, device)
		}
	}
	s.points = len(points)
	sideBySide(predictor.NumGroups, func(t int) {
		of := numbering[uint64]{}
		for i := range s.readings {
			s.groups[t] = append(s.groups[t], of.of(s.readings[i].in.Groups[t]))
		}
	})
}

// numbering numbers things from 0 in the order of their first appearance.
type numbering[K comparable] map[K]int32

func (n numbering[K]) of(k K) int32 {
	i, ok := n[k]
	if !ok {
		i = int32(len(n))
		n[k] = i
	}
	return i
}

// every is all cases.
func (s *study) every() []int {
	all := make([]int, len(s.cases))
	for i := range all {
		all[i] = i
	}
	return all
}

// Point is one training example: near-repeats in one software version taken
// together.
type Point struct {
	In     *predictor.Input
	Stem   string
	Y      float64 // ln(time), median of the repeats
	Weight float64
	Case   *Case // the first of them
	row    int32 // its reading in the study
}

// pointsOf makes training examples of some cases: one for each quantity of each
// group in each version of the software. A group has one vote, softened: its
// points weigh 1/sqrt(their number) each.
func (s *study) pointsOf(cases []int) []Point {
	var pts []Point
	at := slices.Repeat([]int32{-1}, s.points)
	ofGroup := map[int32]float64{}
	var repeats [][]float64
	for _, c := range cases {
		for i := s.first[c]; i < s.first[c+1]; i++ {
			r := &s.readings[i]
			if at[r.point] < 0 {
				at[r.point] = int32(len(pts))
				pts = append(pts, Point{In: &r.in, Stem: s.cases[c].Stem, Y: r.y, Case: &s.cases[c], row: i})
				repeats = append(repeats, nil)
				ofGroup[r.group]++
				continue
			}
			j := at[r.point]
			if repeats[j] == nil {
				repeats[j] = []float64{pts[j].Y}
			}
			repeats[j] = append(repeats[j], r.y)
		}
	}
	for j := range pts {
		if repeats[j] != nil {
			pts[j].Y = med(repeats[j])
		}
		pts[j].Weight = 1 / math.Sqrt(ofGroup[s.readings[pts[j].row].group])
	}
	return pts
}
