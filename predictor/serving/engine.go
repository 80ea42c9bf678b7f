package serving

import "strings"

// engine is a runtime's coarse kind, by how much of a pass it leaves to the
// host: what constants are shared by. The runtime's own name is an effect.
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
