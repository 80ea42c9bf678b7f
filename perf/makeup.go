package perf

// Work is a kind of multiply-accumulates.
type Work uint8

// The kinds of multiply-accumulates. They keep a device's matrix units busy to
// very different degrees.
const (
	SpatialWork   Work = iota // dense convolutions of several pixels
	PointwiseWork             // convolutions of one pixel and matrix products with weights
	GroupedWork               // convolutions in groups of channels
	DepthwiseWork             // convolutions of each channel by itself
	AttentionWork             // products of activations
	NumWorks      = 5
)

// Kernel is a kind of kernel that a network's forward pass runs.
type Kernel uint8

// The kinds of kernels. Those after Depthwise compute little: they move data,
// and runtimes differ in how many of them they fuse away.
const (
	ProductKernel   Kernel = iota // convolutions and matrix products
	DepthwiseKernel               // convolutions of each channel by itself
	BatchNormKernel
	LayerNormKernel
	GroupNormKernel
	ActivationKernel
	SoftmaxKernel
	ConcatKernel
	PoolKernel
	CopyKernel  // padding, rolling, changes of layout
	OtherKernel // additions, products and other element-wise work
	NumKernels  = 11
)

// Makeup is what one forward pass of a network is made of beyond its totals:
// ratios and counts, which hold at every input size. The zero value says that
// it is not known.
type Makeup struct {
	Works      [NumWorks]float32   // shares of the multiply-accumulates; they sum to 1
	GroupWidth float32             // channels that a grouped convolution's output sees; 0 = there is none
	Elements   [NumKernels]float32 // read and written for one multiply-accumulate of the whole
	Kernels    [NumKernels]float32 // how many run
}

// Known reports whether the makeup is known.
func (m *Makeup) Known() bool { return m.Kernels[ProductKernel] > 0 }
