package kernel

import (
	"strings"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// Eager lists the kernels that PyTorch's eager mode launches for a step of a
// transformer as Hugging Face's modelling code writes it (attn_implementation
// "eager", versions 4.2x to 4.3x): what package ops lists, plus what no
// compiler fuses away, less the copies of a cache that such a pass never makes.
//
//   - Heads are split and merged by copies of the queries, keys, values and
//     contexts: four a layer.
//   - Families write their scores' scale and mask, their activation and their
//     normalisation in ways of their own (dialect).
//   - Training adds dropout, a loss that passes over the logits eight times,
//     and the backward pass of each kernel: two products for a product, and for
//     the rest what its derivative reads and writes.
//
// Kernels that are alike are counted as one operation, named after the first.
// The optimiser's update is part of a training step, as in ops.Train. The
// lists were held against the kernels that version 4.33 dispatches for BERT,
// GPT-2, OPT and Switch Transformers (see TestEagerIsWhatIsDispatched).
func Eager(w perf.Workload, s ops.Step) []ops.Op {
	forward := s
	forward.Train, forward.Fused = false, false
	e := eager{m: w.Facts, dialect: dialectOf(w.Facts), width: ops.Widths(w.Precision).Activation, train: s.Train}
	for _, o := range ops.Of(w, forward) {
		e.forward(o)
	}
	if !s.Train {
		return e.list
	}
	for _, o := range e.list {
		e.backward(o)
	}
	for _, o := range ops.Of(w, s) {
		if o.Class == ops.Update {
			e.add(o)
		}
	}
	return e.list
}

// eager lowers one list.
type eager struct {
	list []ops.Op
	m    *perf.Model
	dialect
	width float64
	train bool
}

// add appends an operation, or counts it with one that is alike but for the
// name: they take as long, and a step is sooner summed.
func (e *eager) add(o ops.Op) {
	for i := range e.list {
		x := &e.list[i]
		if x.Class == o.Class && x.Kind == o.Kind && x.B == o.B && x.M == o.M && x.N == o.N && x.K == o.K &&
			x.Bytes == o.Bytes && x.Launches == o.Launches && x.Backward == o.Backward {
			x.Count += o.Count
			return
		}
	}
	e.list = append(e.list, o)
}

// stream appends an element-wise kernel over m x n elements that passes over
// them so many times, executed as often as like.
func (e *eager) stream(name, kind string, like ops.Op, m, n int, passes float64) {
	elements := float64(m) * float64(n)
	e.add(ops.Op{Class: ops.Elementwise, Name: name, Kind: kind, B: 1, M: m, N: n, FLOPs: elements,
		Bytes: passes * elements * e.width, Count: like.Count, Launches: 1, Backward: like.Backward})
}

func (e *eager) forward(o ops.Op) {
	switch {
	case o.Class == ops.CacheWrite: // keys and values are kept where they were made
	case o.Class == ops.BatchedMatmul && strings.HasSuffix(o.Name, "_scores"):
		for _, n := range [...]int{o.M, o.N, o.N, o.M} { // queries, keys, values, contexts
			e.stream("heads", "copy", o, o.B*n, o.K, 2)
		}
		if e.scale == scaleQueries {
			e.stream("scale", "mul", o, o.B*o.M, o.K, 2)
		}
		e.add(o)
	case strings.HasSuffix(o.Name, "_scale"):
		if e.scale == scaleScores {
			e.add(o)
		}
	case strings.HasSuffix(o.Name, "_mask"):
		for _, k := range e.mask {
			e.stream(o.Name, k.kind, o, o.M, o.N, k.passes)
		}
	case o.Class == ops.Softmax:
		e.add(o)
		if !e.keepsScores {
			e.dropout(o, o.M, o.N)
		}
	case o.Class == ops.Norm && e.norm != nil:
		for _, k := range e.norm {
			e.stream(o.Name, k.kind, o, o.M, o.N, k.passes)
		}
	case o.Class == ops.Elementwise && o.Kind == "gelu":
		for _, k := range e.activation {
			e.stream(o.Name, k.kind, o, o.M, o.N, k.passes)
		}
		if e.dropsInner {
			e.dropout(o, o.M, o.N)
		}
	case o.Class == ops.Elementwise && strings.HasSuffix(o.Name, "residual"):
		e.dropout(o, o.M, o.N)
		e.add(o)
	case o.Name == "router":
		e.add(o)
		e.add(ops.Op{Class: ops.Elementwise, Name: "routing", Kind: "copy", B: 1, M: o.M, N: o.N, Bytes: routing * float64(o.M) * float64(o.N) * e.width,
			Count: o.Count, Launches: routing})
	default:
		e.add(o)
	}
}

// routing is how many small kernels choose the tokens of a layer of experts.
const routing = 50

// dropout reads and writes the values and writes a mask of a byte each.
func (e *eager) dropout(like ops.Op, m, n int) {
	if e.train {
		e.stream("dropout", "mul", like, m, n, 2+1/e.width)
	}
}

// backward appends the derivative of a kernel.
func (e *eager) backward(o ops.Op) {
	o.Backward = true
	passes := o.Bytes / (float64(o.M) * float64(o.N) * e.width) // of streams
	switch o.Class {
	case ops.Matmul:
		dx, dw := o, o
		dx.Name, dx.N, dx.K = o.Name+"_dx", o.K, o.N // out[m,n] = in[m,k] w[k,n]: din = dout w'
		dw.Name, dw.M, dw.K, dw.WeightBytes = o.Name+"_dw", o.K, o.M, 0
		switch {
		case o.Name == "logits":
			e.stream("loss", "add", o, o.M, o.N, 8)
		case !e.unbiased:
			e.stream(o.Name+"_dbias", "add", o, o.M, o.N, 1)
		}
		if o.Name == "qkv" && e.joined { // the three gradients become one
			e.stream("join", "copy", o, o.M, o.N, 2)
		}
		e.add(dx)
		e.add(dw)
	case ops.BatchedMatmul:
		da, db := o, o
		da.Name, da.N, da.K = o.Name+"_da", o.K, o.N
		db.Name, db.M, db.K = o.Name+"_db", o.K, o.M
		e.add(da)
		e.add(db)
	case ops.Softmax:
		o.Bytes *= 1.5 // the probabilities and their gradient are read
		e.add(o)
	case ops.Norm:
		o.Bytes *= 2.5 // one kernel for the input's gradient (3 passes), one for the parameters' (2)
		o.Launches++
		e.add(o)
	case ops.Embedding:
		e.add(o)
		e.stream("embedding_zero", "copy", o, e.m.Vocab, e.m.Hidden, 1)
	case ops.Elementwise:
		switch {
		case strings.HasSuffix(o.Name, "_mask"):
			for _, k := range e.unmask[o.Kind] {
				e.stream(o.Name, k.kind, o, o.M, o.N, k.passes)
			}
		case o.Kind == "add" && passes < 2.5: // of a constant: the gradient passes
		case o.Kind == "mul" && passes > 2.5: // one product for each factor
			e.add(o)
			e.add(o)
		case o.Kind == "pow": // n x^(n-1), times the gradient
			e.add(o)
			e.stream(o.Name, "mul", o, o.M, o.N, 2)
			e.stream(o.Name, "mul", o, o.M, o.N, 3)
			e.stream(o.Name, "add", o, o.M, o.N, 3) // where it meets the other uses of x
		case o.Kind == "add", o.Kind == "copy", o.Kind == "mul", o.Kind == "div":
			e.add(o) // a sum where branches meet, or the same again
		default: // the saved input or output is read as well
			o.Bytes *= 1.5
			e.add(o)
		}
	}
}

// EagerStep is how long a step of w takes in PyTorch's eager mode, in seconds,
// as Step of Eager. ok is false where single operations do not add up to it: a
// model that is not listed layer by layer or routes between experts (but Switch
// Transformers), another
// precision than fp32, several devices, no GPU, or one without the facts.
//
// On GPUs left out of the fit the sum differed from that of a fit with them by
// 2 to 8 % (A100, MI100, MI210, T4, P4, P100) and 22 % (V100, which sustains more
// of its peak than any other).
func (m *Model) EagerStep(w perf.Workload, s ops.Step, launch float64) (seconds float64, shares perf.Shares, ok bool) {
	d := w.Hardware
	if w.Precision != perf.FP32 || !ops.Layered(w.Facts) || w.Facts.Experts > 1 && !ops.Switch(w.Facts) || w.Devices > 1 || w.OutputLength > 0 ||
		d.Platform != perf.CUDA && d.Platform != perf.ROCm || d.FP32 <= 0 || d.MemoryBandwidth <= 0 || d.Cores <= 0 {
		return 0, perf.Shares{}, false
	}
	seconds, shares = m.Step(Eager(w, s), d, perf.FP32, launch)
	return seconds, shares, true
}

// Step is how long a list of operations takes on d in precision p, in seconds, when
// the host takes launch seconds to launch a kernel and the device waits for it
// where that is longer than the kernel, and the shares of it.
func (m *Model) Step(list []ops.Op, d *perf.Device, p perf.Precision, launch float64) (float64, perf.Shares) {
	var total float64
	var s perf.Shares
	for i := range list {
		o := &list[i]
		t, part := m.Time(o, d, p)
		wall := max(t, launch*o.Launches)
		total += wall * o.Count
		s.Compute += part.Compute * t * o.Count
		s.MemoryBandwidth += part.MemoryBandwidth * t * o.Count
	}
	if total > 0 {
		s.Compute /= total
		s.MemoryBandwidth /= total
		s.Overhead = 1 - s.Compute - s.MemoryBandwidth
	}
	return total, s
}
