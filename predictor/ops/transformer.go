package ops

import "github.com/perfcast/perfcast/perf"

// builder lists one stack of transformer layers.
type builder struct {
	list    []Op
	m       *perf.Model
	s       Step
	width   Width
	tp      int
	rows    int // tokens in the step: batch x new tokens
	context int // tokens attended to by each new one, the new ones included
	layers  float64
}

func appendTransformer(list []Op, w perf.Workload, s Step) []Op {
	m := w.Facts
	b := builder{list: list, m: m, s: s, width: WidthsOf(w.Facts, w.Precision), tp: max(1, w.TensorParallel)}
	b.layers, b.rows, b.context = float64(m.Layers), s.Batch*s.Tokens, s.Context+s.Tokens
	two := m.Kind == "encoder-decoder" || m.Kind == "vision-encoder-decoder"
	switch {
	case two && s.Context > 0: // a decode step runs the decoder alone, attending to the encoder's output
		b.layers = float64(decoderLayers(m))
		b.embed()
		b.layer()
		b.cross(Tokens(w))
	case two && !s.LastOnly && m.Text(): // a plain pass feeds the decoder as many tokens as the encoder
		b.embed()
		b.layer()
		b.layers = float64(decoderLayers(m))
		b.embed()
		b.layer()
		b.cross(s.Tokens)
	case two: // the encoder, then the decoder's first token
		b.layer()
		b.layers, b.rows, b.context = float64(decoderLayers(m)), s.Batch, 1
		b.s.Tokens = 1
		b.embed()
		b.layer()
		b.cross(s.Tokens)
	default:
		b.embed()
		b.layer()
	}
	b.head()
	return b.list
}

func decoderLayers(m *perf.Model) int {
	if m.DecoderLayers > 0 {
		return m.DecoderLayers
	}
	return m.Layers
}

// Heads are the attention dimensions with what the facts leave out filled in:
// a head of 64, as many key as query heads.
func Heads(m *perf.Model) (heads, kv, dim int) {
	heads, kv, dim = m.Heads, m.KVHeads, m.HeadDim
	if heads == 0 {
		heads = max(1, m.Hidden/64)
	}
	if kv == 0 {
		kv = heads
	}
	if dim == 0 {
		dim = max(1, m.Hidden/heads)
	}
	return heads, kv, dim
}

// Intermediate is the width of the feed-forward block: four times the hidden
// one where the facts leave it out.
func Intermediate(m *perf.Model) int {
	if m.Intermediate > 0 {
		return m.Intermediate
	}
	return 4 * m.Hidden
}

// CachePerToken is how many elements one token keeps in the key-value cache,
// over all layers and all devices. Multi-head latent attention stores one
// compressed row of 512 and a rotary part of 64 (DeepSeek-V2, section 2.1).
func CachePerToken(m *perf.Model) float64 {
	layers := m.Layers
	if m.Kind == "encoder-decoder" {
		layers = 2 * decoderLayers(m) // self and cross attention
	}
	if Latent(m) {
		return 576 * float64(layers)
	}
	_, kv, dim := Heads(m)
	return 2 * float64(kv*dim*layers)
}

// Latent reports whether the model uses multi-head latent attention.
func Latent(m *perf.Model) bool {
	switch m.Architecture {
	case "deepseek-v2", "deepseek-v3", "deepseek_v2", "deepseek_v3", "deepseek-r1", "kimi-k2":
		return true
	}
	return false
}

func (b *builder) add(o Op) { b.list = append(b.list, o) }

// share divides a dimension among the tensor-parallel devices.
func (b *builder) share(n int) int { return max(1, n/b.tp) }

func (b *builder) matmul(name string, m, n, k int, count float64) {
	M, N, K := float64(m), float64(n), float64(k)
	w := N * K * b.width.Weight
	b.add(Op{Class: Matmul, Name: name, B: 1, M: m, N: n, K: k, FLOPs: 2 * M * N * K,
		Bytes: w + (M*K+M*N)*b.width.Activation, WeightBytes: w, Count: count, Launches: 1})
}

func (b *builder) elementwise(name, kind string, m, n, reads int, count float64) {
	e := float64(m) * float64(n)
	b.add(Op{Class: Elementwise, Name: name, Kind: kind, B: 1, M: m, N: n, FLOPs: e,
		Bytes: e * float64(reads+1) * b.width.Activation, Count: count, Launches: 1})
}

