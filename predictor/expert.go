package predictor

import (
	"math"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
	"github.com/perfcast/perfcast/predictor/serving"
)

// Some workloads have a model of their own in the artefact: language models
// with requests in flight (predictor/serving, which knows queues, caches and
// prefill interference), and transformers in fp32 under PyTorch's eager mode
// (predictor/kernel, which adds up the kernels it knows). What they answer
// takes the place of the end-to-end model's; the operator's own measurements
// move it as they move the other.

// expert is the answer of such a model: ln(time) and the standard deviation of
// its error. ok is false where no such model answers.
func (p *Predictor) expert(w perf.Workload, rt *Runtime, q Quantity, m Manner) (ln, sigma float64, ok bool) {
	full := q == RequestTime && w.Unknown.Batch && (m == Offline || m == Server) && !host(w.Hardware)
	if p.serving != nil && Serves(w) && (w.Concurrency > 0 || full) && q != StepTime {
		return p.served(w, q, full)
	}
	if p.kernel != nil && rt.Name == "pytorch-eager" && w.Precision == perf.FP32 && q == StepTime {
		if t, ok := p.eager(w, rt); ok {
			return math.Log(t * math.Max(1, w.Facts.Passes)), eagerSigma, true
		}
	}
	return 0, 0, false
}

// eager is a step as the sum of its kernels. Kernels fill a device in waves, so
// that a few more samples may take disproportionately longer; over batches the
// time is taken at powers of four and linear in between, and no more than in
// proportion to the batch, so that throughput never falls with it.
func (p *Predictor) eager(w perf.Workload, rt *Runtime) (float64, bool) {
	at := func(batch int) (float64, bool) {
		w := w
		w.BatchSize = batch
		return p.eagerSteps.step(w, func(w perf.Workload) (float64, bool) {
			s := ops.Forward(w)
			if w.Mode == perf.Training {
				s = ops.Train(w)
			}
			t, _, ok := p.kernel.EagerStep(w, s, rt.Launch)
			return t, ok && t > 0
		})
	}
	batch := w.BatchSize
	below, ok := at(1)
	if !ok {
		return 0, false
	}
	for b := 1; ; b *= 4 {
		if batch == b {
			return below, true
		}
		above, ok := at(4 * b)
		if !ok {
			return 0, false
		}
		above = math.Max(below, math.Min(above, 4*below))
		if batch < 4*b {
			return below + (above-below)*float64(batch-b)/float64(3*b), true
		}
		below = above
	}
}

// eagerSigma is the standard deviation of the logarithm of a whole eager step
// over the sum of its kernels: NeuSight's own out-of-distribution rows have a
// mean error of 7 to 8 %; devices that were never measured have more.
const eagerSigma = 0.15

// Serves reports whether the serving model answers for a workload.
func Serves(w perf.Workload) bool {
	m := w.Facts
	return w.Mode == perf.Inference && m.Text() && m.Generates() && (m.Kind == "decoder" || m.Kind == "") && w.Hardware.MemoryBandwidth > 0
}

// Saturating is the number of requests in flight on each copy of a model that
// stands for "as many as there are": engines keep at most about so many.
const Saturating = 1024

func (p *Predictor) served(w perf.Workload, q Quantity, full bool) (ln, sigma float64, ok bool) {
	copies := max(1, w.Devices/(w.TensorParallel*w.PipelineParallel))
	if full {
		w.Concurrency = Saturating * copies
	}
	a, err := p.serving.Predict(w)
	if err != nil {
		return 0, 0, false
	}
	t, sigma := 0.0, a.SigmaTPOT
	switch q {
	case FirstToken:
		t, sigma = a.TTFT, a.SigmaTTFT
	case TokenTime:
		t = a.TPOT
	case RequestTime:
		t = a.Of(serving.EndToEnd, &w)
		if full { // an engine kept full: each batch takes its share of the rate
			t = float64(w.BatchSize*copies) / a.RequestsPerSec
		}
	}
	return math.Log(t), sigma, t > 0 && perf.Finite(t)
}
