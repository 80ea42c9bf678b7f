package catalog

import (
	"strings"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// configs are the dimensions of well-known models as their config.json spells
// them, with the published parameter counts (and active ones, multiply-
// accumulates) in units of 1.
var configs = []struct {
	name, json, family, kind string
	params, active, macs     float64
}{
	{name: "bert-base-uncased", family: "embedding", kind: "encoder", params: 109.48e6,
		json: `{"architectures":["BertForMaskedLM"],"model_type":"bert","hidden_size":768,"num_hidden_layers":12,"num_attention_heads":12,"intermediate_size":3072,"max_position_embeddings":512,"vocab_size":30522,"hidden_act":"gelu"}`},
	{name: "roberta-base", family: "embedding", kind: "encoder", params: 124.65e6,
		json: `{"architectures":["RobertaForMaskedLM"],"model_type":"roberta","hidden_size":768,"num_hidden_layers":12,"num_attention_heads":12,"intermediate_size":3072,"max_position_embeddings":514,"vocab_size":50265}`},
	{name: "distilbert-base-uncased", family: "embedding", kind: "encoder", params: 66.36e6,
		json: `{"architectures":["DistilBertForMaskedLM"],"model_type":"distilbert","dim":768,"hidden_dim":3072,"n_heads":12,"n_layers":6,"max_position_embeddings":512,"vocab_size":30522}`},
	{name: "albert-base-v2", family: "embedding", kind: "encoder", params: 11.68e6,
		json: `{"architectures":["AlbertForMaskedLM"],"model_type":"albert","embedding_size":128,"hidden_size":768,"intermediate_size":3072,"num_attention_heads":12,"num_hidden_layers":12,"max_position_embeddings":512,"vocab_size":30000}`},
	{name: "gpt2", family: "text_generation", kind: "decoder", params: 124.44e6,
		json: `{"architectures":["GPT2LMHeadModel"],"model_type":"gpt2","n_ctx":1024,"n_embd":768,"n_head":12,"n_layer":12,"n_positions":1024,"vocab_size":50257,"n_inner":null}`},
	{name: "facebook/opt-125m", family: "text_generation", kind: "decoder", params: 125.24e6,
		json: `{"architectures":["OPTForCausalLM"],"model_type":"opt","ffn_dim":3072,"hidden_size":768,"max_position_embeddings":2048,"num_attention_heads":12,"num_hidden_layers":12,"vocab_size":50272,"word_embed_proj_dim":768}`},
	{name: "bigscience/bloom-560m", family: "text_generation", kind: "decoder", params: 559.2e6,
		json: `{"architectures":["BloomForCausalLM"],"model_type":"bloom","n_embed":1024,"n_layer":24,"num_attention_heads":16,"vocab_size":250880,"seq_length":2048}`},
	{name: "EleutherAI/gpt-neox-20b", family: "text_generation", kind: "decoder", params: 20.55e9,
		json: `{"architectures":["GPTNeoXForCausalLM"],"model_type":"gpt_neox","hidden_size":6144,"intermediate_size":24576,"max_position_embeddings":2048,"num_attention_heads":64,"num_hidden_layers":44,"tie_word_embeddings":false,"vocab_size":50432}`},
	{name: "meta-llama/Llama-3.1-8B", family: "text_generation", kind: "decoder", params: 8.030e9,
		json: `{"architectures":["LlamaForCausalLM"],"model_type":"llama","hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":131072,"num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"tie_word_embeddings":false,"vocab_size":128256}`},
	{name: "mistralai/Mixtral-8x7B-v0.1", family: "text_generation", kind: "decoder", params: 46.70e9, active: 12.88e9,
		json: `{"architectures":["MixtralForCausalLM"],"model_type":"mixtral","hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":32768,"num_attention_heads":32,"num_experts_per_tok":2,"num_hidden_layers":32,"num_key_value_heads":8,"num_local_experts":8,"vocab_size":32000}`},
	{name: "Qwen/Qwen2.5-7B", family: "text_generation", kind: "decoder", params: 7.616e9,
		json: `{"architectures":["Qwen2ForCausalLM"],"model_type":"qwen2","hidden_act":"silu","hidden_size":3584,"intermediate_size":18944,"max_position_embeddings":131072,"num_attention_heads":28,"num_hidden_layers":28,"num_key_value_heads":4,"tie_word_embeddings":false,"vocab_size":152064}`},
	{name: "Qwen/Qwen3-30B-A3B", family: "text_generation", kind: "decoder", params: 30.53e9, active: 3.35e9,
		json: `{"architectures":["Qwen3MoeForCausalLM"],"model_type":"qwen3_moe","decoder_sparse_step":1,"head_dim":128,"hidden_act":"silu","hidden_size":2048,"intermediate_size":6144,"moe_intermediate_size":768,"num_attention_heads":32,"num_experts":128,"num_experts_per_tok":8,"num_hidden_layers":48,"num_key_value_heads":4,"tie_word_embeddings":false,"vocab_size":151936,"max_position_embeddings":40960}`},
	{name: "google/gemma-2-9b", family: "text_generation", kind: "decoder", params: 9.242e9,
		json: `{"architectures":["Gemma2ForCausalLM"],"model_type":"gemma2","head_dim":256,"hidden_act":"gelu_pytorch_tanh","hidden_size":3584,"intermediate_size":14336,"num_attention_heads":16,"num_hidden_layers":42,"num_key_value_heads":8,"sliding_window":4096,"vocab_size":256000,"max_position_embeddings":8192}`},
	{name: "microsoft/phi-2", family: "text_generation", kind: "decoder", params: 2.780e9,
		json: `{"architectures":["PhiForCausalLM"],"model_type":"phi","hidden_act":"gelu_new","hidden_size":2560,"intermediate_size":10240,"num_attention_heads":32,"num_hidden_layers":32,"tie_word_embeddings":false,"vocab_size":51200,"max_position_embeddings":2048}`},
	{name: "tiiuae/falcon-7b", family: "text_generation", kind: "decoder", params: 6.92e9,
		json: `{"architectures":["FalconForCausalLM"],"model_type":"falcon","hidden_size":4544,"multi_query":true,"new_decoder_architecture":false,"num_attention_heads":71,"num_hidden_layers":32,"num_kv_heads":71,"vocab_size":65024}`},
	{name: "deepseek-ai/DeepSeek-V3", family: "text_generation", kind: "decoder", params: 671.03e9, active: 37.55e9,
		json: `{"architectures":["DeepseekV3ForCausalLM"],"model_type":"deepseek_v3","first_k_dense_replace":3,"hidden_act":"silu","hidden_size":7168,"intermediate_size":18432,"kv_lora_rank":512,"max_position_embeddings":163840,"moe_intermediate_size":2048,"moe_layer_freq":1,"n_routed_experts":256,"n_shared_experts":1,"num_attention_heads":128,"num_experts_per_tok":8,"num_hidden_layers":61,"num_key_value_heads":128,"q_lora_rank":1536,"qk_nope_head_dim":128,"qk_rope_head_dim":64,"tie_word_embeddings":false,"v_head_dim":128,"vocab_size":129280}`},
	{name: "openai/gpt-oss-20b", family: "text_generation", kind: "decoder", params: 20.91e9, active: 4.19e9, // published 3.61 leaves the embedding out
		json: `{"architectures":["GptOssForCausalLM"],"model_type":"gpt_oss","head_dim":64,"hidden_act":"silu","hidden_size":2880,"intermediate_size":2880,"num_attention_heads":64,"num_experts_per_tok":4,"num_hidden_layers":24,"num_key_value_heads":8,"num_local_experts":32,"sliding_window":128,"tie_word_embeddings":false,"vocab_size":201088,"max_position_embeddings":131072,"layer_types":["sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention"]}`},
	{name: "databricks/dbrx-instruct", family: "text_generation", kind: "decoder", params: 131.6e9, active: 36.5e9,
		json: `{"architectures":["DbrxForCausalLM"],"model_type":"dbrx","attn_config":{"clip_qkv":8,"kv_n_heads":8,"rope_theta":500000},"d_model":6144,"ffn_config":{"ffn_hidden_size":10752,"moe_num_experts":16,"moe_top_k":4},"max_seq_len":32768,"n_heads":48,"n_layers":40,"vocab_size":100352}`},
	{name: "state-spaces/mamba-130m-hf", family: "text_generation", kind: "decoder", params: 129.1e6,
		json: `{"architectures":["MambaForCausalLM"],"model_type":"mamba","expand":2,"hidden_size":768,"intermediate_size":1536,"n_layer":24,"num_hidden_layers":24,"state_size":16,"time_step_rank":48,"vocab_size":50280}`},
	{name: "google-t5/t5-small", family: "text_generation", kind: "encoder-decoder", params: 60.51e6,
		json: `{"architectures":["T5ForConditionalGeneration"],"model_type":"t5","is_encoder_decoder":true,"d_ff":2048,"d_kv":64,"d_model":512,"num_heads":8,"num_layers":6,"n_positions":512,"vocab_size":32128}`},
	{name: "google/flan-t5-base", family: "text_generation", kind: "encoder-decoder", params: 247.6e6,
		json: `{"architectures":["T5ForConditionalGeneration"],"model_type":"t5","is_encoder_decoder":true,"d_ff":2048,"d_kv":64,"d_model":768,"feed_forward_proj":"gated-gelu","num_decoder_layers":12,"num_heads":12,"num_layers":12,"tie_word_embeddings":false,"vocab_size":32128}`},
	{name: "facebook/bart-base", family: "text_generation", kind: "encoder-decoder", params: 139.42e6,
		json: `{"architectures":["BartModel"],"model_type":"bart","is_encoder_decoder":true,"d_model":768,"decoder_attention_heads":12,"decoder_ffn_dim":3072,"decoder_layers":6,"encoder_attention_heads":12,"encoder_ffn_dim":3072,"encoder_layers":6,"max_position_embeddings":1024,"vocab_size":50265,"num_hidden_layers":6}`},
	{name: "openai/whisper-small", family: "audio", kind: "encoder-decoder", params: 241.73e6,
		json: `{"architectures":["WhisperForConditionalGeneration"],"model_type":"whisper","is_encoder_decoder":true,"d_model":768,"decoder_attention_heads":12,"decoder_ffn_dim":3072,"decoder_layers":12,"encoder_attention_heads":12,"encoder_ffn_dim":3072,"encoder_layers":12,"max_source_positions":1500,"max_target_positions":448,"num_hidden_layers":12,"vocab_size":51865}`},
	{name: "facebook/wav2vec2-base-960h", family: "audio", kind: "encoder", params: 94.4e6,
		json: `{"architectures":["Wav2Vec2ForCTC"],"model_type":"wav2vec2","hidden_size":768,"intermediate_size":3072,"num_attention_heads":12,"num_hidden_layers":12,"vocab_size":32}`},
	{name: "google/vit-base-patch16-224", family: "vision", kind: "vit", params: 86.57e6, macs: 17.58e9,
		json: `{"architectures":["ViTForImageClassification"],"model_type":"vit","hidden_size":768,"image_size":224,"intermediate_size":3072,"num_attention_heads":12,"num_channels":3,"num_hidden_layers":12,"patch_size":16}`},
	{name: "microsoft/swin-tiny-patch4-window7-224", family: "vision", kind: "swin", params: 28.29e6, macs: 4.51e9,
		json: `{"architectures":["SwinForImageClassification"],"model_type":"swin","depths":[2,2,6,2],"embed_dim":96,"image_size":224,"mlp_ratio":4.0,"num_heads":[3,6,12,24],"patch_size":4,"window_size":7}`},
	{name: "microsoft/resnet-50", family: "vision", kind: "cnn", params: 25.56e6, macs: 4.11e9,
		json: `{"architectures":["ResNetForImageClassification"],"model_type":"resnet","depths":[3,4,6,3],"embedding_size":64,"hidden_sizes":[256,512,1024,2048],"layer_type":"bottleneck"}`},
	{name: "microsoft/resnet-18", family: "vision", kind: "cnn", params: 11.69e6, macs: 1.82e9,
		json: `{"architectures":["ResNetForImageClassification"],"model_type":"resnet","depths":[2,2,2,2],"embedding_size":64,"hidden_sizes":[64,128,256,512],"layer_type":"basic"}`},
	{name: "facebook/convnext-tiny-224", family: "vision", kind: "cnn", params: 28.59e6, macs: 4.47e9,
		json: `{"architectures":["ConvNextForImageClassification"],"model_type":"convnext","depths":[3,3,9,3],"hidden_sizes":[96,192,384,768],"image_size":224,"patch_size":4}`},
	{name: "openai/clip-vit-base-patch32", family: "multimodal", kind: "dual-encoder", params: 151.28e6,
		json: `{"architectures":["CLIPModel"],"model_type":"clip","text_config":{"model_type":"clip_text_model","vocab_size":49408},"vision_config":{"model_type":"clip_vision_model","patch_size":32}}`},
	{name: "a language model of an unknown type", family: "text_generation", kind: "decoder", params: 6.738e9,
		json: `{"architectures":["FancyForCausalLM"],"model_type":"fancy","hidden_act":"silu","hidden_size":4096,"intermediate_size":11008,"num_attention_heads":32,"num_hidden_layers":32,"tie_word_embeddings":false,"vocab_size":32000}`},
	{name: "a multimodal one", family: "text_generation", kind: "decoder", params: 7.616e9,
		json: `{"architectures":["NewVLForConditionalGeneration"],"model_type":"newvl","text_config":{"model_type":"qwen2","hidden_act":"silu","hidden_size":3584,"intermediate_size":18944,"num_attention_heads":28,"num_hidden_layers":28,"num_key_value_heads":4,"tie_word_embeddings":false,"vocab_size":152064},"vision_config":{"hidden_size":1280}}`},
}

func TestParseConfig(t *testing.T) {
	for _, x := range configs {
		m, err := ParseConfig(x.name, []byte(x.json))
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		if m.Family != x.family || m.Kind != x.kind {
			t.Errorf("%s is a %s of family %s, want %s of %s", x.name, m.Kind, m.Family, x.kind, x.family)
		}
		near(t, x.name+": parameters", m.Params, x.params, 0.02)
		near(t, x.name+": active parameters", m.ActiveParams, x.active, 0.05)
		if x.macs > 0 {
			near(t, x.name+": multiply-accumulates", m.MACs, x.macs, 0.03)
		}
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if want == 0 && got == 0 {
		return
	}
	if r := got / want; !(r > 1-tolerance && r < 1+tolerance) {
		t.Errorf("%s: %.4g, want %.4g (%+.1f %%)", what, got, want, 100*(got/want-1))
	}
}

func TestParseConfigCache(t *testing.T) {
	for _, x := range configs {
		m, err := ParseConfig(x.name, []byte(x.json))
		if err != nil {
			continue
		}
		switch x.name {
		case "deepseek-ai/DeepSeek-V3":
			if m.LatentKV != 576 {
				t.Errorf("latent cache of %d elements", m.LatentKV)
			}
		case "openai/gpt-oss-20b":
			if m.Window != 128 || m.WindowLayers != 12 {
				t.Errorf("window %d in %d layers", m.Window, m.WindowLayers)
			}
		case "google/gemma-2-9b":
			if m.Window != 4096 || m.WindowLayers != 21 || m.HeadDim != 256 {
				t.Errorf("window %d in %d layers, heads of %d", m.Window, m.WindowLayers, m.HeadDim)
			}
		case "tiiuae/falcon-7b":
			if m.KVHeads != 1 {
				t.Errorf("%d key-value heads", m.KVHeads)
			}
		}
	}
}

func TestParseConfigErrors(t *testing.T) {
	for _, x := range []struct{ json, field string }{
		{``, "config"}, {`null`, "config"}, {`[]`, "config"}, {`{`, "config"},
		{`{}`, "config.hidden_size"},
		{`{"model_type":"bert","hidden_size":768}`, "config.num_hidden_layers"},
		{`{"model_type":"llama","hidden_size":-1,"num_hidden_layers":2,"num_attention_heads":2}`, "config.hidden_size"},
		{`{"model_type":"llama","hidden_size":1.5,"num_hidden_layers":2,"num_attention_heads":2}`, "config.hidden_size"},
		{`{"model_type":"llama","hidden_size":"768","num_hidden_layers":2,"num_attention_heads":2}`, "config.hidden_size"},
		{`{"model_type":"llama","hidden_size":768,"num_hidden_layers":1e9,"num_attention_heads":2}`, "layers"},
		{`{"model_type":"llama","hidden_size":768,"num_hidden_layers":1e300,"num_attention_heads":2}`, "config.num_hidden_layers"},
		{`{"model_type":"llama","hidden_size":768,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":4}`, "kv_heads"},
		{`{"model_type":"resnet","embedding_size":64,"hidden_sizes":[64],"depths":[1,2]}`, "config.depths"},
		{`{"model_type":"convnext","hidden_sizes":"wide","depths":[1]}`, "config.hidden_sizes"},
		{`{"model_type":"clip"}`, "config.vision_config"},
	} {
		_, err := ParseConfig("m", []byte(x.json))
		if err == nil || perf.AsError(err).Field != x.field {
			t.Errorf("%s: %v, want a fault in %s", x.json, err, x.field)
		}
	}
	if _, err := ParseConfig("", []byte(configs[0].json)); perf.AsError(err).Field != "model_name" {
		t.Errorf("no name: %v", err)
	}
	if _, err := ParseConfig("m", []byte(strings.Repeat(" ", maxConfig+1))); perf.AsError(err).Code != perf.CodeTooLarge {
		t.Errorf("too large: %v", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, x := range configs {
		f.Add([]byte(x.json))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseConfig("fuzzed", data)
		if err != nil {
			if e := perf.AsError(err); e.Code == perf.CodeInternal || e.Message == "" {
				t.Errorf("%s: an error that says nothing: %v", data, err)
			}
			return
		}
		if err := CheckModel(m); err != nil {
			t.Errorf("%s: accepted an impossible model: %v", data, err)
		}
		if !m.Sized() || m.Family == "" {
			t.Errorf("%s: accepted a model of no size or family", data)
		}
	})
}
