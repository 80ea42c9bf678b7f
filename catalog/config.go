package catalog

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// maxConfig is the longest config.json accepted, in bytes. The longest in the
// wild, with thousands of class labels, stay below half of it.
const maxConfig = 1 << 20

// ParseConfig reads the facts of a model from a Hugging Face config.json. The
// name may be empty when the file carries one. Parameters are computed from
// the dimensions. A model_type that is not known is read as a transformer when
// its dimensions are there. Errors are *perf.Error and name the missing or
// impossible key.
func ParseConfig(name string, data []byte) (perf.Model, error) {
	if len(data) > maxConfig {
		return perf.Model{}, &perf.Error{Code: perf.CodeTooLarge, Field: "config", Message: "a config.json is at most 1 MiB"}
	}
	var top map[string]any
	if err := json.Unmarshal(data, &top); err != nil || top == nil {
		return perf.Model{}, perf.Invalid("config", "is not a JSON object")
	}
	k := &keys{values: top}
	if name == "" {
		name = k.text("_name_or_path")
	}
	if err := checkName("model_name", name); err != nil {
		return perf.Model{}, err
	}
	m := perf.Model{Name: name, Architecture: k.text("model_type"), Source: "config.json", Custom: true}
	read := readTransformer
	if r, ok := readers[m.Architecture]; ok {
		read = r
	}
	read(&m, k)
	if k.err != nil {
		return perf.Model{}, k.err
	}
	m.Family = Family(m)
	if m.Stem = dimensionStem(&m); m.Stem == "" {
		m.Stem = nameStem(m.Name)
	}
	if err := CheckModel(m); err != nil {
		return perf.Model{}, err
	}
	if !m.Sized() {
		return perf.Model{}, perf.Invalid("config", "has no dimensions that say how large the model is")
	}
	return m, nil
}

// readers are the designs whose config.json is not that of a plain transformer.
var readers = map[string]func(*perf.Model, *keys){
	"resnet": readResNet, "convnext": readConvNeXt, "convnextv2": readConvNeXt,
	"swin": readSwin, "swinv2": readSwin,
	"vit": readViT, "deit": readViT, "beit": readViT, "dinov2": readViT, "vit_mae": readViT, "siglip_vision_model": readViT, "clip_vision_model": readViT,
	"clip": readDual, "siglip": readDual, "siglip2": readDual,
	"dbrx":  readDBRX,
	"mamba": readMamba, "falcon_mamba": readMamba, "mamba2": readMamba,
}

// keys reads a config.json by key, each with the spellings that different
// designs use. The first fault is kept.
type keys struct {
	values map[string]any
	path   string // of a nested object: "text_config."
	err    error
}

// fail keeps the first fault.
func (k *keys) fail(err error) {
	if k.err == nil {
		k.err = err
	}
}

// find is the first of the spellings that is there and not null.
func (k *keys) find(names []string) (string, any) {
	for _, n := range names {
		if v, ok := k.values[n]; ok && v != nil {
			return n, v
		}
	}
	return "", nil
}

// optional is an integer of at least 0, or 0 when no spelling is there.
func (k *keys) optional(names ...string) int {
	n, v := k.find(names)
	if n == "" {
		return 0
	}
	f, ok := v.(float64)
	if !ok || f != math.Trunc(f) || f < 0 || f > 1<<31 {
		k.fail(perf.Invalid("config."+k.path+n, "is not a whole number from 0 to 2147483648"))
		return 0
	}
	return int(f)
}

// need is an integer of at least 1, or a fault.
func (k *keys) need(names ...string) int {
	n, _ := k.find(names)
	if n == "" {
		or := ""
		if len(names) > 1 {
			or = " (or " + strings.Join(names[1:], ", ") + ")"
		}
		k.fail(perf.Invalid("config."+k.path+names[0], "is missing: the model's size cannot be told without %s%s", names[0], or))
		return 0
	}
	v := k.optional(n)
	if v == 0 {
		k.fail(perf.Invalid("config."+k.path+n, "must be at least 1"))
	}
	return v
}

// ints is a list of positive integers, or a fault.
func (k *keys) ints(name string) []int {
	list, ok := k.values[name].([]any)
	if !ok || len(list) == 0 || len(list) > 64 {
		k.fail(perf.Invalid("config."+k.path+name, "is missing: it lists a number for each stage"))
		return nil
	}
	out := make([]int, len(list))
	for i, v := range list {
		f, ok := v.(float64)
		if !ok || f != math.Trunc(f) || f < 1 || f > 1<<20 {
			k.fail(perf.Invalid("config."+k.path+name, "lists whole numbers from 1 to 1048576"))
			return nil
		}
		out[i] = int(f)
	}
	return out
}

