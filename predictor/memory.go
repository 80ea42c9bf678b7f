package predictor

import (
	"math"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// memoryOf is what one device needs, in bytes. Weights follow the quantisation
// (embeddings stay in 16 bits under 4-bit formats), the cache the tokens in
// flight, training adds gradients, Adam's two moments and the activations kept
// for the backward pass. A microcontroller's weights stay in its flash.
func memoryOf(w perf.Workload, rt *Runtime) perf.MemoryParts {
	m, width := w.Facts, ops.WidthsOf(w.Facts, w.Precision)
	split := float64(max(1, w.TensorParallel) * max(1, w.PipelineParallel))
	if m.Experts > 1 && w.ExpertParallel > w.TensorParallel {
		split = float64(w.ExpertParallel * max(1, w.PipelineParallel))
	}
	params := ops.Params(m)
	var p perf.MemoryParts
	p.Weights = weightBytes(m, w.Precision, rt, params) / split
	if w.Hardware.Kind == "mcu" && w.Mode != perf.Training {
		p.Weights = 0
	}
	b := float64(inFlight(&w))
	tokens := float64(ops.Tokens(w))
	if m.Generates() && m.Layers > 0 && w.Mode != perf.Training {
		p.KVCache = b * cacheBytes(w, tokens+float64(w.OutputLength)) * width.Cache / split
	}
	sharded := rt != nil && (rt.Name == "megatron" || rt.Name == "torch-composer" || rt.Name == "deepspeed")
	if w.Mode == perf.Training && sharded {
		b = 1 // gradients are accumulated over as small a batch as memory demands
	}
	p.Activations = activationBytes(w, rt, b, tokens, width) / float64(max(1, w.TensorParallel))
	if w.Mode == perf.Training {
		p.Gradients, p.Optimizer = trainingState(w.Precision, params/split)
	}
	if w.Mode == perf.Training && sharded { // the state is dealt out over the copies (ZeRO, FSDP), and layers are recomputed
		copies := math.Max(1, float64(w.Devices)/split)
		p.Optimizer /= copies
		if rt.Name != "megatron" {
			p.Weights, p.Gradients = p.Weights/copies, p.Gradients/copies
		}
		p.Activations /= math.Max(1, math.Sqrt(float64(m.Layers))) * float64(max(1, w.PipelineParallel))
	}
	p.Runtime = runtimeBytes(w.Hardware, p.Weights+p.KVCache+p.Activations)
	if rt != nil {
		p.Runtime += rt.Workspace
		if rt.Repacks && host(w.Hardware) {
			p.Runtime += p.Weights
		}
	}
	return p
}

// inFlight is how many samples one step of each copy of the model has.
func inFlight(w *perf.Workload) int {
	if w.Concurrency > 0 && w.Facts.Generates() && w.Mode != perf.Training {
		n := replicas(*w)
		return (w.Concurrency + n - 1) / n
	}
	return max(1, w.BatchSize)
}

// inAll is how many samples are asked for at once.
func inAll(w *perf.Workload) int {
	if w.Concurrency > 0 {
		return w.Concurrency
	}
	return max(1, w.BatchSize)
}

// trainingState is what gradients and Adam's two moments take. Weights of 4 bits
// are trained through adapters, of about a hundredth of their number.
func trainingState(p perf.Precision, params float64) (gradients, optimizer float64) {
	switch p {
	case perf.BF16, perf.FP16, perf.FP8, perf.FP4:
		return 2 * params, 8 * params
	case perf.Int3, perf.Int4, perf.Int5, perf.Int6, perf.Int8, perf.W4A16, perf.W8A16:
		return 0.02 * params, 0.08 * params
	}
	return 4 * params, 8 * params
}

// weightBytes of a model in a precision. llama.cpp quantises embeddings, too,
// the output matrix to 6 bits.
func weightBytes(m *perf.Model, p perf.Precision, rt *Runtime, params float64) float64 {
	per := ops.WidthsOf(m, p).Weight
	switch p {
	case perf.AMP, perf.AMPBF16:
		per = 4 + 2 // fp32 masters and the half-precision copies autocast keeps
	case perf.Int3, perf.Int4, perf.Int5, perf.Int6, perf.W4A16, perf.FP4:
		embeddings := math.Min(params, 2*float64(m.Vocab)*float64(m.Hidden))
		wide := 2.0
		if rt != nil && rt.Name == "llama.cpp" {
			wide = math.Max(per, (per+ops.Widths(perf.Int6).Weight)/2)
		}
		return (params-embeddings)*per + embeddings*wide
	}
	return params * per
}

// cacheBytes is the number of cached elements of one sequence of n tokens over
// all layers, sliding windows taken into account.
func cacheBytes(w perf.Workload, n float64) float64 {
	m := w.Facts
	layers := m.Layers
	if m.CacheLayers > 0 {
		layers = m.CacheLayers
	}
	each := 0.0
	if m.LatentKV > 0 {
		each = float64(m.LatentKV)
	} else if ops.Latent(m) {
		each = 576
	} else {
		_, kv, dim := ops.Heads(m)
		each = 2 * float64(kv*dim)
	}
	if m.Kind == "encoder-decoder" {
		return 2 * each * float64(layers) * n
	}
	short := min(m.WindowLayers, layers)
	return each * (float64(layers-short)*n + float64(short)*math.Min(n, float64(max(m.Window, 1))))
}

// activationBytes is the memory of activations at their peak. Inference frees
// each layer's; what is alive at once is some widths of the widest layer and
// the logits. Training keeps what the backward pass needs: 34 b s h bytes a
// layer in 16 bits, and 5 a b s^2 without a fused attention kernel (Korthikanti
// et al., "Reducing activation recomputation", 2022, equation 1).
func activationBytes(w perf.Workload, rt *Runtime, b, tokens float64, width ops.Width) float64 {
	m := w.Facts
	if !ops.Layered(m) {
		z := ops.SizeOf(w)
		if w.Mode == perf.Training {
			return 3 * z.Activations * b * width.Activation // convolution, normalisation and activation outputs
		}
		return math.Max(0.15*z.Activations, 2e5) * b * width.Activation
	}
	rows, h := b*tokens, float64(m.Hidden)
	heads, _, _ := ops.Heads(m)
	scores := 0.0
	if rt == nil || !rt.Attention {
		scores = b * float64(heads) * tokens * tokens
	}
	if w.Mode == perf.Training {
		layers := float64(m.Layers + m.DecoderLayers)
		logits := rows * float64(m.Vocab) * 4 * 2
		return layers*(34*rows*h+2.5*scores)*width.Activation/2 + logits
	}
	if rt != nil && rt.Serves {
		rows = math.Min(rows, 8192) // the engine's step budget
	}
	wide := math.Max(float64(ops.Intermediate(m)), 3*h) * 2
	return (rows*(wide+2*h)+2*scores)*width.Activation + b*float64(m.Vocab)*4
}

// runtimeBytes is what the framework takes besides: the driver's context and
// libraries' workspaces on a GPU (0.4 to 0.9 GB), a heap on a host, and the
// allocator's fragmentation, some 4 % of what it manages.
func runtimeBytes(d *perf.Device, managed float64) float64 {
	fixed := 0.55e9
	switch {
	case d.Kind == "mcu":
		fixed = 20e3
	case host(d), d.Kind == "edge-npu", d.Kind == "mobile-npu", d.Kind == "mobile-soc", d.Kind == "mobile-gpu":
		fixed = 60e6
	}
	return fixed + 0.04*managed
}

// fit is the verdict for a need of total bytes. Only what is more than all the
// memory is said not to fit: of what was measured to run, 2 % needs by our
// estimate more than is usable. What the datasheet does not say refuses nothing.
func fit(d *perf.Device, total float64) perf.Fit {
	usable := d.UsableMemoryBytes()
	switch {
	case usable <= 0:
		return perf.FitYes
	case total > d.MemoryBytes:
		return perf.FitNo
	case total > 0.9*usable:
		return perf.FitTight
	}
	return perf.FitYes
}

// largest finds the largest n in [1, limit] whose need fits; 0 when not even
// 1 does. The need grows with n.
func largest(limit int, usable float64, need func(n int) float64) int {
	if usable <= 0 || need(1) > usable {
		return 0
	}
	lo, hi := 1, 2
	for hi <= limit && need(hi) <= usable {
		lo, hi = hi, hi*2
	}
	hi = min(hi, limit+1)
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		if need(mid) <= usable {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// limits are the largest batch (or number of requests in flight) and the longest
// sequence that fit with all else equal, where what is needed is scale times
// what memoryOf says.
func limits(w perf.Workload, rt *Runtime, scale float64) (batch, sequence int) {
	usable := w.Hardware.UsableMemoryBytes() / scale
	batch = largest(maxBatch, usable, func(n int) float64 {
		v := w
		v.BatchSize = n
		if w.Concurrency > 0 {
			v.Concurrency = n
		}
		return memoryOf(v, rt).Total()
	})
	if w.Facts.Text() || w.Facts.Generates() && w.Facts.Family != "audio" {
		longest := maxSequence
		if w.Facts.MaxPosition > 0 {
			longest = w.Facts.MaxPosition
		}
		sequence = largest(longest, usable, func(n int) float64 {
			v := w
			v.SequenceLength = n
			return memoryOf(v, rt).Total()
		})
	}
	return batch, sequence
}

// What is searched for limits.
const (
	maxBatch    = 1 << 20
	maxSequence = 1 << 24
)
