package ops

import "github.com/perfcast/perfcast/perf"

// fusable are the kernels besides products, by how runtimes treat them.
var fusable = []struct {
	class   Class
	name    string
	kernels []perf.Kernel
}{
	{Norm, "norms", []perf.Kernel{perf.BatchNormKernel, perf.LayerNormKernel, perf.GroupNormKernel}},
	{Softmax, "softmax", []perf.Kernel{perf.SoftmaxKernel}},
	{Elementwise, "elementwise", []perf.Kernel{perf.ActivationKernel, perf.ConcatKernel, perf.PoolKernel, perf.CopyKernel, perf.OtherKernel}},
}

// appendMakeup lists a network whose kernels are counted: each kind as one
// operation of as many launches. weights are the bytes of parameters read.
func appendMakeup(list []Op, w perf.Workload, z Size, width Width, batch, weights float64) []Op {
	m := &w.Facts.Makeup
	moved := func(k perf.Kernel) float64 { return float64(m.Elements[k]) * z.MACs * batch * width.Activation }
	share := float64(m.Works[perf.DepthwiseWork])
	flops := 2 * z.MACs * batch
	list = append(list, Op{Class: Product, Name: "products", B: int(batch), FLOPs: flops * (1 - share),
		Bytes: weights + moved(perf.ProductKernel), WeightBytes: weights, Count: 1, Launches: float64(m.Kernels[perf.ProductKernel])})
	if share > 0 {
		list = append(list, Op{Class: Depthwise, Name: "depthwise", B: int(batch), FLOPs: flops * share,
			Bytes: moved(perf.DepthwiseKernel), Count: 1, Launches: float64(m.Kernels[perf.DepthwiseKernel])})
	}
	for _, f := range fusable {
		o := Op{Class: f.class, Name: f.name, B: int(batch), Count: 1}
		for _, k := range f.kernels {
			o.Bytes += moved(k)
			o.Launches += float64(m.Kernels[k])
		}
		if o.Launches > 0 {
			list = append(list, o)
		}
	}
	return list
}
