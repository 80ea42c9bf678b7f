package ops

import "github.com/perfcast/perfcast/perf"

// appendTraining appends the backward pass of the operations from index first
// on and the optimiser's update. Each product gives two (gradients of both
// operands, each of the forward product's size); whatever else there is moves
// its inputs, outputs and their gradients.
func appendTraining(list []Op, first int, w perf.Workload) []Op {
	last := len(list)
	for i := first; i < last; i++ {
		o := list[i]
		o.Backward = true
		switch o.Class {
		case Matmul, BatchedMatmul:
			dx, dw := o, o
			dx.Name, dx.N, dx.K = o.Name+"_dx", o.K, o.N // out[m,n] = in[m,k] w[k,n]: din = dout w'
			dw.Name, dw.M, dw.K = o.Name+"_dw", o.K, o.M // dw = in' dout
			dw.WeightBytes = 0
			list = append(list, dx, dw)
		case Aggregate, Product, Depthwise:
			o.FLOPs *= 2
			o.Bytes *= 2
			o.Launches *= 2
			list = append(list, o)
		case CacheWrite:
		default:
			o.Bytes *= 1.5
			o.FLOPs *= 2
			list = append(list, o)
		}
	}
	return append(list, update(w))
}

// update is AdamW: it reads the parameter, its gradient and two moments in
// fp32, and writes the parameter and both moments. Rows of tables are updated
// where they were looked up.
func update(w perf.Workload) Op {
	p := Dense(w.Facts) / float64(max(1, w.TensorParallel))
	return Op{Class: Update, Name: "optimizer", B: 1, M: 1, N: int(p), FLOPs: 10 * p, Bytes: 7 * 4 * p, Count: 1, Launches: 10}
}

// Params is the number of parameters: the fact, or what the layers add up to.
func Params(m *perf.Model) float64 {
	if m.Params > 0 || m.Layers == 0 {
		return m.Params
	}
	heads, kv, dim := Heads(m)
	h, inter, blocks, mats := float64(m.Hidden), float64(Intermediate(m)), 1.0, 2.0
	if m.GatedMLP {
		mats = 3
	}
	if m.Experts > 1 {
		blocks = float64(m.Experts)
		if m.ExpertIntermediate > 0 {
			inter = float64(m.ExpertIntermediate)
		}
	}
	layer := h*float64((2*heads+2*kv)*dim) + mats*blocks*h*inter
	layers := float64(m.Layers)
	if m.Kind == "encoder-decoder" {
		layers = float64(m.Layers) + 1.3*float64(decoderLayers(m)) // cross attention
	}
	return layers*layer + float64(m.Vocab)*h
}
