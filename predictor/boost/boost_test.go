package boost

import (
	"bytes"
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// friedman is a standard test law: five of the features matter, the rest are
// noise. Some values are missing where missing > 0.
func friedman(n, features int, noise, missing float64, seed uint64) Data {
	r := rand.New(rand.NewPCG(seed, 1))
	d := Data{X: make([][]float64, n), Y: make([]float64, n)}
	for i := range n {
		x := make([]float64, features)
		for j := range x {
			x[j] = r.Float64()
		}
		d.Y[i] = 10*math.Sin(math.Pi*x[0]*x[1]) + 20*(x[2]-.5)*(x[2]-.5) + 10*x[3] + 5*x[4] + noise*r.NormFloat64()
		for j := range x {
			if r.Float64() < missing {
				x[j] = math.NaN()
			}
		}
		d.X[i] = x
	}
	return d
}

// errors of m on d: mean absolute error and the share of targets below the prediction.
func errorsOf(m *Model, d Data) (mae, below float64) {
	for i, x := range d.X {
		p := m.Predict(x)
		mae += math.Abs(p-d.Y[i]) / float64(len(d.X))
		if d.Y[i] < p {
			below += 1 / float64(len(d.X))
		}
	}
	return mae, below
}

func fit(t testing.TB, d Data, o Options) *Model {
	t.Helper()
	m, err := Fit(d.X, d.Y, d.W, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLearnsTheLaw(t *testing.T) {
	train, test := friedman(4000, 8, 1, 0, 1), friedman(2000, 8, 0, 0, 2)
	for name, o := range map[string]Options{
		"squared": {}, "absolute": {Loss: Absolute}, "huber": {Loss: Huber},
		"sampled": {Rows: .7, Columns: .7, L2: 1},
	} {
		o.Trees = 150
		if mae, _ := errorsOf(fit(t, train, o), test); mae > 0.75 { // the spread of y is 4.9
			t.Errorf("%s: mean absolute error %.3f", name, mae)
		}
	}
}

func TestQuantileCovers(t *testing.T) {
	train, test := friedman(6000, 6, 2, 0, 3), friedman(4000, 6, 2, 0, 4)
	for _, q := range []float64{.1, .5, .9} {
		m := fit(t, train, Options{Loss: Quantile, Quantile: q, Trees: 120, MaxDepth: 4, MinChildWeight: 40})
		if _, below := errorsOf(m, test); math.Abs(below-q) > .06 {
			t.Errorf("quantile %.1f: %.3f of the targets lie below", q, below)
		}
	}
}

func TestAbsoluteLossIgnoresOutliers(t *testing.T) {
	train, test := friedman(4000, 6, .5, 0, 5), friedman(2000, 6, 0, 0, 6)
	for i := 0; i < len(train.Y); i += 20 {
		train.Y[i] += 1000
	}
	robust, _ := errorsOf(fit(t, train, Options{Loss: Absolute, MinChildWeight: 30}), test)
	squared, _ := errorsOf(fit(t, train, Options{}), test)
	if robust > 1 || squared < 10*robust {
		t.Errorf("mean absolute error %.2f under absolute loss, %.2f under squared", robust, squared)
	}
}

func TestMissingValuesHaveADirection(t *testing.T) {
	// Missing means a high target, as x above one half does.
	r := rand.New(rand.NewPCG(7, 7))
	var d Data
	for range 1000 {
		x, y := r.Float64(), 0.0
		if x > .5 {
			y = 1
		}
		if r.Float64() < .2 {
			x, y = math.NaN(), 1
		}
		d.X, d.Y = append(d.X, []float64{x}), append(d.Y, y)
	}
	m := fit(t, d, Options{Trees: 60, MaxDepth: 1, LearningRate: .3})
	for x, want := range map[float64]float64{.2: 0, .8: 1, math.NaN(): 1} {
		if got := m.Predict([]float64{x}); math.Abs(got-want) > .05 {
			t.Errorf("Predict(%v) = %.3f, want %v", x, got, want)
		}
	}
	train, test := friedman(4000, 6, .5, .1, 8), friedman(2000, 6, 0, .1, 9)
	constant := fit(t, Data{X: train.X, Y: train.Y}, Options{Trees: 1, LearningRate: 1e-9})
	none, _ := errorsOf(constant, test)
	if mae, _ := errorsOf(fit(t, train, Options{}), test); mae > none/2 {
		t.Errorf("with a tenth missing the error is %.2f, a constant's %.2f", mae, none)
	}
}

func TestWeightsAreRepeats(t *testing.T) {
	d := friedman(240, 5, 1, 0, 10) // few enough that every value has its bin
	twice := Data{}
	d.W = make([]float64, len(d.X))
	for i := range d.X {
		d.W[i] = float64(1 + i%3)
		for range 1 + i%3 {
			twice.X, twice.Y = append(twice.X, d.X[i]), append(twice.Y, d.Y[i])
		}
	}
	for _, loss := range []Loss{Squared, Absolute} {
		// weight is counted in rows of average weight, so the repeats (twice as many) need twice the least
		a := fit(t, d, Options{Loss: loss, Trees: 30, MinChildWeight: 10})
		b := fit(t, twice, Options{Loss: loss, Trees: 30, MinChildWeight: 10 * float64(len(twice.X)) / float64(len(d.X))})
		for _, x := range d.X[:50] {
			if p, q := a.Predict(x), b.Predict(x); math.Abs(p-q) > 1e-3 {
				t.Fatalf("loss %d: weighted %v, repeated %v", loss, p, q)
			}
		}
	}
}

func TestMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		loss := Loss(rapid.IntRange(0, 3).Draw(t, "loss"))
		d := friedman(300, 5, 3, .05, seed) // noisy enough that a free fit would not be monotone
		m, err := Fit(d.X, d.Y, nil, Options{Loss: loss, Quantile: .7, Trees: 15, LearningRate: .3, MinChildWeight: 2, Monotone: []int{1, -1, 0, 1, 0}})
		if err != nil {
			t.Fatal(err)
		}
		for f, sign := range []int{1, -1, 0, 1, 0} {
			x := append([]float64(nil), d.X[rapid.IntRange(0, 299).Draw(t, "row")]...)
			x[f] = 0
			last := m.Predict(x)
			for v := .05; sign != 0 && v <= 1; v += .05 {
				x[f] = v
				p := m.Predict(x)
				if float64(sign)*(p-last) < -1e-9 {
					t.Fatalf("loss %d, feature %d, sign %d: %v after %v at %v", loss, f, sign, p, last, v)
				}
				last = p
			}
		}
	})
}

