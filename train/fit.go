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
	Y      float64 // ln(time / stated time), median of the repeats
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
	Monotone            bool
	Calibrate           bool
	Sweeps              int
	Progress            func(stage string, done, total int)
}

// DefaultOptions are those of the embedded artefact.
func DefaultOptions() Options {
	return Options{Folds: 4, Trees: 150, Depth: 7, Rate: 0.12, Columns: 0.5, Rows: 0.7, MinChild: 8, Monotone: true, Calibrate: true, Sweeps: 25}
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
			if y := math.Log(v.Latent(v.Actual) / pts[j].In.Cost.Stated); y-y == 0 {
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

// FitLearned fits the end-to-end model.
func FitLearned(pts []Point, o Options) (*predictor.Learned, error) {
	l := &predictor.Learned{}
	mono := make([]int, len(predictor.Features))
	for i, f := range predictor.Features {
		mono[i] = f.Monotone
	}
	fold := make([]int, len(pts))
	for i := range pts {
		fold[i] = predictor.Fold(pts[i].Stem, o.Folds)
	}
	residual := make([]float64, len(pts))
	for k := range o.Folds {
		var x [][]float64
		var y, w []float64
		for i := range pts {
			if fold[i] != k {
				x, y, w = append(x, pts[i].In.X), append(y, pts[i].Y), append(w, pts[i].Weight)
			}
		}
		b := boost.Options{Loss: boost.Absolute, Trees: o.Trees, MaxDepth: o.Depth, LearningRate: o.Rate, Bins: 127,
			Columns: o.Columns, Rows: o.Rows, MinChildWeight: o.MinChild, Seed: uint64(k + 1), Threads: runtime.GOMAXPROCS(0)}
		if o.Monotone {
			b.Monotone = mono
		}
		m, err := boost.Fit(x, y, w, b)
		if err != nil {
			return nil, err
		}
		l.Folds = append(l.Folds, m)
		for i := range pts {
			if fold[i] == k {
				residual[i] = pts[i].Y - m.Predict(pts[i].In.X)
			}
		}
		if o.Progress != nil {
			o.Progress("trees", k+1, o.Folds)
		}
	}
	fitEffects(l, pts, residual, o)
	return l, nil
}

// fitEffects fits additive effects of all groups to the residuals of trees
// that have not seen the design: a Gauss-Seidel sweep over the ridge equations
// of a crossed random-effects model, with variance components re-estimated by
// expectation-maximisation in between, and weights that bound the pull of
// outliers (Huber).
func fitEffects(l *predictor.Learned, pts []Point, residual []float64, o Options) {
	const kinds = predictor.NumGroups
	var index [kinds]map[uint64]int
	of := make([][kinds]int32, len(pts))
	var mean, variance [kinds][]float64
	for t := range kinds {
		index[t] = map[uint64]int{}
		for i := range pts {
			g := pts[i].In.Groups[t]
			j, ok := index[t][g]
			if !ok {
				j = len(index[t])
				index[t][g] = j
			}
			of[i][t] = int32(j)
		}
		mean[t], variance[t] = make([]float64, len(index[t])), make([]float64, len(index[t]))
		l.Tau[t] = 0.15
	}
	left := slices.Clone(residual)
	w := make([]float64, len(pts))
	sigma := 0.2
	for range o.Sweeps {
		abs := make([]float64, len(pts))
		for i, r := range left {
			abs[i] = math.Abs(r)
		}
		sigma = math.Max(0.02, 1.48*med(abs))
		for i := range pts {
			w[i] = pts[i].Weight * math.Min(1, 1.5*sigma/math.Max(abs[i], 1e-9))
		}
		for t := range kinds {
			n := len(mean[t])
			sum, weight := make([]float64, n), make([]float64, n)
			for i := range pts {
				j := of[i][t]
				sum[j] += w[i] * (left[i] + mean[t][j])
				weight[j] += w[i]
			}
			lambda := sigma * sigma / (l.Tau[t] * l.Tau[t])
			tau := 0.0
			next := make([]float64, n)
			for j := range n {
				next[j] = sum[j] / (weight[j] + lambda)
				variance[t][j] = sigma * sigma / (weight[j] + lambda)
				tau += next[j]*next[j] + variance[t][j]
			}
			for i := range pts {
				j := of[i][t]
				left[i] += mean[t][j] - next[j]
			}
			mean[t] = next
			l.Tau[t] = math.Max(0.005, math.Sqrt(tau/float64(n)))
		}
	}
	l.Noise = sigma
	l.Effects = map[uint64]predictor.Effect{}
	for t := range kinds {
		for g, j := range index[t] {
			l.Effects[g] = predictor.Effect{Mean: float32(mean[t][j]), Variance: float32(variance[t][j])}
		}
	}
}