func (b *builder) norm(name string, count float64) {
	e := float64(b.rows) * float64(b.m.Hidden)
	kind := "layer"
	if b.m.GatedMLP {
		kind = "rms"
	}
	b.add(Op{Class: Norm, Name: name, Kind: kind, B: 1, M: b.rows, N: b.m.Hidden, FLOPs: 5 * e,
		Bytes: 2 * e * b.width.Activation, Count: count, Launches: 1})
}

func (b *builder) embed() {
	e := float64(b.rows) * float64(b.m.Hidden) * b.width.Activation
	b.add(Op{Class: Embedding, Name: "embedding", B: 1, M: b.rows, N: b.m.Hidden, Bytes: 2 * e, Count: 1, Launches: 3})
}

// layer lists self attention and the feed-forward block, each executed once a
// layer.
func (b *builder) layer() {
	m, h := b.m, b.m.Hidden
	heads, kv, dim := Heads(m)
	b.norm("norm", 2*b.layers)
	b.matmul("qkv", b.rows, b.share((heads+2*kv)*dim), h, b.layers)
	if m.GatedMLP {
		b.elementwise("rope", "mul", b.rows, b.share((heads+kv)*dim), 2, b.layers)
	}
	if m.Generates() && !b.s.Train {
		e := float64(b.rows) * CachePerToken(m) / float64(max(1, m.Layers)) / float64(min(b.tp, kv)) * b.width.Cache
		b.add(Op{Class: CacheWrite, Name: "cache", B: 1, M: b.rows, N: 2 * kv * dim, Bytes: 2 * e, Count: b.layers, Launches: 1})
	}
	b.attend("attention", b.context, m.Kind == "decoder" && b.s.Tokens > 1)
	b.matmul("attention_out", b.rows, h, b.share(heads*dim), b.layers)
	b.allReduce("attention_out")
	b.elementwise("residual", "add", b.rows, h, 2, 2*b.layers)
	if m.Experts > 1 {
		b.experts()
	} else {
		b.mlp("mlp", b.rows, b.share(Intermediate(m)), b.layers)
	}
	b.allReduce("mlp")
}

// attend lists the attention of the step's tokens to context others. A causal
// pass over n tokens needs half the products, which only a fused kernel
// leaves out.
func (b *builder) attend(name string, context int, causal bool) {
	heads, kv, dim := Heads(b.m)
	heads, kv = b.share(heads), b.share(kv)
	groups := b.s.Batch * heads
	G, Q, C, D := float64(groups), float64(b.s.Tokens), float64(context), float64(dim)
	a := b.width.Activation
	if b.s.Fused {
		pairs := Q * C
		if causal {
			pairs = Q * (C - Q/2)
		}
		cache := float64(b.s.Batch) * C * 2 * float64(kv) * D * b.width.Cache
		if Latent(b.m) {
			cache = float64(b.s.Batch) * C * 576 * b.width.Cache
		}
		b.add(Op{Class: Attention, Name: name, B: groups, M: b.s.Tokens, N: context, K: dim, FLOPs: 4 * G * pairs * D,
			Bytes: 2*G*Q*D*a + cache, Count: b.layers, Launches: 1})
		return
	}
	b.add(Op{Class: BatchedMatmul, Name: name + "_scores", B: groups, M: b.s.Tokens, N: context, K: dim,
		FLOPs: 2 * G * Q * C * D, Bytes: G * (Q*D + C*D + Q*C) * a, Count: b.layers, Launches: 1})
	b.elementwise(name+"_scale", "div", groups*b.s.Tokens, context, 1, b.layers)
	b.elementwise(name+"_mask", "add", groups*b.s.Tokens, context, 1, b.layers)
	b.add(Op{Class: Softmax, Name: name + "_softmax", B: 1, M: groups * b.s.Tokens, N: context,
		FLOPs: 5 * G * Q * C, Bytes: 2 * G * Q * C * a, Count: b.layers, Launches: 1})
	b.add(Op{Class: BatchedMatmul, Name: name + "_values", B: groups, M: b.s.Tokens, N: dim, K: context,
		FLOPs: 2 * G * Q * C * D, Bytes: G * (Q*D + C*D + Q*C) * a, Count: b.layers, Launches: 1})
}