func TestFreeFitIsNotMonotone(t *testing.T) { // so TestMonotone can fail
	d := friedman(300, 5, 3, .05, 1)
	m := fit(t, d, Options{Trees: 15, LearningRate: .3, MinChildWeight: 2})
	falls := 0
	for _, x := range d.X {
		x = append([]float64(nil), x...)
		last := math.Inf(-1)
		for v := 0.; v <= 1; v += .05 {
			x[3] = v
			if p := m.Predict(x); p < last {
				falls++
			} else {
				last = p
			}
		}
	}
	if falls == 0 {
		t.Error("an unconstrained fit of noise never fell")
	}
}

func TestDeterministic(t *testing.T) {
	d := friedman(3000, 12, 1, .02, 11)
	o := Options{Loss: Absolute, Trees: 20, Rows: .8, Columns: .6, Seed: 3}
	var want []byte
	for threads := 1; threads <= 7; threads += 2 {
		o.Threads = threads
		got := fit(t, d, o).Encode()
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d threads give other bytes", threads)
		}
	}
	o.Seed++
	if bytes.Equal(fit(t, d, o).Encode(), want) {
		t.Error("another seed gives the same bytes")
	}
}

// A matrix of more rows than are learned from gives what those rows alone give,
// wherever every value has a bin of its own: rows that are left out have no say.
func TestMatrixOfMoreRows(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 23))
	var all, some Data
	var cluster, ofSome, rows []int32
	for i := range 3000 {
		x := []float64{float64(r.IntN(40)), float64(r.IntN(90)), float64(r.IntN(2)), float64(i % 7)}
		if r.IntN(10) == 0 {
			x[1] = math.NaN()
		}
		y, w := x[0]*x[2]+x[3]*x[3]+r.NormFloat64(), 0.5+r.Float64()
		if r.IntN(3) == 0 { // left out, with a target and a weight that would tell
			y, w = 1e6, 1e6
		} else {
			rows = append(rows, int32(i))
			some.X, some.Y, some.W, ofSome = append(some.X, x), append(some.Y, y), append(some.W, w), append(ofSome, int32(i%7))
		}
		all.X, all.Y, all.W, cluster = append(all.X, x), append(all.Y, y), append(all.W, w), append(cluster, int32(i%7))
	}
	m, err := NewMatrix(all.X, 127, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, loss := range []Loss{Squared, Absolute, Huber} {
		o := Options{Loss: loss, Trees: 30, MaxDepth: 5, Rows: .7, Columns: .8, L2: 1, Monotone: []int{1, 0, 0, 0},
			Clustered: []bool{false, false, false, true}, MinClusters: 2, Bins: 127}
		o.Cluster = cluster
		a, err := m.Fit(rows, all.Y, all.W, o)
		if err != nil {
			t.Fatal(err)
		}
		o.Cluster = ofSome
		if b := fit(t, some, o); !bytes.Equal(a.Encode(), b.Encode()) {
			t.Errorf("loss %d: another model", loss)
		}
	}
}

