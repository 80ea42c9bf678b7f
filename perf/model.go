package perf

// Model holds the architecture facts of one model. Zero means "not known".
// Models whose layers are known (transformers) are costed operation by
// operation; the others from their aggregates (MACs, activations, parameters).
type Model struct {
	Name         string // canonical: "bert-base-uncased"
	Family       string // "text_generation", "embedding", "vision", "detection", "audio", "multimodal", "diffusion", "recommendation", "other"
	Kind         string // "encoder", "decoder", "encoder-decoder", "cnn", "vit", "diffusion", ...
	Architecture string // the design it is one size of: "resnet", "convnext", "bert", "llama"
	Stem         string // the design itself, over all zoos, input sizes and training recipes: "resnet50"
	Aliases      []string

	Params       float64 // parameters
	ActiveParams float64 // parameters one token passes (mixture of experts); 0 = Params

	Layers, Hidden, Intermediate, Heads, KVHeads, HeadDim, Vocab, MaxPosition int
	DecoderLayers                                                             int  // encoder-decoders: Layers are the encoder's
	Experts, ExpertsPerToken, ExpertIntermediate                              int  // mixture of experts
	LatentKV                                                                  int  // elements one token keeps in one layer's cache under multi-head latent attention; 0 = two vectors a KV head
	CacheLayers                                                               int  // layers whose cache grows with the context, the others being linear attention; 0 = all
	Window, WindowLayers                                                      int  // tokens a sliding-window layer looks back on, and how many layers do; 0 = none
	GatedMLP                                                                  bool // three matrices in the feed-forward block (SwiGLU) instead of two

	ImageSize, Patch int
	MACs             float64 // multiply-accumulates of one forward pass over one sample
	Activations      float64 // elements written by one forward pass over one sample
	Passes           float64 // forward passes that a sample takes, one after the other: steps of a sampler, windows of a volume; 0 = 1
	Makeup           Makeup  `json:"-"` // what the pass is made of; the catalogue's, not a user's

	Notes  string
	Source string
	Custom bool // added or corrected by a user
}

// Sized reports whether enough is known to cost the model: its layers, its
// multiply-accumulates, or at least its parameters.
func (m *Model) Sized() bool {
	return m.MACs > 0 || m.Layers > 0 && m.Hidden > 0 || m.Params > 0
}

// Text reports whether a sample is a sequence of tokens.
func (m *Model) Text() bool {
	switch m.Kind {
	case "encoder", "decoder", "encoder-decoder":
		return m.Family != "audio" && m.Family != "vision"
	}
	return m.Family == "text_generation" || m.Family == "embedding"
}

// AudioFrames is the length of an encoded window of 30 s: 3,000 mel frames with
// a stride of 2 (Radford et al., "Robust speech recognition via large-scale weak
// supervision", 2022).
const AudioFrames = 1500

// Windowed reports whether the model takes sound in windows of AudioFrames, to
// which what is shorter is padded: Whisper's encoder and its like.
func (m *Model) Windowed() bool { return m.Family == "audio" && m.Kind == "encoder-decoder" }

// Denoises reports whether a pass of the model is a step of a sampler, of which
// an image takes several.
func (m *Model) Denoises() bool {
	return m.Family == "diffusion" && m.Kind != "vae" && m.Kind != "encoder" && m.Kind != "dual-encoder"
}

// Generates reports whether the model produces its output token by token, so
// that prefill and decode are separate phases.
func (m *Model) Generates() bool {
	switch m.Kind {
	case "decoder", "encoder-decoder", "vlm", "vision-encoder-decoder":
		return true
	}
	return m.Family == "text_generation"
}
