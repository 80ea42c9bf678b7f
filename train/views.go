package train

import (
	"cmp"
	"math"
	"strings"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// View is one number of a row: a multiple of a latent quantity, or of its
// reciprocal.
type View struct {
	Metric string             // throughput, latency, ttft, tpot, memory
	Actual float64            // in the file's unit
	Of     predictor.Quantity // what it is a view of
	K      float64            // Actual = K q, or K / q
	Rate   bool
}

// Latent is the quantity that a number in the file's unit stands for.
func (v View) Latent(x float64) float64 {
	if v.Rate {
		return v.K / x
	}
	return x / v.K
}

// Shown is the number in the file's unit that a quantity gives.
func (v View) Shown(q float64) float64 {
	if v.Rate {
		return v.K / q
	}
	return v.K * q
}

// views says what each number of the row is a view of.
func (k *Case) views() {
	r, w := k.Row, &k.W
	add := func(metric string, actual float64, of predictor.Quantity, factor float64, rate bool) {
		if actual > 0 && factor > 0 {
			k.Views = append(k.Views, View{metric, actual, of, factor, rate})
		}
	}
	copies := float64(max(1, w.Devices/(w.TensorParallel*w.PipelineParallel)))
	if w.Mode == perf.Training {
		copies = float64(w.Devices)
	}
	b := float64(w.BatchSize)
	tokens := math.Max(1, float64(w.SequenceLength))
	phase, unit := cmp.Or(k.unit.phase, r.say("phase")), r.Unit
	if k.unit.tokens {
		unit = "tokens/s"
	}
	switch {
	case r.num("tpot_ms") > 0: // a serving engine
		add("tpot", r.num("tpot_ms"), predictor.TokenTime, 1e3, false)
		add("ttft", r.num("ttft_ms"), predictor.FirstToken, 1e3, false)
		return
	case strings.HasPrefix(phase, "decode"):
		add("throughput", r.Throughput, predictor.TokenTime, b, true)
		add("latency", r.LatencyMs, predictor.TokenTime, 1e3, false)
	case strings.HasPrefix(phase, "prompt"):
		w.SequenceLength = 256 // whisper.cpp's bench-all prompts with 256 tokens
		add("throughput", r.Throughput, predictor.FirstToken, b*256, true)
		add("latency", r.LatencyMs, predictor.FirstToken, 1e3/256, false)
	case strings.HasPrefix(phase, "prefill"):
		add("throughput", r.Throughput, predictor.StepTime, b*tokens, true)
	case strings.HasPrefix(phase, "encode"):
		add("latency", r.LatencyMs, predictor.StepTime, 1e3, false)
	case w.Mode == perf.Training && strings.HasPrefix(unit, "tokens"):
		add("throughput", r.Throughput, predictor.StepTime, b*copies*tokens, true)
	case strings.HasPrefix(unit, "tokens") && w.Facts.Generates():
		k.generation(copies, add)
	case strings.HasPrefix(unit, "tokens"):
		add("throughput", r.Throughput, predictor.StepTime, b*copies*tokens, true)
		add("latency", r.LatencyMs, predictor.StepTime, 1e3, false)
	case w.Facts.Generates() && w.OutputLength > 0 && w.Mode == perf.Inference:
		w.Concurrency = 0
		add("throughput", r.Throughput, predictor.RequestTime, b*copies, true)
		if k.Manner == predictor.Plain || k.Manner == predictor.Single { // a mean or percentile of requests one at a time
			add("latency", r.LatencyMs, predictor.RequestTime, 1e3, false)
		}
	case strings.HasPrefix(unit, "audio"):
		return
	default:
		if k.Manner == predictor.Clients { // a server's steady state: what is in flight over the throughput is the latency
			add("throughput", r.Throughput, predictor.StepTime, b*copies, true)
			break
		}
		add("throughput", r.Throughput, predictor.StepTime, b*copies, true)
		add("latency", r.LatencyMs, predictor.StepTime, 1e3, false)
	}
	if k.memoryMeans() {
		perDevice := 1.0
		if w.TensorParallel > 1 && !strings.Contains(r.say("memory_is"), "per GPU") {
			perDevice = float64(w.TensorParallel) // tables of one process over several cards add them up
		}
		add("memory", r.MemoryMB, predictor.Memory, 1e-6*perDevice, false)
	}
}

// memoryMeans reports whether a row's memory is what the workload needs: not
// an estimate of the host's side, not a pool that an engine takes whatever it
// needs, not a fine-tuning of a few adapter weights.
func (k *Case) memoryMeans() bool {
	rt := predictor.RuntimeNamed(k.W.Runtime)
	method := strings.ToLower(k.Row.say("method"))
	return !strings.Contains(k.Row.say("memory_is"), "estimated") && (rt == nil || !rt.Serves) &&
		!strings.Contains(method, "lora") && !strings.Contains(method, "adapter")
}

// generation is tokens per second without a stated phase: output tokens over
// the whole request, prompt and all.
func (k *Case) generation(copies float64, add func(string, float64, predictor.Quantity, float64, bool)) {
	r, w := k.Row, &k.W
	b, out := float64(w.BatchSize), float64(w.OutputLength)
	switch {
	case out > 0 && strings.Contains(r.say("tokens_counted"), "input+output"): // tokens in and out over the time
		total := out
		if r.num("latency") == 0 && r.LatencyMs > 0 && math.Abs(math.Log(r.Throughput*r.LatencyMs/1e3/(b*(out+float64(w.SequenceLength))))) <
			math.Abs(math.Log(r.Throughput*r.LatencyMs/1e3/(b*out))) {
			total += float64(w.SequenceLength)
		}
		add("throughput", r.Throughput, predictor.RequestTime, b*copies*total, true)
		add("latency", r.LatencyMs, predictor.RequestTime, 1e3, false)
	case out > 0:
		add("throughput", r.Throughput, predictor.RequestTime, b*copies*out, true)
		add("latency", r.LatencyMs, predictor.RequestTime, 1e3, false)
	default:
		add("throughput", r.Throughput, predictor.TokenTime, b*copies, true)
	}
}
