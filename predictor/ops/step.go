package ops

import "github.com/perfcast/perfcast/perf"

// Step says which step of a workload is listed.
type Step struct {
	Batch   int // samples (sequences) in the step, at least 1
	Tokens  int // new tokens of each sequence; 1 for a decode step
	Context int // tokens of each sequence already in the cache

	Train bool // forward, backward and the optimiser's update
	Fused bool // one attention kernel (flash attention) instead of scores, softmax, values
	// LastOnly: logits are computed for the last token alone, as generating
	// runtimes do; a plain forward pass computes all.
	LastOnly bool
}

// Forward is one pass over the whole input: of an encoder, a vision model, or
// a decoder's prompt.
func Forward(w perf.Workload) Step {
	return Step{Batch: max(1, w.BatchSize), Tokens: Tokens(w)}
}

// Prefill is Forward as a generating runtime does it.
func Prefill(w perf.Workload) Step {
	s := Forward(w)
	s.Fused, s.LastOnly = true, true
	return s
}

// Decode is the step that makes one more token of each sequence when context
// tokens are in the cache.
func Decode(w perf.Workload, context int) Step {
	return Step{Batch: max(1, w.BatchSize), Tokens: 1, Context: max(0, context), Fused: true, LastOnly: true}
}

// Train is one training step.
func Train(w perf.Workload) Step {
	s := Forward(w)
	s.Train = true
	return s
}

// Tokens is the length of one sample in tokens: the request's sequence length,
// the patches of an image, the frames of 30 s of audio; 1 where a sample is no
// sequence.
func Tokens(w perf.Workload) int {
	m := w.Facts
	switch {
	case m.Windowed() && w.SequenceLength > perf.AudioFrames:
		return perf.AudioFrames // several windows, one after the other
	case w.SequenceLength > 0 && (m.Text() || m.Family == "audio" || m.Generates()):
		return w.SequenceLength
	case m.Text():
		return 128
	case m.Family == "audio":
		return perf.AudioFrames
	case m.Patch > 0 && imageSize(w) > 0:
		side := imageSize(w) / m.Patch
		return side*side + 1
	}
	return 1
}

func imageSize(w perf.Workload) int {
	if w.ImageSize > 0 {
		return w.ImageSize
	}
	return w.Facts.ImageSize
}

// Layered reports whether the model is listed layer by layer rather than from
// its aggregates. Multiply-accumulates that are stated for an image or a sound
// are better than what a list can tell of its stem and head.
func Layered(m *perf.Model) bool {
	if m.Layers <= 0 || m.Hidden <= 0 {
		return false
	}
	switch m.Kind {
	case "encoder", "decoder", "encoder-decoder", "vlm", "vision-encoder-decoder":
		return m.Text() || m.Generates() || m.MACs == 0
	case "vit":
		return m.MACs == 0 && m.Patch > 0
	}
	return m.Text() || m.MACs == 0 && m.Heads > 0
}

// Of lists the operations of one step of a workload on one device of its
// tensor-parallel group and one of its pipeline stages (all stages are summed:
// one sample passes them all in turn). The facts need perf.Model.Sized.
func Of(w perf.Workload, s Step) []Op {
	return Append(nil, w, s)
}

// Append is Of that appends to a list, to reuse its memory.
func Append(list []Op, w perf.Workload, s Step) []Op {
	first := len(list)
	if Layered(w.Facts) {
		list = appendTransformer(list, w, s)
	} else {
		list = appendAggregate(list, w, s)
	}
	if s.Train {
		list = appendTraining(list, first, w)
	}
	return list
}
