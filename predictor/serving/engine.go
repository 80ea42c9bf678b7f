package serving

import "strings"

// engine is a runtime's coarse kind, ordered by how much of a pass it leaves to
// the host: what trees may split on. The runtime's own name is an effect.
type engine int

const (
	compiled engine = iota // one graph or engine: TensorRT-LLM, FasterTransformer, TurboMind
	captured               // CUDA graphs: vLLM
	radix                  // SGLang: its prompts are launched kernel by kernel
	native                 // llama.cpp and the like: C++ loops, 4-bit kernels
	eager                  // a framework launching operation by operation
	unknown
	numEngines
)

// engineOf classes a runtime by its name, in lower case or not.
func engineOf(runtime string) engine {
	r := strings.ToLower(runtime)
	for _, c := range [...]struct {
		part string
		e    engine
	}{
		{"trt", compiled}, {"tensorrt", compiled}, {"fastertransformer", compiled}, {"turbomind", compiled}, {"lmdeploy", compiled},
		{"compile", compiled}, {"gpt-fast", compiled}, {"mlc", compiled}, {"vllm", captured}, {"tgi", captured}, {"sglang", radix},
		{"llama.cpp", native}, {"llamacpp", native}, {"ollama", native}, {"exllama", native}, {"ctransformers", native}, {"ctranslate", native},
		{"awq", native}, {"litert", native}, {"genie", native}, {"tflite", native}, {"qnn", native},
		{"pytorch", eager}, {"transformers", eager}, {"litgpt", eager}, {"onnx", eager}, {"eager", eager}, {"tf", eager},
	} {
		if strings.Contains(r, c.part) {
			return c.e
		}
	}
	return unknown
}

// versionRank is a release's place in time as far as its number tells: major
// times 100 plus minor ("0.5.9" is 5.9, "1.2.0rc6" is 102). NaN = not known.
func versionRank(v string) float64 {
	var n [3]float64
	i := 0
	digits := false
	for _, r := range v {
		switch {
		case r >= '0' && r <= '9':
			n[i], digits = 10*n[i]+float64(r-'0'), true
		case r == '.' && digits && i < 2:
			i++
		default:
			if !digits {
				return nan
			}
			return n[0]*100 + n[1] + min(n[2], 99)/100
		}
	}
	if !digits {
		return nan
	}
	return n[0]*100 + n[1] + min(n[2], 99)/100
}