// Selection finds what sorting finds.
func TestWeightedQuantile(t *testing.T) {
	sorted := func(rs []residual, q float64) float64 {
		rs = slices.Clone(rs)
		slices.SortFunc(rs, func(a, b residual) int { return cmp.Compare(a.r, b.r) })
		total, below := int64(0), int64(0)
		for _, x := range rs {
			total += x.w
		}
		for i, x := range rs {
			if below += x.w; x.w == 0 || float64(below) < q*float64(total) {
				continue
			}
			for _, next := range rs[i+1:] {
				if next.w > 0 && float64(below) == q*float64(total) {
					return x.r + (next.r-x.r)/2
				}
			}
			return x.r
		}
		return 0
	}
	rapid.Check(t, func(t *rapid.T) {
		rs := make([]residual, rapid.IntRange(0, 60).Draw(t, "n"))
		for i := range rs {
			rs[i] = residual{float64(rapid.IntRange(-9, 9).Draw(t, "r")), rapid.Int64Range(0, 3).Draw(t, "w")}
		}
		q := rapid.SampledFrom([]float64{.05, .25, .5, .9}).Draw(t, "q")
		if want, got := sorted(rs, q), weightedQuantile(rs, q); got != want {
			t.Fatalf("quantile %v is %v, want %v", q, got, want)
		}
	})
}

func TestEarlyStopping(t *testing.T) {
	train, valid := friedman(300, 10, 5, 0, 12), friedman(1000, 10, 0, 0, 13)
	o := Options{Trees: 400, MinChildWeight: 1}
	all, _ := errorsOf(fit(t, train, o), valid)
	o.Valid, o.Patience = &valid, 20
	m := fit(t, train, o)
	if early, _ := errorsOf(m, valid); m.Trees() >= 400 || early >= all {
		t.Errorf("%d trees, error %.3f; without stopping %.3f", m.Trees(), early, all)
	}
}

func TestImportance(t *testing.T) {
	m := fit(t, friedman(4000, 8, .5, 0, 14), Options{})
	sum, noise := 0.0, 0.0
	for f, g := range m.Importance() {
		sum += g
		if f >= 5 {
			noise += g
		}
	}
	if math.Abs(sum-1) > 1e-9 || noise > .03 {
		t.Errorf("the shares sum to %v, those of noise to %v", sum, noise)
	}
}

