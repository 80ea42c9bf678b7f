// Package serving predicts how a language model generates text: the time to
// the first token (TTFT), the time per output token after it (TPOT), end to end
// latency and output tokens per second, for one batch at a time (llama.cpp,
// FasterTransformer, gpt-fast) and for a serving engine with many requests in
// flight (vLLM, TensorRT-LLM, SGLang), over tensor, pipeline, expert and
// data parallelism.
//
// Physics first. A forward pass is a sum over layers of matrix products,
// attention, element-wise work and communication, each costed by a roofline
// with learned efficiencies (kernel.go, step.go). A serving engine is a closed
// queue whose running batch, prefill interference and waiting time follow from
// those passes and the memory left for the key-value cache (queue.go). What
// physics misses is learned on top: shrunken effects of the runtime, device and
// model, and of what they have in common, on each part of a time (effects.go).
// A host that answers slowly adds to the first token of short prompts and hardly
// to that of long ones; a slow link tells in long prompts alone. A device or
// model never seen rests on physics and on the effects of the rest.
//
// The package is pure: no files, no clock. Units are SI; times are in seconds.
package serving
