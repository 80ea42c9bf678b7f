// Package ops turns a workload into the operations it runs: a transformer into
// its matrix products, attention, normalisations, element-wise operations,
// embeddings, cache traffic and all-reduces, with shapes; a model of which only
// aggregates are known (multiply-accumulates, activations, parameters) into a
// few aggregate ones.
//
// The lists say what must be computed and moved, not how long it takes.
// Quantities are in FLOP and bytes of one execution on one device.
package ops

// Class groups operations that run alike.
type Class uint8

// The classes.
const (
	Matmul        Class = iota // activations times weights: M rows of K, N columns
	BatchedMatmul              // B independent products of activations
	Attention                  // fused scores, softmax and values over a cache
	Softmax                    // over N columns of M rows
	Norm                       // layer or RMS normalisation over N columns of M rows
	Elementwise                // M rows of N elements
	Embedding                  // table look-up of M rows of N elements
	CacheWrite                 // keys and values stored
	AllReduce                  // between the devices of a tensor-parallel group
	Aggregate                  // a whole model known only by its totals
	Update                     // the optimiser's pass over the parameters
	Product                    // all convolutions and products of a network known by its makeup
	Depthwise                  // its convolutions of single channels
	numClasses
)

// NumClasses is how many classes there are.
const NumClasses = int(numClasses)

var classNames = [...]string{"matmul", "batched_matmul", "attention", "softmax", "norm", "elementwise",
	"embedding", "cache_write", "all_reduce", "aggregate", "update", "product", "depthwise"}

// String is the class's name.
func (c Class) String() string { return classNames[c] }

// Op is one operation, executed Count times in a step. Which of the shape
// fields mean something depends on the class.
type Op struct {
	Class Class
	Name  string // what it is in the model: "qkv", "mlp_down", "residual"
	Kind  string // the function, where the class has several: "add", "gelu", "div", "copy", "layer", "rms"

	B, M, N, K int

	FLOPs       float64 // of one execution
	Bytes       float64 // read and written by one execution, each operand once
	WeightBytes float64 // of Bytes: parameters
	Wire        float64 // bytes each device sends, all-reduce only

	Count    float64 // executions in a step
	Launches float64 // kernels one execution takes when nothing is fused
	Backward bool    // part of the backward pass
}

// Totals are sums over a list.
type Totals struct {
	FLOPs, Bytes, WeightBytes, Wire, Launches float64
}

// Sum adds up a list, each operation as often as it is executed.
func Sum(list []Op) Totals {
	var t Totals
	for i := range list {
		o := &list[i]
		t.FLOPs += o.FLOPs * o.Count
		t.Bytes += o.Bytes * o.Count
		t.WeightBytes += o.WeightBytes * o.Count
		t.Wire += o.Wire * o.Count
		t.Launches += o.Launches * o.Count
	}
	return t
}
