package kernel

import "github.com/perfcast/perfcast/perf"

// dialect is how Hugging Face's code of a family of transformers writes what
// differs between families, as the kernels that eager mode makes of it.
type dialect struct {
	scale       scaling
	mask        []streamed            // on the scores
	unmask      map[string][]streamed // the derivatives of its kernels, by kind
	activation  []streamed
	norm        []streamed // nil: one kernel
	keepsScores bool       // no dropout on the probabilities
	dropsInner  bool       // dropout after the activation, too
	unbiased    bool       // products have no bias
	joined      bool       // queries, keys and values are one product, split afterwards
}

// streamed is an element-wise kernel and how often it passes over the elements:
// once for each tensor that it reads or writes.
type streamed struct {
	kind   string
	passes float64
}

// scaling says what 1/sqrt(dim) multiplies.
type scaling uint8

const (
	scaleScores scaling = iota
	scaleQueries
	scaleNothing
)

// geluNew is 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), one kernel for each
// operation.
var geluNew = []streamed{{"pow", 2}, {"mul", 2}, {"add", 3}, {"mul", 2}, {"tanh", 2}, {"add", 2}, {"mul", 2}, {"mul", 3}}

// dialectOf is the dialect of a model's architecture; BERT's where none is known
// to differ.
func dialectOf(m *perf.Model) dialect {
	d := dialect{mask: []streamed{{"add", 2}}, activation: []streamed{{"gelu", 2}}}
	switch m.Architecture {
	case "gpt2", "gpt_neo", "gpt-neo", "gptj", "gpt-j":
		// where(causal, scores, least): its derivative is another
		d.mask, d.unmask = []streamed{{"where", 2}}, map[string][]streamed{"where": {{"where", 2}}}
		d.activation, d.joined = geluNew, true
	case "opt":
		// max(scores + mask, least); the derivative of the maximum shares ties:
		// ==, /2, where, <, masked_fill
		d.scale, d.keepsScores = scaleQueries, true
		d.mask = []streamed{{"add", 2}, {"max", 2}}
		d.unmask = map[string][]streamed{"max": {{"add", 1.25}, {"div", 2}, {"where", 3.25}, {"add", 1.25}, {"copy", 2.25}}}
		d.activation = []streamed{{"relu", 2}}
	case "t5", "switch_transformers":
		d.scale, d.unbiased, d.dropsInner = scaleNothing, true, true
		d.mask = []streamed{{"add", 3}} // a bias of positions for each head and sequence, with the mask in it
		d.unmask = map[string][]streamed{"add": {{"add", 3}}}
		d.activation = []streamed{{"relu", 2}}
		d.norm = []streamed{{"pow", 2}, {"mul", 3}, {"mul", 2}}
	}
	return d
}
