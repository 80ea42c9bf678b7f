package train

import (
	"errors"
	"slices"

	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/boost"
)

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
	NoExperts           bool // leave out the serving and kernel models
	Served              bool // fit the serving model alone: what is judged is under load
	Sweeps              int
	Progress            func(stage string, done, total int)
}

// DefaultOptions are those of the embedded artefact.
func DefaultOptions() Options {
	return Options{Folds: 4, Trees: 250, Depth: 6, Rate: 0.12, Columns: 0.5, Rows: 0.7, MinChild: 8, MinDevices: 5, Monotone: true, Calibrate: true, CalibrationFolds: 3, Sweeps: 10}
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

// fit fits the end-to-end model in three steps: the effects of runtimes,
// devices and architectures on the stated time; trees, in folds of whole designs, on what
// those leave and half of what devices do; and all effects, designs' included,
// on what trees leave that have not seen the design.
func (s *study) fit(pts []Point, o Options) (*predictor.Learned, error) {
	l := &predictor.Learned{}
	e := newEffects(s, pts)
	e.sweeps(o.Sweeps/2, early)
	e.reweigh()
	target, weight := make([]float64, len(pts)), make([]float64, len(pts))
	for i := range pts {
		target[i], weight[i] = e.points[i].left+kept*e.ofDevice(i), pts[i].Weight*e.clarity[i]
	}
	var err error
	if l.Folds, err = s.fitTrees(pts, target, weight, o); err != nil {
		return nil, err
	}
	for i := range pts {
		e.residual[i] -= l.Trees(pts[i].In, pts[i].Stem)
	}
	e.relinearise()
	e.sweeps(o.Sweeps, groupKinds)
	e.into(l)
	return l, nil
}

// fitTrees fits one model to all points but those of each fold of designs.
func (s *study) fitTrees(pts []Point, target, weight []float64, o Options) ([]*boost.Model, error) {
	var mono []int
	var ofDevice []bool
	for _, f := range predictor.Features {
		ofDevice = append(ofDevice, f.OfDevice())
		if o.Monotone {
			mono = append(mono, f.Monotone)
		}
	}
	y, w := make([]float64, len(s.readings)), make([]float64, len(s.readings))
	for i := range pts {
		y[pts[i].row], w[pts[i].row] = target[i], weight[i]
	}
	models, failed := make([]*boost.Model, o.Folds), make([]error, o.Folds)
	sideBySide(o.Folds, func(k int) {
		var rows []int32
		for i := range pts {
			if predictor.Fold(pts[i].Stem, o.Folds) != k {
				rows = append(rows, pts[i].row)
			}
		}
		y, w := y, w
		if len(rows) == 0 { // one design alone: nothing is known of others
			rows, y, w = []int32{pts[0].row}, make([]float64, len(y)), nil
		}
		models[k], failed[k] = s.matrix.Fit(rows, y, w, boost.Options{Loss: boost.Absolute, Trees: o.Trees, MaxDepth: o.Depth, LearningRate: o.Rate,
			Columns: o.Columns, Rows: o.Rows, MinChildWeight: o.MinChild, Seed: uint64(k + 1),
			Cluster: s.devices, Clustered: ofDevice, MinClusters: o.MinDevices, Threads: 1, Monotone: mono})
	})
	return models, errors.Join(failed...)
}
