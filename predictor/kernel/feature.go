package kernel

import (
	"math"
	"math/bits"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// What the learned utilisation may look at: shapes, and shapes over what the
// device has. Nothing names a device, and nothing describes one apart from a
// shape: the ridge, the rate of a core and the bandwidth of a core were tried, and
// made devices that were left out worse, as trees cut between the few there are.

const (
	productFeatures = 25
	streamFeatures  = 11
)

// tiles are output tiles that matrix libraries choose among.
var tiles = [...][2]float64{{256, 128}, {128, 128}, {64, 64}, {32, 32}}

// productInputs describes a matrix product to the learner. x has
// productFeatures elements.
func productInputs(x []float64, o *ops.Op, d *perf.Device, b bound) {
	B, M, N, K := float64(max(1, o.B)), float64(max(1, o.M)), float64(max(1, o.N)), float64(max(1, o.K))
	sm := cores(d)
	x[0] = math.Log2(min(M, N))
	x[1] = math.Log2(max(M, N))
	x[2] = math.Log2(K)
	x[3] = math.Log2(B)
	x[4] = math.Log2(M / N)
	x[5], x[6], x[7] = aligned(o.M), aligned(o.N), aligned(o.K)
	for i, t := range tiles { // waves of tiles over the cores, how full the last is, how full the tiles are
		n := B * math.Ceil(M/t[0]) * math.Ceil(N/t[1])
		w := n / sm
		x[8+3*i] = math.Log2(w)
		x[9+3*i] = w / math.Ceil(w)
		x[10+3*i] = B * M * N / (n * t[0] * t[1])
	}
	x[20] = math.Log2(b.time() / 1e-6)
	x[21] = ratio(b.compute, b.memory) // intensity over the ridge
	x[22] = ratio(o.Bytes, cache(d))
	x[23] = float64(b.unit)
	x[24] = flag(o.Class == ops.Matmul) + 2*flag(o.Kind == "conv") + 4*flag(amd(d))
}

// streamInputs describes an operation that streams through memory.
func streamInputs(x []float64, o *ops.Op, d *perf.Device, p perf.Precision, b bound) {
	M, N := float64(max(1, o.M)), float64(max(1, o.N))
	elements := M * N * float64(max(1, o.B))
	width := ops.Widths(p).Activation
	sm := cores(d)
	x[0] = float64(o.Class)
	x[1] = kindCode(o.Kind)
	x[2] = o.Bytes / (elements * width) // passes over the data
	x[3] = math.Log2(N)
	x[4] = math.Log2(M / sm)
	x[5] = math.Log2(elements / sm)
	x[6] = ratio(o.Bytes, cache(d))
	x[7] = math.Log2(b.time() / 1e-6)
	x[8] = width
	x[9] = flag(amd(d))
	x[10] = aligned(o.N)
}

// aligned is the number of times n is divisible by two, at most 5: vector loads
// and tensor cores ask for multiples.
func aligned(n int) float64 {
	if n <= 0 {
		return 0
	}
	return float64(min(5, bits.TrailingZeros(uint(n))))
}

// ratio is log2(a/b), missing where one is not known.
func ratio(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return math.NaN()
	}
	return math.Log2(a / b)
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// kinds order element-wise functions by what they cost beyond the memory they move.
var kinds = [...]string{"", "copy", "add", "mul", "relu", "div", "gelu", "silu", "tanh", "pow", "rope", "layer", "rms"}

func kindCode(kind string) float64 {
	if kind == "where" || kind == "max" { // nobody timed them; they do as little as a sum
		kind = "add"
	}
	for i, k := range kinds {
		if k == kind {
			return float64(i)
		}
	}
	return 0
}
