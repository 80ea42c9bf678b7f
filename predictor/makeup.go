package predictor

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// makeupFeatures are what learning sees of a network's makeup, in the order of
// appendMakeup.
var makeupFeatures = []Feature{
	{"spatial", 0}, {"pointwise", 0}, {"grouped", 0}, {"depthwise", 0}, {"attention", 0}, {"group_width", 0},
	{"products_per_mac", 0}, {"depthwise_per_mac", 0}, {"batchnorm_per_mac", 0}, {"layernorm_per_mac", 0}, {"groupnorm_per_mac", 0},
	{"activations_per_mac_moved", 0}, {"softmax_per_mac", 0}, {"concat_per_mac", 0}, {"pool_per_mac", 0}, {"copy_per_mac", 0}, {"other_per_mac", 0},
	{"moved_per_mac", 0}, {"moving_share", 0}, {"kernels", 0}, {"products", 0}, {"macs_per_kernel", 0}, {"depthwise_window", 0},
}

// appendMakeup appends the features of a makeup whose network does macs
// multiply-accumulates on a sample.
func appendMakeup(x []float64, m *perf.Makeup, macs float64) []float64 {
	if !m.Known() {
		for range makeupFeatures {
			x = append(x, unknownFact)
		}
		return x
	}
	for _, share := range m.Works {
		x = append(x, float64(share))
	}
	x = append(x, math.Log1p(float64(m.GroupWidth)))
	var moved, kernels float64
	for i, e := range m.Elements {
		x = append(x, math.Log(float64(e)+1e-6))
		moved += float64(e)
		kernels += float64(m.Kernels[i])
	}
	products := float64(m.Elements[perf.ProductKernel] + m.Elements[perf.DepthwiseKernel])
	window := unknownFact * 1.0
	if e := float64(m.Elements[perf.DepthwiseKernel]); e > 0 {
		window = math.Log(float64(m.Works[perf.DepthwiseWork]) / e)
	}
	return append(x, math.Log(moved), 1-products/moved, math.Log(kernels),
		math.Log(float64(m.Kernels[perf.ProductKernel]+m.Kernels[perf.DepthwiseKernel])), math.Log(macs/kernels), window)
}
