package ops

import (
	"math"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// A network whose kernels are counted does the work of one known by its totals
// alone, in as many kernels as were counted.
func TestMakeupKeepsTotals(t *testing.T) {
	m := &perf.Model{Kind: "cnn", Family: "vision", Params: 25e6, MACs: 4e9, Activations: 11e6}
	w := perf.Workload{Facts: m}
	w.BatchSize, w.Precision = 8, perf.FP16
	whole := Sum(Of(w, Forward(w)))
	counted := *m
	counted.Makeup.Works = [perf.NumWorks]float32{0.5, 0.2, 0.1, 0.2, 0}
	counted.Makeup.Kernels = [perf.NumKernels]float32{54, 17, 53, 0, 0, 49, 0, 0, 2, 0, 16}
	counted.Makeup.Elements = [perf.NumKernels]float32{0.01, 0.005, 0.01, 0, 0, 0.01, 0, 0, 0.001, 0, 0.005}
	w.Facts = &counted
	list := Of(w, Forward(w))
	parts := Sum(list)
	if math.Abs(parts.FLOPs/whole.FLOPs-1) > 1e-6 || parts.WeightBytes != whole.WeightBytes {
		t.Errorf("FLOPs %g and weights %g, of the whole %g and %g", parts.FLOPs, parts.WeightBytes, whole.FLOPs, whole.WeightBytes)
	}
	if parts.Launches != 54+17+53+49+2+16 {
		t.Errorf("%g kernels", parts.Launches)
	}
	if moved := parts.Bytes - parts.WeightBytes; math.Abs(moved/(0.041*4e9*8*2)-1) > 1e-6 {
		t.Errorf("%g bytes moved", moved)
	}
	trained := Sum(Of(w, Step{Batch: 8, Tokens: 1, Train: true}))
	if trained.FLOPs < 2.9*parts.FLOPs || trained.Launches < 2*parts.Launches {
		t.Errorf("training takes %g FLOPs in %g kernels, the forward pass %g in %g", trained.FLOPs, trained.Launches, parts.FLOPs, parts.Launches)
	}
}
