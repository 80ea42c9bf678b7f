package predictor

import (
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// Runtime is the software that runs a model. The overheads and utilisations
// are typical figures of the first, physical estimate; learning corrects them.
type Runtime struct {
	Name    string
	Title   string
	Aliases []string // further names that people call it by
	Launch  float64  // s of host time for one kernel; the device waits for it when its own work is shorter
	Floor   float64  // s the shortest kernel takes on the device
	Step    float64  // s of host time around each step
	Fused   float64  // share of the launches, and of the traffic of activations, left after fusing
	Passes  float64  // times the activations of a whole model go through memory, relative to once in and once out
	Compute float64  // utilisation of the peak that large matrix products reach
	Memory  float64  // utilisation of the bandwidth that large transfers reach

	Attention  bool // has a fused attention kernel
	Serves     bool // schedules requests in flight (continuous batching)
	TF32       bool // may compute fp32 products in tf32
	Single     bool // takes one thread of a host unless told otherwise
	Replicates bool // drives several devices from one process, which copies the model to them for each step
	Order      int  // place among Runtimes

	Workspace float64 // bytes that it keeps besides, whatever the model
	Repacks   bool    // keeps a host's weights in a second layout
}

// Runtimes lists the runtimes the predictor knows, in a stable order.
// Launch overheads: PyTorch eager spends 4 to 10 us of host time an operator,
// compiled graphs and engines 1 to 3 us a kernel (CUDA launch latency).
var Runtimes = []Runtime{
	{Name: "pytorch-eager", Title: "PyTorch, eager", Aliases: []string{"pytorch", "torch"}, Launch: 7e-6, Floor: 2.5e-6, Step: 60e-6, Fused: 1, Passes: 4.4, Compute: 0.60, Memory: 0.75, TF32: true, Replicates: true},
	{Name: "torch-compile", Title: "PyTorch, torch.compile", Aliases: []string{"torch.compile", "pytorch-compile", "inductor"}, Launch: 2.5e-6, Floor: 2e-6, Step: 80e-6, Fused: 0.5, Passes: 2.4, Compute: 0.65, Memory: 0.8, Attention: true, TF32: true},
	{Name: "torchscript", Title: "TorchScript", Aliases: []string{"torch.jit"}, Launch: 5e-6, Floor: 2.5e-6, Step: 50e-6, Fused: 0.8, Passes: 4, Compute: 0.60, Memory: 0.75, TF32: true},
	{Name: "transformers", Title: "Hugging Face transformers", Aliases: []string{"huggingface", "hf"}, Launch: 9e-6, Floor: 2.5e-6, Step: 2e-3, Fused: 1, Passes: 4.4, Compute: 0.55, Memory: 0.7, TF32: true},
	{Name: "vllm", Title: "vLLM", Launch: 2e-6, Floor: 2e-6, Step: 1.5e-3, Fused: 0.6, Passes: 2.5, Compute: 0.65, Memory: 0.8, Attention: true, Serves: true},
	{Name: "sglang", Title: "SGLang", Launch: 2e-6, Floor: 2e-6, Step: 1.2e-3, Fused: 0.6, Passes: 2.5, Compute: 0.65, Memory: 0.8, Attention: true, Serves: true},
	{Name: "tensorrt-llm", Title: "TensorRT-LLM", Aliases: []string{"trtllm", "trt-llm", "tensorrt_llm"}, Launch: 2e-6, Floor: 2e-6, Step: 0.8e-3, Fused: 0.5, Passes: 2.5, Compute: 0.7, Memory: 0.85, Attention: true, Serves: true},
	{Name: "tgi", Title: "Text Generation Inference", Aliases: []string{"text-generation-inference"}, Launch: 4e-6, Floor: 2e-6, Step: 2e-3, Fused: 0.8, Passes: 2.5, Compute: 0.6, Memory: 0.75, Attention: true, Serves: true},
	{Name: "llama.cpp", Title: "llama.cpp", Aliases: []string{"llamacpp", "llama-cpp", "ollama"}, Launch: 2e-6, Floor: 2e-6, Step: 0.2e-3, Fused: 0.7, Passes: 2.5, Compute: 0.4, Memory: 0.7, Attention: true},
	{Name: "exllama", Title: "ExLlama", Aliases: []string{"exllamav2"}, Launch: 4e-6, Floor: 2e-6, Step: 0.5e-3, Fused: 0.7, Passes: 2.5, Compute: 0.5, Memory: 0.75, Attention: true},
	{Name: "awq", Title: "AutoAWQ", Aliases: []string{"autoawq"}, Launch: 6e-6, Floor: 2e-6, Step: 1e-3, Fused: 0.7, Passes: 2.5, Compute: 0.5, Memory: 0.6, Attention: true, Repacks: true},
	{Name: "ctranslate2", Title: "CTranslate2", Aliases: []string{"faster-whisper"}, Launch: 3e-6, Floor: 2e-6, Step: 0.2e-3, Fused: 0.7, Passes: 2.5, Compute: 0.6, Memory: 0.75},
	{Name: "mlc-llm", Title: "MLC LLM", Aliases: []string{"mlc"}, Launch: 2e-6, Floor: 2e-6, Step: 0.3e-3, Fused: 0.6, Passes: 2.5, Compute: 0.5, Memory: 0.8, Attention: true},
	{Name: "fastertransformer", Title: "FasterTransformer", Launch: 2.5e-6, Floor: 2e-6, Step: 0.1e-3, Fused: 0.5, Passes: 2.5, Compute: 0.65, Memory: 0.75, Attention: true, TF32: true, Workspace: 2.2e9},
	{Name: "deepspeed", Title: "DeepSpeed", Launch: 5e-6, Floor: 2e-6, Step: 1e-3, Fused: 0.8, Passes: 2.5, Compute: 0.6, Memory: 0.75, Attention: true, TF32: true},
	{Name: "megatron", Title: "Megatron, NeMo", Aliases: []string{"nemo", "megatron-lm"}, Launch: 5e-6, Floor: 2e-6, Step: 1e-3, Fused: 0.7, Passes: 2.5, Compute: 0.6, Memory: 0.75, Attention: true, TF32: true},
	{Name: "tensorrt", Title: "TensorRT", Aliases: []string{"trt"}, Launch: 1.5e-6, Floor: 1.8e-6, Step: 40e-6, Fused: 0.35, Passes: 1.6, Compute: 0.65, Memory: 0.8, Attention: true, TF32: true},
	{Name: "triton", Title: "Triton Inference Server", Aliases: []string{"triton-inference-server"}, Launch: 3e-6, Floor: 2e-6, Step: 0.5e-3, Fused: 0.5, Passes: 2.5, Compute: 0.6, Memory: 0.75, TF32: true},
	{Name: "onnxruntime", Title: "ONNX Runtime", Aliases: []string{"ort", "onnx", "onnx-runtime"}, Launch: 4e-6, Floor: 2e-6, Step: 50e-6, Fused: 0.6, Passes: 3, Compute: 0.6, Memory: 0.75, TF32: true},
	{Name: "onnxruntime-web", Title: "ONNX Runtime Web", Launch: 60e-6, Floor: 20e-6, Step: 1e-3, Fused: 0.6, Passes: 2.5, Compute: 0.2, Memory: 0.4},
	{Name: "tensorflow", Title: "TensorFlow", Aliases: []string{"tf", "keras"}, Launch: 6e-6, Floor: 2.5e-6, Step: 0.3e-3, Fused: 0.8, Passes: 4, Compute: 0.55, Memory: 0.7, TF32: true},
	{Name: "jax", Title: "JAX, XLA", Aliases: []string{"xla"}, Launch: 2e-6, Floor: 2e-6, Step: 0.1e-3, Fused: 0.4, Passes: 2.5, Compute: 0.6, Memory: 0.8, TF32: true},
	{Name: "paddle", Title: "Paddle Inference", Aliases: []string{"paddlepaddle"}, Launch: 4e-6, Floor: 2e-6, Step: 50e-6, Fused: 0.6, Passes: 3, Compute: 0.55, Memory: 0.75, TF32: true},
	{Name: "caffe", Title: "Caffe, Torch7 and MXNet", Launch: 7e-6, Floor: 3e-6, Step: 0.1e-3, Fused: 1, Passes: 4, Compute: 0.5, Memory: 0.7},
	{Name: "openvino", Title: "OpenVINO", Launch: 3e-6, Floor: 2e-6, Step: 50e-6, Fused: 0.4, Passes: 2, Compute: 0.6, Memory: 0.7},
	{Name: "onednn", Title: "oneDNN", Launch: 4e-6, Floor: 2e-6, Step: 50e-6, Fused: 0.6, Passes: 2.5, Compute: 0.55, Memory: 0.7},
	{Name: "deepsparse", Title: "DeepSparse", Launch: 3e-6, Floor: 2e-6, Step: 50e-6, Fused: 0.4, Passes: 2.5, Compute: 0.6, Memory: 0.7},
	{Name: "tflite", Title: "TensorFlow Lite", Aliases: []string{"tensorflow-lite", "litert"}, Launch: 6e-6, Floor: 5e-6, Step: 50e-6, Fused: 0.5, Passes: 4, Compute: 0.35, Memory: 0.6, Single: true},
	{Name: "tflite-micro", Title: "TensorFlow Lite Micro", Aliases: []string{"tflm"}, Launch: 20e-6, Floor: 20e-6, Step: 0.2e-3, Fused: 0.5, Passes: 2.5, Compute: 0.25, Memory: 0.5},
	{Name: "armnn", Title: "Arm NN", Aliases: []string{"arm-nn"}, Launch: 10e-6, Floor: 8e-6, Step: 0.1e-3, Fused: 0.6, Passes: 5, Compute: 0.35, Memory: 0.6},
	{Name: "xnnpack", Title: "XNNPACK", Launch: 5e-6, Floor: 4e-6, Step: 30e-6, Fused: 0.5, Passes: 2.5, Compute: 0.5, Memory: 0.6},
	{Name: "ncnn", Title: "ncnn", Launch: 8e-6, Floor: 5e-6, Step: 50e-6, Fused: 0.5, Passes: 3, Compute: 0.35, Memory: 0.6},
	{Name: "paddle-lite", Title: "Paddle Lite", Launch: 6e-6, Floor: 5e-6, Step: 50e-6, Fused: 0.5, Passes: 2.5, Compute: 0.35, Memory: 0.6},
	{Name: "mnn", Title: "MNN", Launch: 6e-6, Floor: 5e-6, Step: 50e-6, Fused: 0.5, Passes: 2.5, Compute: 0.35, Memory: 0.6},
	{Name: "whisper.cpp", Title: "whisper.cpp", Launch: 3e-6, Floor: 2e-6, Step: 0.3e-3, Fused: 0.7, Passes: 2.5, Compute: 0.35, Memory: 0.6},
	{Name: "qnn", Title: "Qualcomm AI Engine Direct", Launch: 3e-6, Floor: 3e-6, Step: 0.1e-3, Fused: 0.4, Passes: 1.5, Compute: 0.25, Memory: 0.5},
	{Name: "qaic", Title: "Qualcomm Cloud AI SDK", Launch: 2e-6, Floor: 2e-6, Step: 0.1e-3, Fused: 0.4, Passes: 2.5, Compute: 0.3, Memory: 0.6},
	{Name: "hailort", Title: "HailoRT", Launch: 1e-6, Floor: 1e-6, Step: 0.3e-3, Fused: 0.3, Passes: 0.1, Compute: 0.35, Memory: 0.5},
	{Name: "rknn", Title: "RKNN", Launch: 10e-6, Floor: 8e-6, Step: 0.3e-3, Fused: 0.4, Passes: 1.5, Compute: 0.2, Memory: 0.5},
	{Name: "edgetpu", Title: "Edge TPU", Launch: 2e-6, Floor: 2e-6, Step: 0.2e-3, Fused: 0.4, Passes: 2.5, Compute: 0.25, Memory: 0.5},
	{Name: "coreml", Title: "Core ML", Aliases: []string{"core-ml"}, Launch: 5e-6, Floor: 4e-6, Step: 0.15e-3, Fused: 0.4, Passes: 2.5, Compute: 0.4, Memory: 0.6},
	{Name: "neuron", Title: "AWS Neuron", Launch: 3e-6, Floor: 3e-6, Step: 0.3e-3, Fused: 0.4, Passes: 2.5, Compute: 0.4, Memory: 0.6},
	{Name: "habana", Title: "SynapseAI", Aliases: []string{"gaudi", "synapseai"}, Launch: 3e-6, Floor: 3e-6, Step: 0.5e-3, Fused: 0.5, Passes: 2.5, Compute: 0.5, Memory: 0.7, Attention: true},
	{Name: "torch-composer", Title: "PyTorch, Composer with FSDP", Launch: 5e-6, Floor: 2e-6, Step: 1e-3, Fused: 0.8, Passes: 2.5, Compute: 0.6, Memory: 0.75, Attention: true, TF32: true},
	{Name: "litgpt", Title: "LitGPT", Launch: 7e-6, Floor: 2.5e-6, Step: 0.5e-3, Fused: 1, Passes: 2.5, Compute: 0.55, Memory: 0.7, Attention: true, TF32: true},
	{Name: "lmdeploy", Title: "LMDeploy TurboMind", Aliases: []string{"turbomind"}, Launch: 2e-6, Floor: 2e-6, Step: 0.5e-3, Fused: 0.5, Passes: 2.5, Compute: 0.65, Memory: 0.8, Attention: true, Serves: true},
	{Name: "fastertransformer-packed", Title: "FasterTransformer, padding removed", Launch: 2.5e-6, Floor: 2e-6, Step: 0.1e-3, Fused: 0.5, Passes: 2.5, Compute: 0.65, Memory: 0.75, Attention: true, TF32: true, Workspace: 2.2e9},
	{Name: "mxnet", Title: "MXNet", Launch: 5e-6, Floor: 2.5e-6, Step: 0.1e-3, Fused: 0.8, Passes: 4, Compute: 0.6, Memory: 0.75, TF32: true},
	{Name: "onnxruntime-qnn", Title: "ONNX Runtime with precompiled QNN", Launch: 3e-6, Floor: 3e-6, Step: 0.1e-3, Fused: 0.4, Passes: 2.5, Compute: 0.25, Memory: 0.5},
	{Name: "tflite-cpu", Title: "TensorFlow Lite on the CPU of a mobile chip", Launch: 6e-6, Floor: 5e-6, Step: 50e-6, Fused: 0.5, Passes: 2.5, Compute: 0.02, Memory: 0.3},
	{Name: "tflite-gpu", Title: "TensorFlow Lite on the GPU of a mobile chip", Launch: 20e-6, Floor: 10e-6, Step: 0.3e-3, Fused: 0.5, Passes: 2.5, Compute: 0.1, Memory: 0.4},
	{Name: "onnxruntime-cpu", Title: "ONNX Runtime on the CPU of a mobile chip", Launch: 6e-6, Floor: 5e-6, Step: 50e-6, Fused: 0.5, Passes: 2.5, Compute: 0.02, Memory: 0.3},
	{Name: "vendor", Title: "a vendor's own engine", Launch: 5e-6, Floor: 4e-6, Step: 0.2e-3, Fused: 0.5, Passes: 2.5, Compute: 0.3, Memory: 0.6},
}

func init() {
	for i := range Runtimes {
		Runtimes[i].Order = i
	}
}

// byName are the runtimes under all their names, in lower case.
var byName = func() map[string]*Runtime {
	of := map[string]*Runtime{}
	for i := range Runtimes {
		r := &Runtimes[i]
		for _, name := range append([]string{r.Name}, r.Aliases...) {
			of[name] = r
		}
	}
	return of
}()

// RuntimeNamed finds a runtime by any of its names, without regard to case; nil
// when there is none.
func RuntimeNamed(name string) *Runtime { return byName[strings.ToLower(name)] }

// DefaultRuntime is what a workload is taken to run in when its request names
// no runtime: what is usual on the platform for the kind of model.
func DefaultRuntime(w perf.Workload) *Runtime {
	name := "pytorch-eager"
	generates := w.Facts != nil && w.Facts.Generates() && w.Facts.Text()
	switch w.Platform {
	case perf.CUDA, perf.ROCm:
		if w.Concurrency > 0 && generates {
			name = "vllm"
		}
	case perf.CPU, perf.MPS, "xpu":
		if generates && slices.Contains([]perf.Precision{perf.Int3, perf.Int4, perf.Int5, perf.Int6, perf.W4A16, perf.W8A16, perf.Int8}, w.Precision) {
			name = "llama.cpp"
		}
	case perf.OpenVINO:
		name = "openvino"
	case perf.WebGPU, perf.WebNN:
		name = "onnxruntime-web"
	case perf.QNN, "qualcomm":
		name = "qnn"
	case "coreml":
		name = "coreml"
	case "hailo":
		name = "hailort"
	case "mcu":
		name = "tflite-micro"
	case "rknn":
		name = "rknn"
	case "tpu":
		name = "jax"
		if w.Hardware != nil && w.Hardware.Kind == "edge-npu" {
			name = "edgetpu"
		}
	case "neuron":
		name = "neuron"
	case "hpu":
		name = "habana"
	case "vulkan":
		name = "ncnn"
		if generates {
			name = "llama.cpp"
		}
	case "opencl":
		name = "armnn"
	case "npu", "mediatek", "samsung", "mobile-gpu":
		name = "tflite"
	}
	return RuntimeNamed(name)
}

// host reports whether the runtime's kernels are function calls of the same
// processor rather than launches on another.
func host(d *perf.Device) bool {
	return d.Platform == perf.CPU || d.Kind == "mcu"
}