// Six clusters of rows, one of which has a level of its own: a feature that is
// alike within clusters can single it out, unless a split needs two on either
// side. The feature that varies within clusters is free.
func TestClustersAreExamples(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var d Data
	var cluster []int32
	for i := range 600 {
		k, free := int32(i%6), r.Float64()
		y := free
		if k == 5 {
			y += 3
		}
		d.X, d.Y, cluster = append(d.X, []float64{float64(k), free}), append(d.Y, y), append(cluster, k)
	}
	fit := func(least int) *Model {
		m, err := Fit(d.X, d.Y, nil, Options{Trees: 100, Cluster: cluster, Clustered: []bool{true, false}, MinClusters: least})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	between := func(m *Model) float64 { return m.Predict([]float64{5, .5}) - m.Predict([]float64{4, .5}) }
	if x := between(fit(1)); x < 2.8 {
		t.Errorf("with one cluster enough, the odd one is %.2f higher, want 3", x)
	}
	m := fit(2)
	if x := between(m); x != 0 {
		t.Errorf("with two needed, the odd one is told from its neighbour by %.2f", x)
	}
	if x := m.Predict([]float64{2, .9}) - m.Predict([]float64{2, .1}); x < 0.6 {
		t.Errorf("the free feature moves it by %.2f, want 0.8", x)
	}
}

func TestFitRefuses(t *testing.T) {
	x, y := [][]float64{{1}, {2}}, []float64{1, 2}
	for name, f := range map[string]func() (*Model, error){
		"no rows":         func() (*Model, error) { return Fit(nil, nil, nil, Options{}) },
		"too few targets": func() (*Model, error) { return Fit(x, y[:1], nil, Options{}) },
		"ragged rows":     func() (*Model, error) { return Fit([][]float64{{1}, {1, 2}}, y, nil, Options{}) },
		"infinite":        func() (*Model, error) { return Fit([][]float64{{1}, {math.Inf(1)}}, y, nil, Options{}) },
		"nan target":      func() (*Model, error) { return Fit(x, []float64{1, math.NaN()}, nil, Options{}) },
		"negative weight": func() (*Model, error) { return Fit(x, y, []float64{1, -1}, Options{}) },
		"no weight":       func() (*Model, error) { return Fit(x, y, []float64{0, 0}, Options{}) },
		"quantile":        func() (*Model, error) { return Fit(x, y, nil, Options{Loss: Quantile, Quantile: 1}) },
		"bins":            func() (*Model, error) { return Fit(x, y, nil, Options{Bins: 256}) },
		"too many":        func() (*Model, error) { return Fit([][]float64{make([]float64, 256)}, y[:1], nil, Options{}) },
		"monotone":        func() (*Model, error) { return Fit(x, y, nil, Options{Monotone: []int{1, 1}}) },
		"valid":           func() (*Model, error) { return Fit(x, y, nil, Options{Valid: &Data{}}) },
	} {
		if m, err := f(); err == nil || m != nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A rounded value lies on the side of every float32 that the value itself does.
func TestRowsKeepTheirSide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.Float32().Draw(t, "cut")
		v := rapid.OneOf(rapid.Float64(), rapid.Custom(func(t *rapid.T) float64 { // next to it
			up := rapid.SampledFrom([]float64{math.Inf(1), math.Inf(-1), float64(cut)}).Draw(t, "towards")
			return math.Nextafter(float64(cut), up)
		})).Draw(t, "v")
		if r := RowOf([]float64{v}); r.x[0] <= cut != (v <= float64(cut)) {
			t.Fatalf("%v became %v, on the other side of %v", v, r.x[0], cut)
		}
	})
}

func TestPredictDoesNotAllocate(t *testing.T) {
	d := friedman(500, 6, 1, 0, 15)
	m := fit(t, d, Options{Trees: 20})
	if n := testing.AllocsPerRun(100, func() { m.Predict(d.X[0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFit(b *testing.B) { // what the design asks for in a few seconds on two cores
	d := friedman(50_000, 30, 1, 0, 16)
	for b.Loop() {
		fit(b, d, Options{Trees: 300})
	}
}

func BenchmarkPredict(b *testing.B) {
	d := friedman(5000, 30, 1, 0, 17)
	m := fit(b, d, Options{Trees: 300})
	i := 0
	for b.Loop() {
		m.Predict(d.X[i%len(d.X)])
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/300, "ns/tree")
}
