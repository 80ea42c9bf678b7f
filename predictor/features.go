package predictor

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// Manner is how a measured time was taken, where that changes what it means.
// Answers to requests are Plain.
type Manner uint8

// The manners.
const (
	Plain   Manner = iota // repeated steps of the stated batch, mean or median
	Offline               // everything at hand at once, in batches of the submitter's choice
	Server                // Poisson arrivals under a latency limit
	Single                // one query after the other, 90th percentile
	Multi                 // eight samples a query, 99th percentile
	Clients               // concurrent clients of an inference server
	Copied                // with the copy of the input to the device

	Live Manner = 8 // a flag: with the decoding of the input
)

// Quantity is a latent quantity that answers and measurements are of.
type Quantity uint8

// The quantities. All but Memory are times.
const (
	StepTime    Quantity = iota // s, one forward pass or training step
	FirstToken                  // s
	TokenTime                   // s, each further output token
	RequestTime                 // s, a whole request with its output
	Memory                      // bytes on one device
)

var quantityNames = [...]string{"step", "ttft", "tpot", "request", "memory"}

// String is the quantity's name.
func (q Quantity) String() string { return quantityNames[q] }

// Input is what learning sees of one time: ratios that say where between the
// physical bounds the step lies and what the model and device are like, and
// the groups whose common effects it shares.
type Input struct {
	X      []float64
	Groups [numGroups]uint64 // hashes; 0 = none
	Sorts  [numGroups]Sort   // of its groups
	Cost   Cost
	Vague  bool // the batch or the precision is a guess

	Near [len(versionGroups)]uint64 // groups of versions that stand for one that nobody measured; 0 = none
}

// Features of the learned utilisation, in the order of Input.X. None is a
// name. Monotone gives the sign that physics demands: -1 where a larger batch
// or bandwidth raises the feature and must not raise the time over its bound.
var Features = append([]Feature{
	{"intensity_over_ridge", -1}, {"compute_over_launch", -1}, {"work_per_core", -1}, {"batch", -1},
	{"ridge", +1},
	{"macs", 0}, {"params", 0}, {"macs_per_param", 0}, {"activations_per_mac", 0}, {"activations_per_param", 0},
	{"depth", 0}, {"hidden", 0}, {"sequence", 0}, {"image", 0}, {"weights_over_cache", 0}, {"sample_over_cache", 0},
	{"aggregate", 0}, {"cnn", 0}, {"transformer", 0}, {"detection", 0}, {"generates", 0}, {"experts", 0}, {"estimated", 0},
	{"peak", 0}, {"peak_per_core", 0}, {"peak_over_fp32", 0}, {"cache", 0}, {"cores", 0}, {"clock", 0}, {"year", 0},
	{"gpu", 0}, {"host", 0}, {"edge", 0}, {"npu", 0}, {"mobile", 0}, {"mcu", 0},
	{"platform", 0}, {"threads", 0}, {"devices", 0}, {"tensor_parallel", 0},
	{"weight_bits", 0}, {"activation_bits", 0}, {"integer", 0}, {"amp", 0}, {"bf16", 0}, {"fallback", 0},
	{"training", 0}, {"phase", 0}, {"context", 0}, {"nhwc", 0}, {"unknown_batch", 0}, {"unknown_precision", 0}, {"unknown_sequence", 0},
	{"launch", 0}, {"fused", 0}, {"version", 0}, {"manner", 0}, {"clients", 0},
	{"runtime", 0}, {"eager", 0}, {"compiled", 0}, {"tensorrt", 0}, {"tflite", 0}, {"armnn", 0}, {"ncnn", 0}, {"qnn", 0},
	{"onnxruntime", 0}, {"llama_cpp", 0}, {"paddle", 0}, {"hailo", 0}, {"fastertransformer", 0},
}, makeupFeatures...)

// Feature is one input of the learned utilisation.
type Feature struct {
	Name     string
	Monotone int
}

// OfDevice reports whether the feature is a fact of the device, whatever runs
// on it: all that trees can know of it are as many examples as devices.
func (f Feature) OfDevice() bool { return slices.Contains(deviceFacts, f.Name) }

var deviceFacts = []string{"peak", "peak_per_core", "peak_over_fp32", "cache", "cores", "clock", "year",
	"gpu", "host", "edge", "npu", "mobile", "mcu", "platform"}

// InputOf is what learning sees of one quantity of a workload. The workload
// need not be complete.
func InputOf(w perf.Workload, q Quantity, m Manner) (Input, error) {
	rt, pk, err := usable(&w)
	if err != nil {
		return Input{}, err
	}
	return inputOf(w, rt, pk, q, m), nil
}

func inputOf(w perf.Workload, rt *Runtime, pk Peak, q Quantity, m Manner) Input {
	var c Cost
	if q == StepTime && m&^Live != Clients {
		w.Concurrency = 0 // a pass is one batch's, whatever else is in flight
	}
	if q == FirstToken && w.Concurrency > 0 {
		w.BatchSize = 1 // each request waits for its own prompt, however many are in flight
	}
	switch q {
	case TokenTime:
		c = cost(w, rt, pk, phaseDecode)
	case RequestTime:
		c = requestCost(w, rt, pk)
	default:
		ph := phaseForward
		if w.Mode == perf.Training {
			ph = phaseTrain
		}
		c = cost(w, rt, pk, ph)
		if n := w.Facts.Passes; n > 1 {
			c = c.times(n)
		}
	}
	in := Input{Cost: c, Vague: w.Unknown.Batch || w.Unknown.Precision, X: make([]float64, 0, len(Features))}
	in.X = appendFeatures(in.X, w, rt, pk, q, m, &c)
	in.Groups, in.Sorts = groupsOf(w, rt, q, m), sortsOf(w)
	return in
}

