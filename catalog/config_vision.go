package catalog

import (
	"math"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// readViT reads plain vision transformers (ViT, DeiT, BEiT, DINOv2).
func readViT(m *perf.Model, k *keys) {
	m.Kind = "vit"
	m.Hidden = k.need("hidden_size")
	m.Layers = k.need("num_hidden_layers")
	m.Heads = k.need("num_attention_heads")
	m.Intermediate = k.optional("intermediate_size")
	if m.Intermediate == 0 {
		m.Intermediate = max(1, k.optional("mlp_ratio")) * m.Hidden
	}
	m.KVHeads = m.Heads
	m.ImageSize = k.size("image_size", 224)
	m.Patch = k.size("patch_size", 16)
	classes := labels(k)
	channels := max(1, k.optional("num_channels"))
	if _, v := k.find([]string{"num_channels"}); v == nil {
		channels = 3
	}
	if !sane(m, k) {
		return
	}
	tokens := patches(m) + 1
	h, i, n := float64(m.Hidden), float64(m.Intermediate), float64(m.Layers)
	layer := 4*h*h + 2*h*i
	embed := h * float64(channels*m.Patch*m.Patch)
	m.Params = n*(layer+9*h+i) + embed + h + tokens*h + h + 2*h + float64(classes)*(h+1)
	m.MACs = tokens*n*(layer+2*tokens*h) + patches(m)*embed + float64(classes)*h
	m.Activations = tokens*n*(4*h+h+i) + n*float64(m.Heads)*tokens*tokens + tokens*h
}

// sane checks dimensions before they are multiplied; false keeps the fault.
func sane(m *perf.Model, k *keys) bool {
	if k.err == nil {
		if err := CheckModel(*m); err != nil {
			k.fail(err)
		} else if m.Patch > m.ImageSize && m.ImageSize > 0 {
			k.fail(perf.Invalid("config."+k.path+"patch_size", "is larger than the image"))
		}
	}
	return k.err == nil
}

func patches(m *perf.Model) float64 {
	side := math.Floor(float64(m.ImageSize) / float64(max(1, m.Patch)))
	return side * side
}

// labels is the number of classes of the head: as many as are named, else
// ImageNet's; a file without a classification head has none.
func labels(k *keys) int {
	if l, ok := k.values["id2label"].(map[string]any); ok {
		return len(l)
	}
	if n := k.optional("num_labels"); n > 0 {
		return n
	}
	if c := k.classes(); c != "" && !strings.Contains(c, "Classification") {
		return 0
	}
	return 1000
}

// readSwin reads Swin transformers: stages of windowed attention, each halving
// the side and doubling the width.
func readSwin(m *perf.Model, k *keys) {
	m.Kind = "swin"
	width := k.need("embed_dim")
	depths := k.ints("depths")
	window := k.optional("window_size")
	m.ImageSize = k.size("image_size", 224)
	m.Patch = k.size("patch_size", 4)
	classes := labels(k)
	if window == 0 {
		window = 7
	}
	if !sane(m, k) {
		return
	}
	ratio := 4.0
	if r, ok := k.values["mlp_ratio"].(float64); ok && r > 0 && r <= 16 {
		ratio = r
	}
	c := float64(width)
	tokens := patches(m)
	m.Params = 48*c + c // the patch embedding
	m.MACs = tokens * 48 * c
	m.Activations = tokens * c
	view := math.Min(float64(window*window), tokens)
	for i, depth := range depths {
		d := float64(depth)
		m.Layers += depth
		m.Params += d * ((4+2*ratio)*c*c + (9+ratio)*c)
		m.MACs += d * tokens * ((4+2*ratio)*c*c + 2*view*c)
		m.Activations += d * tokens * ((5+ratio)*c + view*c/32) // heads of 32
		if i < len(depths)-1 {                                  // merging: four neighbours to twice the width
			tokens /= 4
			m.Params += 8 * c * c
			m.MACs += tokens * 8 * c * c
			m.Activations += tokens * 2 * c
			c *= 2
		}
	}
	m.Params += c * float64(classes)
	m.MACs += c * float64(classes)
	bounded(m, k)
}

// convolutions adds up a network of convolutions layer by layer.
type convolutions struct {
	side                      float64
	macs, activations, params float64
}

// add is a convolution of side x side kernels over in channels to out ones, in
// groups, at a stride.
func (c *convolutions) add(kernel, in, out, groups, stride int) {
	c.side = math.Ceil(c.side / float64(stride))
	area := c.side * c.side
	weights := float64(kernel*kernel) * float64(in) * float64(out) / float64(groups)
	c.macs += weights * area
	c.activations += float64(out) * area
	c.params += weights + 2*float64(out)
}

// readResNet reads ResNets: basic or bottleneck blocks (a quarter as wide
// inside), the stride in the 3x3 convolution (v1.5).
func readResNet(m *perf.Model, k *keys) {
	m.Kind = "cnn"
	stem := k.need("embedding_size")
	widths, depths := k.ints("hidden_sizes"), k.ints("depths")
	m.ImageSize = k.size("image_size", 224)
	classes := labels(k)
	bottleneck := k.text("layer_type") != "basic"
	if k.err == nil && len(widths) != len(depths) {
		k.fail(perf.Invalid("config.depths", "%d stages, but hidden_sizes has %d", len(depths), len(widths)))
	}
	if !sane(m, k) {
		return
	}
	c := &convolutions{side: float64(m.ImageSize)}
	c.add(7, 3, stem, 1, 2)
	c.side = math.Ceil(c.side / 2)
	in := stem
	for i, out := range widths {
		stride := 2
		if i == 0 && !k.flag("downsample_in_first_stage", false) {
			stride = 1
		}
		for range min(depths[i], 1000) {
			before := c.side
			if bottleneck {
				inner := max(1, out/4)
				c.add(1, in, inner, 1, 1)
				c.add(3, inner, inner, 1, stride)
				c.add(1, inner, out, 1, 1)
			} else {
				c.add(3, in, out, 1, stride)
				c.add(3, out, out, 1, 1)
			}
			if in != out || stride > 1 {
				after := c.side
				c.side = before
				c.add(1, in, out, 1, stride)
				c.side = after
			}
			in, stride = out, 1
		}
	}
	finish(m, k, c, in, classes)
}

// readConvNeXt reads ConvNeXts: 7x7 depthwise convolutions and two pointwise
// ones with a width of four between.
func readConvNeXt(m *perf.Model, k *keys) {
	m.Kind = "cnn"
	widths, depths := k.ints("hidden_sizes"), k.ints("depths")
	patch := k.size("patch_size", 4)
	m.ImageSize = k.size("image_size", 224)
	classes := labels(k)
	if k.err == nil && len(widths) != len(depths) {
		k.fail(perf.Invalid("config.depths", "%d stages, but hidden_sizes has %d", len(depths), len(widths)))
	}
	if !sane(m, k) || patch < 1 || patch > m.ImageSize {
		k.fail(perf.Invalid("config.patch_size", "is outside 1 to the image size"))
		return
	}
	c := &convolutions{side: float64(m.ImageSize)}
	in := 3
	for i, out := range widths {
		if i == 0 {
			c.add(patch, in, out, 1, patch)
		} else {
			c.add(2, in, out, 1, 2)
		}
		for range min(depths[i], 1000) {
			c.add(7, out, out, out, 1)
			c.add(1, out, 4*out, 1, 1)
			c.add(1, 4*out, out, 1, 1)
		}
		in = out
	}
	finish(m, k, c, in, classes)
}

func finish(m *perf.Model, k *keys, c *convolutions, in, classes int) {
	head := float64(in) * float64(classes)
	m.Params = c.params + head
	m.MACs = c.macs + head
	m.Activations = c.activations + float64(classes)
	bounded(m, k)
}

// bounded refuses sums that passed all bounds.
func bounded(m *perf.Model, k *keys) {
	if err := CheckModel(*m); err != nil {
		k.fail(err)
	}
}

// readDual reads a pair of encoders for images and texts (CLIP, SigLIP). A
// sample is one image and one text at full length.
func readDual(m *perf.Model, k *keys) {
	m.Kind = "dual-encoder"
	vision, vok := k.inner("vision_config")
	text, tok := k.inner("text_config")
	if !vok || !tok {
		k.fail(perf.Invalid("config.vision_config", "vision_config and text_config are needed"))
		return
	}
	defaults(vision, map[string]float64{"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "image_size": 224, "patch_size": 32, "num_labels": 0})
	defaults(text, map[string]float64{"hidden_size": 512, "num_hidden_layers": 12, "num_attention_heads": 8, "intermediate_size": 2048, "vocab_size": 49408, "max_position_embeddings": 77})
	v := perf.Model{Name: m.Name}
	vision.values["architectures"] = []any{"Model"}
	readViT(&v, vision)
	t := perf.Model{Name: m.Name, Architecture: "clip_text_model"}
	readDimensions(&t, text, "encoder")
	for _, err := range []error{vision.err, text.err} {
		if err != nil {
			k.fail(err)
			return
		}
	}
	tokens := float64(max(1, t.MaxPosition))
	h := float64(t.Hidden)
	m.ImageSize, m.Patch = v.ImageSize, v.Patch
	m.Params = v.Params + t.Params
	m.MACs = v.MACs + float64(t.Layers)*tokens*(4*h*h+2*h*float64(t.Intermediate)+2*tokens*h)
	m.Activations = v.Activations + float64(t.Layers)*tokens*(5*h+float64(t.Intermediate)+float64(t.Heads)*tokens)
	bounded(m, k)
}

// defaults fills what a configuration leaves out because its class has it.
func defaults(k *keys, values map[string]float64) {
	filled := make(map[string]any, len(k.values)+len(values))
	for n, v := range values {
		filled[n] = v
	}
	for n, v := range k.values {
		filled[n] = v
	}
	k.values = filled
}
