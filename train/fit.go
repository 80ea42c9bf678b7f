package train

import (
	"math"
	"runtime"
	"slices"

	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/boost"
)

// Point is one training example: near-repeats in one software version taken
// together.
type Point struct {
	In     predictor.Input
	Stem   string
	Y      float64 // ln(time), median of the repeats
	Weight float64
	Case   *Case // the first of them
	Of     predictor.Quantity
}

// Options of a fit.
type Options struct {
	Folds, Trees, Depth int
	Rate                float64
	Columns, Rows       float64
	MinChild            float64
	MinDevices          int // on either side of what trees tell of chips
	Monotone            bool
	Calibrate           bool
	CalibrationFolds    int
	Brisk               bool // calibrate on a third of the folds: for cross-validation
	NoExperts           bool // leave out the serving and kernel models
	Served              bool // fit the serving model alone: what is judged is under load
	Sweeps              int
	Progress            func(stage string, done, total int)
}

// DefaultOptions are those of the embedded artefact.
func DefaultOptions() Options {
	return Options{Folds: 4, Trees: 150, Depth: 7, Rate: 0.12, Columns: 0.5, Rows: 0.7, MinChild: 8, MinDevices: 5, Monotone: true, Calibrate: true, CalibrationFolds: 3, Sweeps: 25}
}

// Points makes training examples of cases: one for each quantity of each
// group in each version of the software. A group has one vote, softened: its
// points weigh 1/sqrt(their number) each.
func Points(cases []Case) []Point {
	type key struct {
		group, version, layout string
		threads                int
		of                     predictor.Quantity
	}
	at := map[key]int{}
	var pts []Point
	var ys [][]float64
	groups := map[string]float64{}
	for i := range cases {
		k := &cases[i]
		if k.Reason != "" {
			continue
		}
		for _, v := range primary(k.Views) {
			id := key{k.Group, k.W.RuntimeVersion, k.W.Layout, k.W.Threads, v.Of}
			j, ok := at[id]
			if !ok {
				in, err := predictor.InputOf(k.W, v.Of, k.Manner)
				if err != nil {
					continue
				}
				j = len(pts)
				at[id] = j
				pts = append(pts, Point{In: in, Stem: k.Stem, Case: k, Of: v.Of})
				ys = append(ys, nil)
				groups[k.Group]++
			}
			if y := math.Log(v.Latent(v.Actual)); y-y == 0 {
				ys[j] = append(ys[j], y)
			}
		}
	}
	out := pts[:0]
	for j := range pts {
		if len(ys[j]) == 0 {
			continue
		}
		pts[j].Y = med(ys[j])
		pts[j].Weight = 1 / math.Sqrt(groups[pts[j].Case.Group])
		out = append(out, pts[j])
	}
	return out
}

// primary is one view of each latent time: throughput and latency are mostly
// two views of one number.
func primary(views []View) []View {
	var out []View
	for _, v := range views {
		if v.Of != predictor.Memory && !slices.ContainsFunc(out, func(o View) bool { return o.Of == v.Of }) {
			out = append(out, v)
		}
	}
	return out
}

// kept is the share of a device's effects that trees are to explain, too. With
// none they would know nothing of what chips are like, and a device that nobody
// has measured would get the level of the mean; with all they would learn
// devices by heart and leave nothing from which to tell how far devices differ.
const kept = 0.5

// early are the kinds of groups whose effects come before the trees: those of
// the software, the hardware, and the architectures that designs are sizes of.
const early = predictor.DesignGroups + 1

// FitLearned fits the end-to-end model in three steps: the effects of runtimes,
// devices and architectures on the stated time; trees, in folds of whole designs, on what
// those leave and half of what devices do; and all effects, designs' included,
// on what trees leave that have not seen the design.
func FitLearned(pts []Point, o Options) (*predictor.Learned, error) {
	l := &predictor.Learned{}
	stated, designs := make([]float64, len(pts)), make([]int, len(pts))
	for i := range pts {
		stated[i] = pts[i].Y - math.Log(pts[i].In.Cost.Stated)
		designs[i] = predictor.Fold(pts[i].Stem, o.Folds)
	}
	e := newEffects(pts, stated)
	e.sweeps(o.Sweeps/2, early)
	for i := range pts {
		e.left[i] += kept * e.ofDevice(i)
	}
	var err error
	if l.Folds, err = fitTrees(pts, e.left, designs, o.Folds, o); err != nil {
		return nil, err
	}
	for i := range pts {
		e.residual[i] -= l.Trees(&pts[i].In, pts[i].Stem)
	}
	e.relinearise()
	e.sweeps(o.Sweeps, groupKinds)
	e.into(l)
	return l, nil
}

// fitTrees fits one model to all points but each fold's own.
func fitTrees(pts []Point, target []float64, fold []int, folds int, o Options) ([]*boost.Model, error) {
	var mono []int
	var ofDevice []bool
	for _, f := range predictor.Features {
		ofDevice = append(ofDevice, f.OfDevice())
		if o.Monotone {
			mono = append(mono, f.Monotone)
		}
	}
	devices := numbered(pts)
	var models []*boost.Model
	for k := range folds {
		var x [][]float64
		var y, w []float64
		var of []int32
		for i := range pts {
			if fold[i] != k {
				x, y, w, of = append(x, pts[i].In.X), append(y, target[i]), append(w, pts[i].Weight), append(of, devices[i])
			}
		}
		if len(x) == 0 { // one device or design alone
			x, y, w, of = [][]float64{pts[0].In.X}, []float64{0}, []float64{1}, []int32{0}
		}
		m, err := boost.Fit(x, y, w, boost.Options{Loss: boost.Absolute, Trees: o.Trees, MaxDepth: o.Depth, LearningRate: o.Rate, Bins: 127,
			Columns: o.Columns, Rows: o.Rows, MinChildWeight: o.MinChild, Seed: uint64(k + 1),
			Cluster: of, Clustered: ofDevice, MinClusters: o.MinDevices, Threads: runtime.GOMAXPROCS(0), Monotone: mono})
		if err != nil {
			return nil, err
		}
		models = append(models, m)
		if o.Progress != nil {
			o.Progress("trees", k+1, folds)
		}
	}
	return models, nil
}

// numbered numbers the points' devices from 0.
func numbered(pts []Point) []int32 {
	at := map[string]int32{}
	out := make([]int32, len(pts))
	for i := range pts {
		key := deviceKey(pts[i].Case)
		if _, ok := at[key]; !ok {
			at[key] = int32(len(at))
		}
		out[i] = at[key]
	}
	return out
}
