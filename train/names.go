package train

import (
	"regexp"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

var versionPattern = regexp.MustCompile(`\d+(\.\d+)+(\.?(rc|post|dev)\d+)*`)

// software tells which of the predictor's runtimes a framework's own words
// mean, and its version. The first rule whose word occurs wins, so that what
// wraps another comes first. An empty name means that the words name none.
func software(words string, w *perf.Config, generates bool) (name, version string) {
	s := strings.ToLower(words)
	version = versionPattern.FindString(s)
	has := func(word string) bool { return strings.Contains(s, word) }
	for _, rule := range softwareRules {
		if !has(rule.word) {
			continue
		}
		if i := strings.Index(s, rule.word); i > 0 { // "NVIDIA ..., TensorRT v8.6.1": the version after the word
			if v := versionPattern.FindString(s[i:]); v != "" {
				version = v
			}
		}
		name = rule.runtime
		break
	}
	switch {
	case name == "" && w.Platform == perf.CUDA && (has("cuda") || has("jetpack")): // MLPerf on NVIDIA hardware is TensorRT unless said
		name = "tensorrt"
	case name == "tensorrt" && generates && w.Devices > 0 && !has("torch2trt"):
		name = "tensorrt-llm"
	case name == "tflite" && w.Platform == "mcu":
		name = "tflite-micro"
	case name == "" && w.Platform == "mcu":
		name = "tflite-micro"
	}
	return name, version
}

// Order matters: "Triton ONNX Runtime TensorRT" executes in TensorRT,
// "cTuning/MLCommons TFLite inference implementation, ARMNN v22.11" in Arm NN.
var softwareRules = []struct{ word, runtime string }{
	{"llm-foundry", "torch-composer"}, {"litgpt", "litgpt"}, {"gpt-fast", "torch-compile"}, {"torch.compile", "torch-compile"},
	{"megatron-bridge", "megatron"}, {"trtllm", "tensorrt-llm"}, {"tensorrt-llm", "tensorrt-llm"}, {"tensorrt_llm", "tensorrt-llm"},
	{"vllm", "vllm"}, {"sglang", "sglang"}, {"lmdeploy", "lmdeploy"}, {"text-generation-inference", "tgi"},
	{"whisper.cpp", "whisper.cpp"}, {"llama.cpp", "llama.cpp"}, {"llamacpp", "llama.cpp"}, {"exllama", "exllama"},
	{"ctransformers", "llama.cpp"}, {"ctranslate2", "ctranslate2"}, {"faster-whisper", "ctranslate2"}, {"autoawq", "awq"},
	{"mlc llm", "mlc-llm"}, {"mlc-llm", "mlc-llm"}, {"mlc chat", "mlc-llm"}, {"optimum-nvidia", "tensorrt-llm"}, {"deepspeed", "deepspeed"},
	{"torch2trt", "tensorrt"}, {"onnx runtime tensorrt", "tensorrt"}, {"triton nvidia tensorrt", "tensorrt"}, {"paddle inference tensorrt", "paddle"},
	{"paddle lite", "paddle-lite"}, {"paddle", "paddle"}, {"armnn", "armnn"}, {"deepsparse", "deepsparse"}, {"openvino", "openvino"},
	{"xnnpack", "tflite"}, {"tflite-micro", "tflite-micro"}, {"tflite", "tflite"}, {"litert", "tflite"},
	{"precompiled_qnn_onnx", "onnxruntime-qnn"}, {"qnn_context_binary", "qnn"}, {"qnn", "qnn"}, {"genie", "qnn"}, {"voice_ai", "qnn"},
	{"cloud ai", "qaic"}, {"qaic", "qaic"}, {"hailo", "hailort"}, {"rknn", "rknn"}, {"ncnn", "ncnn"}, {"synapse", "habana"}, {"habana", "habana"},
	{"gaudi", "habana"}, {"neuron", "neuron"}, {"onnx runtime", "onnxruntime"}, {"onnxruntime", "onnxruntime"}, {"onnx", "onnxruntime"},
	{"eff-ft", "fastertransformer-packed"}, {"fastertransformer", "fastertransformer"}, {"ft decoding", "fastertransformer"},
	{"ft decoder", "fastertransformer"}, {"trt plugin", "tensorrt"}, {"tensorrt", "tensorrt"}, {"triton tensorflow", "tensorflow"},
	{"triton pytorch", "torchscript"}, {"triton", "triton"}, {"torchscript", "torchscript"}, {"ft", "fastertransformer"},
	{"huggingface", "transformers"}, {"transformers", "transformers"}, {"torch7", "caffe"}, {"caffe", "caffe"}, {"mxnet", "mxnet"},
	{"xla", "jax"}, {"jax", "jax"}, {"keras", "tensorflow"}, {"tensorflow", "tensorflow"}, {"tf", "tensorflow"},
	{"lightning", "pytorch-eager"}, {"torch", "pytorch-eager"}, {"megatron", "megatron"}, {"cpp", "fastertransformer"}, {"coreml", "coreml"},
	{"core ml", "coreml"}, {"edge tpu", "edgetpu"}, {"edgetpu", "edgetpu"}, {"ollama", "llama.cpp"},
}

// precisions are the corpus's names of number formats.
var precisions = map[string]perf.Precision{
	"fp64": perf.FP64, "fp32": perf.FP32, "tf32": perf.TF32, "fp16": perf.FP16, "bf16": perf.BF16,
	"amp": perf.AMP, "amp_bf16": perf.AMPBF16, "amp_fp8": perf.FP8, "fp8": perf.FP8, "mxfp8": perf.FP8, "fp4": perf.FP4, "nvfp4": perf.FP4,
	"int8": perf.Int8, "int8 (typical; not checked)": perf.Int8, "int8 mixed int16": perf.Int8, "int4": perf.Int4,
	"int3": perf.Int3, "int5": perf.Int5, "int6": perf.Int6, "w4a16": perf.W4A16, "w8a16": perf.W8A16,
	"w8a16_mixed_fp16": perf.W8A16, "w16a16": perf.FP16, "bnb.nf4": perf.W4A16, "bnb.nf4-dq": perf.W4A16, "bnb.int8": perf.W8A16,
	"bnb.fp4": perf.W4A16, "gptq.int4": perf.W4A16, "uint8": perf.Int8,
}

// format is the precision a row states; empty where it states none ("auto").
// Exported models carry theirs in the name.
func format(r *Row) perf.Precision {
	if p, ok := precisions[strings.ToLower(strings.TrimSpace(r.Precision))]; ok {
		return p
	}
	n := strings.ToLower(r.Model)
	switch {
	case strings.Contains(n, "precision_uint8"), strings.Contains(n, "-quantized"), strings.Contains(n, "_uint8"), strings.Contains(n, "_int8"), strings.Contains(n, "_quant"):
		return perf.Int8
	case strings.Contains(n, "precision_float"), strings.Contains(n, "-non-quantized"), strings.Contains(n, "_float"):
		return perf.FP32
	}
	return ""
}