// requestCost is a prompt and all further tokens.
func requestCost(w perf.Workload, rt *Runtime, pk Peak) Cost {
	c := cost(w, rt, pk, phaseForward)
	if n := float64(w.OutputLength - 1); n > 0 {
		d := cost(w, rt, pk, phaseDecode)
		c = c.plus(d.times(n))
	}
	return c
}

// unknownFact stands for the logarithm of what is not known: below that of
// anything that is.
const unknownFact = -60

func appendFeatures(x []float64, w perf.Workload, rt *Runtime, pk Peak, q Quantity, m Manner, c *Cost) []float64 {
	d, f := w.Hardware, w.Facts
	flag := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	ln := func(v float64) float64 {
		if !(v > 0) || math.IsInf(v, 0) {
			return unknownFact
		}
		return math.Log(v)
	}
	is := func(names ...string) float64 {
		for _, n := range names {
			if rt.Name == n {
				return 1
			}
		}
		return 0
	}
	layered := ops.Layered(f)
	b := float64(w.BatchSize)
	size := ops.SizeOf(w)
	params := ops.Params(f)
	if layered {
		one := w
		one.BatchSize = 1
		list := lists.Get().(*[]ops.Op)
		*list = ops.Append((*list)[:0], one, ops.Forward(one))
		t := ops.Sum(*list)
		lists.Put(list)
		size.MACs, size.Activations = t.FLOPs/2, (t.Bytes-t.WeightBytes)/2/ops.WidthsOf(f, w.Precision).Activation
	}
	n, tc, _ := threads(w)
	cores := float64(n)
	width := ops.WidthsOf(f, w.Precision)
	heavy := math.Max(c.FLOPs/c.Peak, 1e-12)
	fp32 := math.Max(d.FP32, d.FP32Matrix)
	kind := func(names ...string) float64 {
		for _, n := range names {
			if d.Kind == n {
				return 1
			}
		}
		return 0
	}
	platform := 0.0
	for i, p := range platforms {
		if d.Platform == p || w.Platform == p {
			platform = float64(i + 1)
		}
	}
	x = append(x,
		ln(c.FLOPs/c.Bytes*c.Bandwidth/c.Peak), ln(heavy/(math.Max(c.Launches, 1)*5e-6)), ln(b*size.Activations/cores), ln(b),
		ln(c.Peak/c.Bandwidth),
		ln(size.MACs), ln(params), ln(size.MACs/params), ln(size.Activations/size.MACs), ln(size.Activations/params),
		ln(float64(f.Layers)), ln(float64(f.Hidden)), ln(float64(w.SequenceLength)), ln(float64(max(w.ImageSize, f.ImageSize))),
		ln(params*width.Weight/math.Max(d.CacheBytes, 1e4)), ln(size.Activations*width.Activation/math.Max(d.CacheBytes, 1e4)),
		flag(!layered), flag(f.Kind == "cnn"), flag(layered || f.Kind == "vit"), flag(f.Family == "detection"), flag(f.Generates()), flag(f.Experts > 1), flag(size.Estimated && !layered),
		ln(c.Peak), ln(c.Peak/cores/math.Max(d.ClockHz, 1e8)), ln(pk.FLOPs/math.Max(fp32, 1)), ln(d.CacheBytes), ln(cores), ln(d.ClockHz), float64(d.Year),
		flag(class(d) == "gpu"), flag(host(d)), kind("edge-cpu", "edge-soc"),
		kind("npu", "edge-npu", "mobile-npu", "accelerator"), kind("mobile-npu", "mobile-soc", "mobile-gpu"), kind("mcu"),
		platform, tc, ln(float64(w.Devices)), ln(float64(w.TensorParallel)),
		width.Weight*8, width.Activation*8, flag(pk.Ran == perf.Int8), flag(w.Precision == perf.AMP || w.Precision == perf.AMPBF16),
		flag(w.Precision == perf.BF16 || w.Precision == perf.AMPBF16), flag(lacks(w.Precision, pk)),
		flag(w.Mode == perf.Training), float64(q), ln(float64(w.SequenceLength+w.OutputLength)), flag(w.Layout == "nhwc"),
		flag(w.Unknown.Batch), flag(w.Unknown.Precision), flag(w.Unknown.Sequence),
		ln(rt.Launch), rt.Fused, versionOf(w), float64(m), ln(float64(w.Concurrency)),
		float64(rt.Order), is("pytorch-eager", "torchscript"), is("torch-compile"), is("tensorrt"), is("tflite", "tflite-cpu"), is("armnn"), is("ncnn"), is("qnn", "onnxruntime-qnn"),
		is("onnxruntime"), is("llama.cpp"), is("paddle"), is("hailort"), is("fastertransformer", "fastertransformer-packed"),
	)
	return appendMakeup(x, &f.Makeup, math.Max(size.MACs, 1))
}

// versionOf is the runtime's version as a number; -1 = not known.
func versionOf(w perf.Workload) float64 {
	if v := VersionNumber(w.RuntimeVersion); v > 0 {
		return v
	}
	return -1
}

// platforms in the order of their feature.
var platforms = []perf.Platform{perf.CPU, perf.CUDA, perf.ROCm, perf.MPS, "xpu", "vulkan", "opencl", "qualcomm", "hailo", "rknn", "tpu", "hpu", "neuron", "mcu", "coreml"}
