// Package cpubench measures this machine's processor with nothing but this
// binary: its peak of arithmetic, its memory bandwidth, matrix products and an
// encoder layer of a transformer.
//
// The figures are of the machine, not of what else runs on it at the moment:
// all the work is spread evenly over the processors, so the time that a piece
// of it would take alone is the processor time that it used over the number of
// processors (where that is known; elsewhere it is the clock's time). A loaded
// machine's clock says two to five times as much. Each is repeated after a
// warm-up, and reported as the median and quartiles of the repeats. Matrix products use AVX2 and FMA where the processor has
// them (amd64), and plain Go elsewhere, which is several times slower than the
// processor can be: Result.Vectors says which.
package cpubench

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// Sample is the median of repeated measurements, with their quartiles and the
// best of them: what comes nearest to the hardware alone when other programs
// run beside.
type Sample struct {
	Median, Low, High, Best float64
	Repeats                 int
}

// per is the sample of amount/t for a sample of times t.
func (s Sample) per(amount float64) Sample {
	return Sample{amount / s.Median, amount / s.High, amount / s.Low, amount / s.Best, s.Repeats}
}

// Case is the time of one workload.
type Case struct {
	Name          string
	Batch, Tokens int     // of the transformer layer; 0 for a matrix product
	Size          int     // of a square matrix product
	Operations    float64 // FLOP
	Time          Sample  // s
}

// Result is what was measured.
type Result struct {
	Host      Host
	Vectors   bool   // the arithmetic used vector instructions
	Peak      Sample // FLOP/s in fp32, all processors
	Bandwidth Sample // B/s read and written by copying memory, all processors
	Products  []Case // square matrix products
	Layers    []Case // the encoder layer
}

// Options say how much to measure. The zero value is the standard.
type Options struct {
	Repeats int           // of each measurement; 0 = 15
	Bytes   int           // of the memory that is copied; 0 = 256 MiB
	Sizes   []int         // of square matrix products; nil = 256, 512, 1024, 2048
	Batches []int         // of the encoder layer; nil = 1 and 8
	Least   time.Duration // of one repeat of a short measurement; 0 = 5 ms
}

// Run measures. It stops between repeats when ctx is done.
func Run(ctx context.Context, o Options, progress func(fraction float64, doing string)) (Result, error) {
	if o.Repeats == 0 {
		o.Repeats = 15
	}
	if o.Bytes == 0 {
		o.Bytes = 256 << 20
	}
	if o.Sizes == nil {
		o.Sizes = []int{256, 512, 1024, 2048}
	}
	if o.Batches == nil {
		o.Batches = []int{1, 8}
	}
	if o.Least == 0 {
		o.Least = 5 * time.Millisecond
	}
	r := Result{Host: FindHost(), Vectors: hasFMA}
	steps, done := float64(2+len(o.Sizes)+len(o.Batches)), 0.0
	tell := func(doing string) { progress(done/steps, doing); done++ }

	tell("Arithmetic")
	for _, b := range bursts() {
		rounds := 1 << 18
		t, err := o.measure(ctx, func() { each(runtime.GOMAXPROCS(0), func(int) { b.run(rounds) }) })
		if err != nil {
			return r, err
		}
		if p := t.per(float64(rounds) * b.operations * float64(runtime.GOMAXPROCS(0))); p.Best > r.Peak.Best {
			r.Peak = p
		}
	}
	tell("Memory bandwidth")
	var err error
	if r.Bandwidth, err = o.bandwidth(ctx); err != nil {
		return r, err
	}
	for _, n := range o.Sizes {
		tell("Matrix product")
		c, err := o.product(ctx, n)
		if err != nil {
			return r, err
		}
		r.Products = append(r.Products, c)
	}
	for _, batch := range o.Batches {
		tell("Transformer layer")
		l := newLayer(batch, layerTokens)
		t, err := o.measure(ctx, l.forward)
		if err != nil {
			return r, err
		}
		r.Layers = append(r.Layers, Case{Name: "encoder layer", Batch: batch, Tokens: layerTokens, Operations: l.operations(), Time: t})
	}
	progress(1, "Done")
	return r, nil
}

