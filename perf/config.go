package perf

import "strconv"

// Platform is the software stack a device is driven through ("cuda", "cpu").
// The set is open: a device may bring a platform of its own.
type Platform string

// The platforms of the documented API, all that REST accepts.
const (
	CPU      Platform = "cpu"
	CUDA     Platform = "cuda"
	ROCm     Platform = "rocm"
	MPS      Platform = "mps"
	OpenVINO Platform = "openvino"
	WebGPU   Platform = "webgpu"
	WebNN    Platform = "webnn"
	QNN      Platform = "qnn"
)

// RESTPlatforms are the platforms of the documented API, in its order.
var RESTPlatforms = []Platform{CPU, CUDA, ROCm, MPS, OpenVINO, WebGPU, WebNN, QNN}

// Precision is the number format a workload computes in. Where weights and
// arithmetic differ the name says both ("w4a16": 4-bit weights, 16-bit
// arithmetic).
type Precision string

// The precisions the predictor knows how to cost. REST accepts the first four
// of RESTPrecisions only.
const (
	FP64    Precision = "fp64"
	FP32    Precision = "fp32"
	TF32    Precision = "tf32"
	FP16    Precision = "fp16"
	BF16    Precision = "bf16"
	AMP     Precision = "amp"      // automatic mixed precision, fp16 arithmetic with fp32 weights
	AMPBF16 Precision = "amp_bf16" // the same in bf16
	FP8     Precision = "fp8"
	FP4     Precision = "fp4"
	Int8    Precision = "int8"
	Int4    Precision = "int4" // weights in 4 bits; arithmetic in 16 unless the runtime says otherwise
	Int3    Precision = "int3" // as Int4, with about 3, 5 and 6 bits a weight
	Int5    Precision = "int5"
	Int6    Precision = "int6"
	W4A16   Precision = "w4a16"
	W8A16   Precision = "w8a16"
)

// RESTPrecisions are the precisions of the documented API, in its order.
var RESTPrecisions = []Precision{FP32, FP16, Int8, Int4}

// Precisions lists every precision a request may name.
var Precisions = []Precision{FP64, FP32, TF32, FP16, BF16, AMP, AMPBF16, FP8, FP4, Int8, Int6, Int5, Int4, Int3, W4A16, W8A16}

// Mode says whether a step only runs the model or also learns.
type Mode string

// The modes.
const (
	Inference Mode = "inference"
	Training  Mode = "training"
)

// Modes lists the modes.
var Modes = []Mode{Inference, Training}

// Config identifies one configuration: what was, or would be, measured. It is
// comparable, so it keys maps; two measurements are of the same thing exactly
// when their normalised Configs are equal.
//
// Before normalisation (app.resolve) zero fields ask for defaults; afterwards
// every field that matters for the model's kind is set, and Device is always
// the canonical name of a catalogue device.
type Config struct {
	Model    string   `json:",omitzero"` // canonical catalogue name, or the caller's own when the model is unknown
	Family   string   `json:",omitzero"` // "text_generation", "vision", ...; the caller's own is kept unchanged
	Platform Platform `json:",omitzero"` // what the device is driven through
	Device   string   `json:",omitzero"` // canonical device name

	Runtime        string `json:",omitzero"` // "pytorch-eager", "vllm", "onnxruntime", ...; see Runtimes
	RuntimeVersion string `json:",omitzero"` // as the runtime prints it; empty = not known

	Precision Precision `json:",omitzero"`
	Mode      Mode      `json:",omitzero"`

	BatchSize      int `json:",omitzero"` // samples (sequences, images) in one step
	SequenceLength int `json:",omitzero"` // input tokens of one sample; text and audio models
	OutputLength   int `json:",omitzero"` // generated tokens of one request; 0 = forward pass only
	Concurrency    int `json:",omitzero"` // requests in flight on a serving engine; 0 = no serving engine, one batch at a time
	ImageSize      int `json:",omitzero"` // pixels of one side; 0 = the model's own
	Steps          int `json:",omitzero"` // denoising steps of a sample, diffusion models; 0 = the model's own number, mostly one

	Devices          int `json:",omitzero"` // accelerators the work is spread over, at least 1
	TensorParallel   int `json:",omitzero"` // ways each layer is split, at least 1; divides Devices
	PipelineParallel int `json:",omitzero"` // ways the layers are dealt out, at least 1; divides Devices
	ExpertParallel   int `json:",omitzero"` // ways the experts are dealt out, at least 1

	// Asked is the model's name as the caller wrote it, for showing it again. It
	// is not part of what a configuration identifies.
	Asked string `json:",omitzero"`

	Threads int    `json:",omitzero"` // CPU threads a host runtime may use; 0 = as many as it takes by itself
	Layout  string `json:",omitzero"` // memory order of image tensors, "nchw" or "nhwc"; empty = the runtime's usual one
}

// ModelName is the model's name as the caller wrote it, or the canonical one.
func (c Config) ModelName() string {
	if c.Asked != "" {
		return c.Asked
	}
	return c.Model
}

// Key is the configuration as one line of text, stable across releases: equal
// for equal configurations and different for different ones.
func (c Config) Key() string {
	b := make([]byte, 0, 256)
	for _, s := range [...]string{c.Model, string(c.Platform), c.Device, c.Runtime, c.RuntimeVersion, string(c.Precision), string(c.Mode)} {
		b = append(strconv.AppendQuote(b, s), ' ')
	}
	for _, n := range [...]int{c.BatchSize, c.SequenceLength, c.OutputLength, c.Concurrency, c.ImageSize,
		c.Devices, c.TensorParallel, c.PipelineParallel, c.ExpertParallel, c.Threads} {
		b = append(strconv.AppendInt(b, int64(n), 10), ' ')
	}
	b = strconv.AppendQuote(b, c.Layout)
	if c.Steps > 0 { // keys are older than steps
		b = strconv.AppendInt(append(b, ' '), int64(c.Steps), 10)
	}
	return string(b)
}

// Workload is a Config with the facts behind its names: all the predictor
// needs, and all it may use.
type Workload struct {
	Config
	Facts    *Model  // never nil
	Hardware *Device // never nil

	// Unknown marks what the request left open and no default is certain for
	// (a measurement row without a batch size, say): the answer widens.
	Unknown Unknown
}

// Unknown says which parts of a configuration were assumed rather than given.
type Unknown struct {
	Batch, Precision, Sequence, Runtime, Device, Threads bool
}