func (k *keys) text(name string) string {
	s, _ := k.values[name].(string)
	if len(s) > maxName {
		return ""
	}
	return s
}

// flag is a boolean, or what it is by default.
func (k *keys) flag(name string, otherwise bool) bool {
	if b, ok := k.values[name].(bool); ok {
		return b
	}
	return otherwise
}

// size is an image size that may be a number or a pair.
func (k *keys) size(name string, otherwise int) int {
	if _, ok := k.values[name].([]any); ok {
		side := k.ints(name)
		if len(side) == 2 {
			return int(math.Round(math.Sqrt(float64(side[0]) * float64(side[1]))))
		}
		if len(side) > 0 {
			return side[0]
		}
		return otherwise
	}
	if n := k.optional(name); n > 0 {
		return n
	}
	return otherwise
}

// inner is a nested object, empty when it is not there.
func (k *keys) inner(name string) (*keys, bool) {
	v, ok := k.values[name].(map[string]any)
	return &keys{values: v, path: k.path + name + "."}, ok
}

// classes are the names in "architectures", joined: "BertForMaskedLM".
func (k *keys) classes() string {
	list, _ := k.values["architectures"].([]any)
	var names []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			names = append(names, s)
		}
	}
	return strings.Join(names, " ")
}

// Kinds by model_type, where "architectures" may be silent or misleading.
var (
	encoders = []string{"bert", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "deberta", "deberta-v2", "mpnet", "mobilebert",
		"camembert", "modernbert", "nomic_bert", "xlnet", "funnel", "layoutlmv3", "ernie", "esm", "wav2vec2", "hubert", "wavlm", "data2vec-audio"}
	audio = []string{"whisper", "wav2vec2", "hubert", "wavlm", "data2vec-audio", "speech_to_text", "seamless_m4t", "musicgen"}
	// gatedTypes have a three-matrix feed-forward block (SwiGLU or GeGLU).
	gatedTypes = []string{"llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "qwen3_next", "gemma", "gemma2", "gemma3", "gemma3_text",
		"phi3", "phimoe", "internlm", "internlm2", "stablelm", "cohere", "cohere2", "glm", "glm4", "glm4_moe", "chatglm", "granite", "deepseek_v2", "deepseek_v3",
		"gpt_oss", "minicpm", "minicpm3", "baichuan", "olmo", "olmo2", "exaone", "smollm3", "llama4_text", "nomic_bert", "modernbert", "aquila", "minimax_m2", "kimi_k2", "hunyuan_v1_moe", "dots1", "dbrx", "jamba", "grok-1", "arctic"}
	// untiedTypes keep their output matrix apart from the embedding unless the file says otherwise.
	untiedTypes = []string{"llama", "mistral", "mixtral", "gpt_neox", "gptj", "codegen", "phi", "phi3", "phimoe", "qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "internlm",
		"internlm2", "baichuan", "chatglm", "deepseek_v2", "deepseek_v3", "stablelm", "gpt_oss", "glm4_moe", "persimmon", "minicpm3", "llama4_text"}
	learnedPositions = []string{"bert", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "mpnet", "mobilebert", "camembert", "gpt2", "gpt_neo", "opt",
		"deberta", "bart", "mbart", "whisper", "gpt_bigcode", "clip_text_model"}
)

func kindOf(k *keys, architecture string) string {
	classes := k.classes()
	switch {
	case k.flag("is_encoder_decoder", false) || architecture == "t5" || architecture == "whisper" || architecture == "bart":
		return "encoder-decoder"
	case slices.Contains(encoders, architecture):
		return "encoder"
	case strings.Contains(classes, "CausalLM") || strings.Contains(classes, "LMHead") || k.flag("is_decoder", false):
		return "decoder"
	case strings.Contains(classes, "MaskedLM") || strings.Contains(classes, "Classification") || strings.Contains(classes, "QuestionAnswering"):
		return "encoder"
	}
	return "decoder"
}

// Family is the model family that the facts say: the documented API's groups
// ("embedding", "text_generation", "vision", "detection", "audio",
// "multimodal", "diffusion", "recommendation", "other"). A family that is
// stated is kept.
func Family(m perf.Model) string {
	if m.Family != "" {
		return m.Family
	}
	if slices.Contains(audio, m.Architecture) {
		return "audio"
	}
	switch m.Kind {
	case "encoder":
		return "embedding"
	case "decoder", "encoder-decoder":
		return "text_generation"
	case "cnn", "vit", "swin", "mixer", "hybrid", "unet", "segformer", "sam":
		return "vision"
	case "detector":
		return "detection"
	case "diffusion", "vae":
		return "diffusion"
	case "vlm", "dual-encoder", "vision-encoder-decoder":
		return "multimodal"
	case "dlrm":
		return "recommendation"
	}
	return "other"
}
