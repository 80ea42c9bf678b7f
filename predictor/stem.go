package predictor

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

var (
	sizeSuffix = regexp.MustCompile(`([-_](bs)?\d{2,4}(px|x\d+)?)$`)
	recipe     = regexp.MustCompile(`(precision[-_](float|uint8|int8)|non[-_]quantized|quantized|uint8|int8|float|instruct|chat|base[-_]uncased|uncased|cased|v1\.5|-hf|99\.9|-99)`)
	punctuate  = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")
)

// Stem is the design that a model's name stands for, whatever zoo it comes
// from, however it was trained, exported or quantised: "resnet50" of
// "timm/resnet50.a1_in1k". What an unseen model must not share with a seen one.
func Stem(name string) string {
	s := strings.ToLower(name)
	zoo := ""
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		zoo, s = s[:i], s[i+1:]
	}
	if i := strings.IndexByte(s, '.'); i > 0 && zoo == "timm" {
		s = s[:i] // the training recipe
	}
	s = recipe.ReplaceAllString(s, "")
	s = sizeSuffix.ReplaceAllString(s, "")
	return punctuate.Replace(s)
}

// design is the architecture a model is one size of: a fact where the
// catalogue has it, otherwise unknown.
func design(m *perf.Model) string {
	if m.Architecture != "" {
		return m.Architecture
	}
	s := strings.ToLower(m.Name[strings.LastIndexByte(m.Name, '/')+1:])
	for i, r := range s {
		if r < 'a' || r > 'z' {
			return s[:i]
		}
	}
	return s
}

// VersionNumber is a version as a number that grows with the software's age:
// major + minor/100. 0 = not known.
func VersionNumber(v string) float64 {
	parts := strings.SplitN(v, ".", 3)
	x, err := strconv.ParseFloat(parts[0], 64)
	if err != nil {
		return 0
	}
	if len(parts) > 1 {
		if y, err := strconv.ParseFloat(parts[1], 64); err == nil && y < 100 {
			x += y / 100
		}
	}
	return x
}
