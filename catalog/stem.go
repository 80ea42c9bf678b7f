package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// Stem names the design behind a model over all zoos, input sizes and training
// recipes: timm/resnet50, torchvision/resnet50, mlperf/resnet50 and
// microsoft/resnet-50 are "resnet50", timm/resnet50d is not. Two models with
// one stem do the same work, so splits that hold models out hold stems out.
//
// A language model's stem is its dimensions, which fine-tunes, renamings and
// quantised copies share; where those are not known, and for all other models,
// it is the name under the zoos' naming schemes.
func (c *Catalog) Stem(m *perf.Model) string {
	if s, ok := c.models.stem[m.Name]; ok && !m.Custom {
		return s
	}
	if s := dimensionStem(m); s != "" {
		return s
	}
	return nameStem(m.Name)
}

// dimensionStem is the stem of a transformer whose layers are known, or "".
func dimensionStem(m *perf.Model) string {
	switch m.Kind {
	case "encoder", "decoder", "encoder-decoder":
	default:
		return ""
	}
	if m.Layers == 0 || m.Hidden == 0 {
		return ""
	}
	s := fmt.Sprintf("%s-%dx%d-%d", m.Kind, m.Layers, m.Hidden, max(m.Intermediate, m.ExpertIntermediate))
	if m.Heads > 0 {
		s += fmt.Sprintf("-%dh%d", m.Heads, max(1, m.KVHeads))
	}
	if m.Experts > 0 {
		s += fmt.Sprintf("-%de%d", m.Experts, m.ExpertsPerToken)
	}
	return s
}

var (
	parenthesised = regexp.MustCompile(`\s*[(\[][^)\]]*[)\]]`)
	separators    = regexp.MustCompile(`[\s_-]+`)
	imageSuffix   = regexp.MustCompile(`_(\d{2,4})(?:px)?$`)
	windowSuffix  = regexp.MustCompile(`_\d+to\d+$`)
	gluonVariant  = regexp.MustCompile(`^(resnet\d+)_v1([bcds])$`)
)

// recipePrefixes and recipeSuffixes say how a design was trained or where its
// weights come from. The work is the same.
var (
	recipePrefixes = []string{"tf_", "tv_", "gluon_", "ssl_", "swsl_", "ig_", "legacy_", "adv_", "ens_adv_", "jx_"}
	recipeSuffixes = []string{"_in22ft1k", "_in21ft1k", "_in22k", "_in21k", "_in1k", "_22kft1k", "_1k", "_22k", "_miil", "_sam",
		"_dist", "_distilled", "_ssld", "_ssld_v2", "_wsl", "_bitm", "_bit", "_teacher", "_ap", "_qkvb", "_rocket"}
)

// imageSizes are the input sizes that names end in. Names such as regnetx_160
// and levit_256 end in a width instead.
var imageSizes = []string{"96", "112", "128", "144", "160", "176", "192", "196", "208", "224", "240", "256", "260", "280", "288",
	"300", "320", "336", "352", "378", "380", "384", "408", "416", "448", "456", "475", "480", "512", "528", "560", "576", "600",
	"608", "640", "768", "800", "896", "1024", "1280"}

// nameStem applies the zoos' naming schemes to a name: the zoo, a pretraining
// tag (".in1k"), input size and training recipe go.
func nameStem(name string) string {
	s := base(name)
	s = parenthesised.ReplaceAllString(strings.ToLower(s), "")
	if design, tag, ok := strings.Cut(s, "."); ok && strings.HasPrefix(name, "timm/") && strings.ContainsAny(tag, "abcdefghijklmnopqrstuvwxyz") {
		s = design
	}
	s = strings.Trim(separators.ReplaceAllString(strings.TrimSpace(s), "_"), "_")
	for again := true; again; {
		again = false
		for _, p := range recipePrefixes {
			if t, ok := strings.CutPrefix(s, p); ok && t != "" {
				s, again = t, true
			}
		}
		for _, p := range recipeSuffixes {
			if t, ok := strings.CutSuffix(s, p); ok && t != "" {
				s, again = t, true
			}
		}
		if t, ok := strings.CutSuffix(s, "_ns"); ok && strings.HasPrefix(s, "efficientnet") {
			s, again = t, true // noisy student; swinv2's ns is a design
		}
		if t := windowSuffix.ReplaceAllString(s, ""); t != s {
			s, again = t, true
		}
		if t := imageSuffix.FindStringSubmatch(s); t != nil && slices.Contains(imageSizes, t[1]) && !widthNamed(s) {
			s, again = strings.TrimSuffix(s, t[0]), true
		}
	}
	if strings.HasPrefix(s, "vit_") {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "_quickgelu"), "_clip")
	}
	if v := gluonVariant.FindStringSubmatch(s); v != nil {
		s = v[1] + strings.TrimPrefix(v[2], "b")
	}
	if strings.HasPrefix(s, "deit_") {
		s = "vit_" + strings.ReplaceAll(strings.TrimPrefix(s, "deit_"), "_distilled", "") // DeiT is ViT, trained otherwise
	}
	return s
}

// widthNamed reports whether the number at a name's end is the design's width.
func widthNamed(s string) bool {
	for _, p := range []string{"regnet", "levit_", "convmixer", "mobilenet", "repghost", "ghostnet", "starnet", "mnasnet", "mobilevitv2_150", "densenet", "dla"} {
		if strings.HasPrefix(s, p) {
			return strings.Count(s, "_") <= 1 || strings.HasPrefix(s, "levit_conv_") && strings.Count(s, "_") == 2
		}
	}
	return false
}
