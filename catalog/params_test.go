package catalog

import (
	"math"
	"slices"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// uncounted are designs whose parameters are not those of a plain transformer
// with these dimensions, and why.
var uncounted = map[string]string{
	"mobilebert":          "bottlenecks of 128 in blocks of 512",
	"electra":             "the small one's embedding is narrower than its blocks",
	"xlnet":               "relative positions have weights of their own",
	"deberta":             "relative positions have weights of their own",
	"funnel":              "pooling between the blocks",
	"canine":              "hashed characters and convolutions",
	"gemma3n":             "embeddings for each layer",
	"minicpm3":            "latent attention, its ranks are no facts of the table",
	"transformer_xl":      "adaptive softmax",
	"switch_transformers": "experts in every second block",
	"llama4":              "a shared expert; in Maverick experts in every second block",
	"qwen2_moe":           "shared experts of another width",
	"qwen3_5":             "linear attention in three of four layers",
	"wav2vec2":            "a convolutional front end", "hubert": "a convolutional front end", "wavlm": "a convolutional front end", "data2vec": "a convolutional front end",
	"arctic": "a dense block beside the experts",
}

// The stated parameters of every language model follow from its dimensions, so
// a wrong layer count, width or vocabulary in the table is found.
func TestParametersFollowDimensions(t *testing.T) {
	checked := 0
	for _, m := range load(t).Models() {
		if m.Family != "text_generation" && m.Family != "embedding" || !slices.Contains([]string{"encoder", "decoder", "encoder-decoder"}, m.Kind) ||
			m.Layers == 0 || m.Heads == 0 || m.Params == 0 || m.MACs > 0 || uncounted[m.Architecture] != "" {
			continue
		}
		checked++
		if off, counted := misfit(m); off > 0.08 {
			t.Errorf("%s (%s): %.4g parameters stated, its dimensions give %.4g", m.Name, m.Architecture, m.Params, counted)
		}
	}
	if checked < 300 {
		t.Errorf("only %d models were checked", checked)
	}
}

// misfit is the logarithm of stated over counted parameters, with the tables
// tied or not, and positions learned or not, whichever fits.
func misfit(m *perf.Model) (off, counted float64) {
	off = math.Inf(1)
	for _, tied := range []bool{true, false} {
		for _, positions := range []int{0, min(m.MaxPosition, 2048)} {
			c := *m
			if c.KVHeads == 0 {
				c.KVHeads = c.Heads
			}
			b := block{Model: &c, tied: tied, positions: positions, bias: !m.GatedMLP, moeLayers: m.Layers}
			if m.Architecture == "albert" {
				b.sharedLayer, b.embedding = true, 128
			}
			if p, _ := b.count(); math.Abs(math.Log(p/m.Params)) < off {
				off, counted = math.Abs(math.Log(p/m.Params)), p
			}
		}
	}
	return off, counted
}
