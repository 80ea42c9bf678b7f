package catalog

import (
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// readTransformer reads language and speech transformers. A multimodal model
// is read as its language part, which is where nearly all of its time goes;
// the notes say so.
func readTransformer(m *perf.Model, k *keys) {
	for _, name := range []string{"text_config", "llm_config", "language_config"} {
		text, ok := k.inner(name)
		if _, layers := k.find(layerKeys); ok && layers == nil {
			if t := text.text("model_type"); t != "" {
				m.Architecture = t
			}
			m.Notes = "the language part of a multimodal model"
			readDimensions(m, text, kindOf(k, m.Architecture))
			k.fail(text.err)
			return
		}
	}
	readDimensions(m, k, kindOf(k, m.Architecture))
}

var layerKeys = []string{"num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"}

// block is what counting a transformer's parameters needs beyond perf.Model.
type block struct {
	*perf.Model
	tied      bool
	embedding int // width of the token embedding, where it is not Hidden

	mla                             bool // latent attention with these ranks and head parts
	qRank, kvRank, rope, nope, vDim int

	sharedFF    int // width of the experts that every token passes, together
	moeLayers   int // layers with experts
	sharedLayer bool
	bias        bool
	positions   int // rows of a learned position table
}

func readDimensions(m *perf.Model, k *keys, kind string) {
	m.Kind = kind
	a := m.Architecture
	m.Hidden = k.need("hidden_size", "n_embd", "d_model", "dim", "hidden_dim", "n_embed")
	if a == "distilbert" { // its hidden_dim is the feed-forward width
		m.Hidden = k.need("dim", "hidden_size")
	}
	m.Layers = k.need(layerKeys...)
	m.Heads = k.need("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")
	m.Intermediate = k.optional("intermediate_size", "n_inner", "d_ff", "ffn_dim", "encoder_ffn_dim", "d_inner", "ffn_hidden_size", "ff_dim")
	if a == "distilbert" {
		m.Intermediate = k.optional("hidden_dim", "intermediate_size")
	}
	if m.Intermediate == 0 {
		m.Intermediate = max(1, k.optional("expansion_ratio", "mlp_ratio")) * m.Hidden
		if _, v := k.find([]string{"expansion_ratio", "mlp_ratio"}); v == nil {
			m.Intermediate = 4 * m.Hidden // what GPT-2, BLOOM and Falcon leave out
		}
	}
	if kind == "encoder-decoder" {
		m.DecoderLayers = k.optional("decoder_layers", "num_decoder_layers")
		if m.DecoderLayers == 0 {
			m.DecoderLayers = m.Layers
		}
	}
	m.KVHeads = k.optional("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num", "n_kv_heads")
	if m.KVHeads == 0 || a == "falcon" && !k.flag("new_decoder_architecture", false) {
		m.KVHeads = m.Heads
		if k.flag("multi_query", false) {
			m.KVHeads = 1
		}
	}
	m.HeadDim = k.optional("head_dim", "d_kv", "kv_channels", "attention_head_dim")
	m.Vocab = k.optional("vocab_size", "padded_vocab_size", "n_vocab")
	m.MaxPosition = k.optional("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "seq_length", "max_source_positions", "max_sequence_length")
	act := k.text("hidden_act") + k.text("feed_forward_proj") + k.text("activation_function")
	m.GatedMLP = slices.Contains(gatedTypes, a) || strings.Contains(act, "gated") || strings.Contains(act, "glu") ||
		act == "silu" && !slices.Contains(encoders, a)
	b := block{Model: m, bias: !m.GatedMLP && a != "t5"}
	b.tied = k.flag("tie_word_embeddings", !slices.Contains(untiedTypes, a))
	b.embedding = k.optional("embedding_size", "word_embed_proj_dim")
	b.sharedLayer = a == "albert"
	if slices.Contains(learnedPositions, a) {
		b.positions = m.MaxPosition
	}
	b.experts(k)
	b.latent(k)
	b.windows(k)
	if k.err != nil {
		return
	}
	if err := CheckModel(*m); err != nil { // before multiplying: nothing may overflow
		k.fail(err)
		return
	}
	m.Params, m.ActiveParams = b.count()
}

// experts reads the mixture of experts, which each design spells its own way.
func (b *block) experts(k *keys) {
	b.Experts = k.optional("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
	if b.Experts <= 1 {
		b.Experts = 0
		return
	}
	b.ExpertsPerToken = k.optional("num_experts_per_tok", "experts_per_token", "num_experts_per_token", "moe_top_k", "top_k")
	if b.ExpertsPerToken == 0 {
		b.ExpertsPerToken = 1
	}
	b.ExpertIntermediate = k.optional("moe_intermediate_size", "expert_ffn_hidden_size")
	if b.ExpertIntermediate == 0 {
		b.ExpertIntermediate = b.Intermediate
		if dense := k.optional("intermediate_size_mlp"); dense > 0 {
			b.Intermediate = dense // Llama 4
		}
	}
	b.sharedFF = k.optional("shared_expert_intermediate_size", "shared_intermediate_size")
	if b.sharedFF == 0 {
		b.sharedFF = k.optional("n_shared_experts", "num_shared_experts") * b.ExpertIntermediate
	}
	if b.sharedFF == 0 && strings.HasPrefix(b.Architecture, "llama4") {
		b.sharedFF = b.ExpertIntermediate
	}
	b.moeLayers = b.Layers - min(b.Layers, k.optional("first_k_dense_replace", "moe_layer_start_index"))
	if every := k.optional("interleave_moe_layer_step", "decoder_sparse_step", "moe_layer_freq"); every > 1 {
		b.moeLayers /= every
	}
}

// latent reads multi-head latent attention (DeepSeek V2 and later).
func (b *block) latent(k *keys) {
	b.kvRank = k.optional("kv_lora_rank")
	if b.kvRank == 0 {
		return
	}
	b.mla = true
	b.qRank = k.optional("q_lora_rank")
	b.rope = k.optional("qk_rope_head_dim")
	b.nope = k.optional("qk_nope_head_dim")
	b.vDim = k.optional("v_head_dim")
	b.LatentKV = b.kvRank + b.rope
	b.HeadDim = b.nope + b.rope
}

// windows reads layers that do not look back on the whole context.
func (b *block) windows(k *keys) {
	types, _ := k.values["layer_types"].([]any)
	var sliding, linear int
	for _, t := range types {
		switch s, _ := t.(string); {
		case strings.HasPrefix(s, "sliding") || strings.HasPrefix(s, "chunked"):
			sliding++
		case strings.HasPrefix(s, "linear"):
			linear++
		}
	}
	w := k.optional("sliding_window", "attention_chunk_size")
	switch {
	case w > 0 && sliding > 0:
		b.Window, b.WindowLayers = w, min(sliding, b.Layers)
	case w > 0 && b.Architecture == "gemma2":
		b.Window, b.WindowLayers = w, b.Layers/2
	case w > 0 && k.optional("sliding_window_pattern") > 0:
		b.Window, b.WindowLayers = w, b.Layers-b.Layers/k.optional("sliding_window_pattern")
	case w > 0 && b.Architecture == "mistral":
		b.Window, b.WindowLayers = w, b.Layers
	}
	every := k.optional("full_attention_interval")
	if linear == 0 && every > 1 {
		linear = b.Layers - b.Layers/every
	}
	if linear > 0 && linear < b.Layers {
		b.CacheLayers = b.Layers - linear
	}
}

// count adds up the parameters, all of them and those that one token passes.
func (b *block) count() (params, active float64) {
	h := float64(b.Hidden)
	dim := b.HeadDim
	if dim == 0 {
		dim = b.Hidden / max(1, b.Heads)
	}
	inner := float64(b.Heads * dim)
	attention := 2*h*inner + 2*h*float64(b.KVHeads*dim)
	if b.mla {
		q := h * inner
		if b.qRank > 0 {
			q = float64(b.qRank) * (h + inner)
		}
		attention = q + h*float64(b.kvRank+b.rope) + float64(b.kvRank*b.Heads*(b.nope+b.vDim)) + float64(b.Heads*b.vDim)*h
	}
	matrices := 2.0
	if b.GatedMLP {
		matrices = 3
	}
	dense := matrices * h * float64(b.Intermediate)
	norms := 2 * h
	if b.bias {
		norms += 2*h + 2*inner + 2*float64(b.KVHeads*dim) + float64(b.Intermediate) // biases and the norms' shifts
	}
	layer := attention + dense + norms
	layers := float64(b.Layers)
	if b.sharedLayer {
		layers = 1
	}
	params = layers * layer
	if b.DecoderLayers > 0 {
		params += float64(b.DecoderLayers) * (layer + attention + h)
	}
	if b.Experts > 0 {
		one := matrices * h * float64(b.ExpertIntermediate)
		router, shared := h*float64(b.Experts), matrices*h*float64(b.sharedFF)
		moe := float64(b.moeLayers)
		params += moe * (float64(b.Experts)*one + router + shared - dense)
		active = params - moe*float64(b.Experts-b.ExpertsPerToken)*one
	}
	table := float64(b.Vocab)
	if b.embedding > 0 && b.embedding != b.Hidden {
		table *= float64(b.embedding)
		params += 2 * float64(b.embedding) * h
	} else {
		table *= h
	}
	tables := table + float64(b.positions)*h
	if !b.tied && (b.Kind == "decoder" || b.Kind == "encoder-decoder") {
		tables += table
	}
	params += tables
	if active > 0 {
		active += tables
	}
	if slices.Contains(audio, b.Architecture) && b.Kind == "encoder" {
		params += 4.2e6 + 512*h + 8*h*h // seven convolutions of 512, the projection, the position convolution of 128 in 16 groups
	}
	return params, active
}

// readDBRX reads Databricks' nested spelling.
func readDBRX(m *perf.Model, k *keys) {
	flat := map[string]any{}
	for n, v := range k.values {
		flat[n] = v
	}
	if attention, ok := k.inner("attn_config"); ok {
		flat["num_key_value_heads"] = attention.values["kv_n_heads"]
	}
	if ff, ok := k.inner("ffn_config"); ok {
		flat["moe_intermediate_size"] = ff.values["ffn_hidden_size"]
		flat["intermediate_size"] = ff.values["ffn_hidden_size"]
		flat["num_experts"] = ff.values["moe_num_experts"]
		flat["num_experts_per_tok"] = ff.values["moe_top_k"]
	}
	flat["tie_word_embeddings"] = false
	n := &keys{values: flat}
	readDimensions(m, n, "decoder")
	if n.err != nil {
		k.fail(n.err)
	}
}

// readMamba reads state-space models: no attention, no cache that grows.
func readMamba(m *perf.Model, k *keys) {
	m.Kind = "decoder"
	m.Hidden = k.need("hidden_size", "d_model")
	m.Layers = k.need("num_hidden_layers", "n_layer")
	m.Vocab = k.optional("vocab_size")
	inner := k.optional("intermediate_size", "d_inner")
	if inner == 0 {
		inner = max(1, k.optional("expand")) * m.Hidden
	}
	m.Intermediate = inner
	state, rank := k.optional("state_size", "d_state"), k.optional("time_step_rank")
	if state == 0 {
		state = 16
	}
	if rank == 0 {
		rank = (m.Hidden + 15) / 16
	}
	if k.err != nil {
		return
	}
	if err := CheckModel(*m); err != nil {
		k.fail(err)
		return
	}
	h, d := float64(m.Hidden), float64(inner)
	m.Params = float64(m.Layers)*(3*h*d+d*float64(rank+2*state)+float64(rank)*d+d*float64(state)+6*d+h) + h*float64(m.Vocab)
}