// cross lists the decoder's attention to an encoder's output of n tokens.
func (b *builder) cross(n int) {
	heads, _, dim := Heads(b.m)
	b.norm("cross_norm", b.layers)
	b.matmul("cross_q", b.rows, b.share(heads*dim), b.m.Hidden, b.layers)
	if b.s.Context == 0 { // keys and values of the encoder's output are made once
		b.matmul("cross_kv", b.s.Batch*n, b.share(2*heads*dim), b.m.Hidden, b.layers)
	}
	b.attend("cross", n, false)
	b.matmul("cross_out", b.rows, b.m.Hidden, b.share(heads*dim), b.layers)
	b.elementwise("cross_residual", "add", b.rows, b.m.Hidden, 2, b.layers)
}

func (b *builder) mlp(name string, rows, inter int, count float64) {
	h := b.m.Hidden
	up := inter
	if b.m.GatedMLP {
		up = 2 * inter
	}
	b.matmul(name+"_up", rows, up, h, count)
	kind, reads := "gelu", 1
	if b.m.GatedMLP {
		kind, reads = "mul", 2
	}
	b.elementwise(name+"_act", kind, rows, inter, reads, count)
	b.matmul(name+"_down", rows, h, inter, count)
}

// experts lists a mixture-of-experts block: the router, and the feed-forward
// blocks of the experts that are hit. With r tokens choosing k of E experts
// E (1 - (1 - k/E)^r) of them are, if the choice is even.
func (b *builder) experts() {
	m := b.m
	inter := m.ExpertIntermediate
	if inter == 0 {
		inter = Intermediate(m)
	}
	if Switch(m) {
		b.switched(inter)
		return
	}
	k := max(1, m.ExpertsPerToken)
	hit := Hit(m.Experts, k, b.rows)
	b.matmul("router", b.rows, m.Experts, m.Hidden, b.layers)
	mean := float64(b.rows*k) / hit // tokens of an expert that is hit
	each := max(1, int(mean+0.5))
	from := len(b.list)
	b.mlp("expert", each, b.share(inter), b.layers*hit)
	for i := range b.list[from:] { // shapes are whole numbers; the work is the mean's, or it would jump
		o := &b.list[from+i]
		o.FLOPs *= mean / float64(each)
		o.Bytes = o.WeightBytes + (o.Bytes-o.WeightBytes)*mean/float64(each)
	}
}

// Switch reports whether a model is a Switch Transformer, which routes in every
// second layer only, each token to one expert with room for so many.
func Switch(m *perf.Model) bool {
	return m.Architecture == "switch_transformers" && m.Experts > 1
}

// switchCapacity is how many tokens of a sequence one expert takes; what is
// over passes by (the default of Hugging Face's SwitchTransformersConfig).
const switchCapacity = 64

func (b *builder) switched(inter int) {
	half := b.layers / 2
	b.mlp("mlp", b.rows, b.share(Intermediate(b.m)), half)
	b.matmul("router", b.rows, b.m.Experts, b.m.Hidden, half)
	b.elementwise("dispatch", "copy", b.rows, b.m.Hidden, 1, half*float64(b.m.Experts))
	each := max(1, min(b.rows/b.m.Experts, b.s.Batch*switchCapacity))
	b.mlp("expert", each, b.share(inter), half*float64(b.m.Experts))
}

// Hit is how many of E experts are chosen by at least one of rows tokens that
// each choose k, evenly.
func Hit(E, k, rows int) float64 {
	miss, p := 1.0, 1-float64(k)/float64(E)
	for n, base := rows, p; n > 0; n >>= 1 {
		if n&1 == 1 {
			miss *= base
		}
		base *= base
	}
	return max(1, float64(E)*(1-miss))
}

// allReduce lists the sum over a tensor-parallel group after a row-parallel
// product.
func (b *builder) allReduce(name string) {
	if b.tp == 1 {
		return
	}
	bytes := float64(b.rows) * float64(b.m.Hidden) * max(2, b.width.Activation)
	b.add(Op{Class: AllReduce, Name: name, B: b.tp, M: b.rows, N: b.m.Hidden, Bytes: 2 * bytes,
		Wire: ring(b.tp, bytes), Count: b.layers, Launches: 1})
}

// head lists the last normalisation and the logits.
func (b *builder) head() {
	b.norm("final_norm", 1)
	if b.m.Vocab == 0 || b.m.Kind == "encoder" || b.m.Kind == "vit" {
		return
	}
	rows := b.rows
	if b.s.LastOnly {
		rows = b.s.Batch
	}
	b.matmul("logits", rows, b.share(b.m.Vocab), b.m.Hidden, 1)
}