// burst is a loop of multiply-adds.
type burst struct {
	run        func(rounds int)
	operations float64 // FLOP of a round
}

func fmaGo(n int) {
	var a, b, c, d, e, f, g, h float32 = 1, 2, 3, 4, 5, 6, 7, 8
	const x, y = 0.999, 1e-3
	for range n {
		a, b, c, d = a*x+y, b*x+y, c*x+y, d*x+y
		e, f, g, h = e*x+y, f*x+y, g*x+y, h*x+y
	}
	runtime.KeepAlive(a + b + c + d + e + f + g + h) // or the loop could be left out
}

// measure times f: a warm-up, which also says how often to call it for one
// repeat to take at least o.Least, and then the repeats.
func (o Options) measure(ctx context.Context, f func()) (Sample, error) {
	f()
	start := now()
	f()
	calls := 1 + int(float64(o.Least)/1e9/max(start.since(), 1e-9))
	times := make([]float64, o.Repeats)
	for i := range times {
		if err := context.Cause(ctx); err != nil {
			return Sample{}, err
		}
		start := now()
		for range calls {
			f()
		}
		times[i] = start.since() / float64(calls)
	}
	return sample(times), nil
}

// instant is a moment by the clock and by the processor time used so far.
type instant struct {
	clock time.Time
	used  time.Duration
	known bool
}

func now() instant {
	used, known := cpuTime()
	return instant{time.Now(), used, known}
}

// since is how long the work since then takes on processors of its own, in
// seconds: never more than the clock says, and that where no processor time is
// known or seen.
func (i instant) since() float64 {
	clock := time.Since(i.clock).Seconds()
	if used, _ := cpuTime(); i.known && used > i.used {
		return min(clock, (used-i.used).Seconds()/float64(runtime.GOMAXPROCS(0)))
	}
	return clock
}

func sample(xs []float64) Sample {
	slices.Sort(xs)
	at := func(q float64) float64 { // linear between the two nearest
		x := q * float64(len(xs)-1)
		i := int(x)
		j := min(i+1, len(xs)-1)
		return xs[i] + (x-float64(i))*(xs[j]-xs[i])
	}
	return Sample{at(0.5), at(0.25), at(0.75), xs[0], len(xs)}
}

// bandwidth copies memory that no cache holds: a byte copied is one read and
// one written.
func (o Options) bandwidth(ctx context.Context) (Sample, error) {
	n := runtime.GOMAXPROCS(0)
	part := o.Bytes / 2 / n
	type pair struct{ from, to []byte }
	pairs := make([]pair, n)
	for i := range pairs {
		pairs[i] = pair{make([]byte, part), make([]byte, part)}
		for j := range pairs[i].from { // every page is there before the clock runs
			pairs[i].from[j] = byte(j)
		}
	}
	t, err := o.measure(ctx, func() { each(n, func(i int) { copy(pairs[i].to, pairs[i].from) }) })
	return t.per(2 * float64(part) * float64(n)), err
}

func (o Options) product(ctx context.Context, n int) (Case, error) {
	a, b, c := newMatrix(n, n), newMatrix(n, n), newMatrix(n, n)
	fill(a, 1)
	fill(b, 2)
	weights := pack(b, false) // once, as in a model
	t, err := o.measure(ctx, func() { multiply(c, a, weights) })
	return Case{Name: "matrix product", Size: n, Operations: 2 * float64(n) * float64(n) * float64(n), Time: t}, err
}

// fill writes numbers between -0.05 and 0.05 that are the same every time.
func fill(m matrix, seed uint32) {
	x := seed
	for i := range m.rows {
		for j := range m.row(i) {
			x = x*1664525 + 1013904223 // Numerical Recipes' generator
			m.data[i*m.stride+j] = (float32(x>>8)/float32(1<<24) - 0.5) / 10
		}
	}
}
