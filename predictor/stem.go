package predictor

import (
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// StemOf is the design that a model stands for, whatever zoo it comes from and
// however it was trained, exported or quantised: what an unseen model must not
// share with a seen one.
func StemOf(m *perf.Model) string {
	if m.Stem != "" {
		return m.Stem
	}
	return strings.ToLower(m.Name)
}

// design is the architecture a model is one size of: a fact where the
// catalogue has it, otherwise the leading word of its design's name, by which
// the zoos' naming schemes begin ("efficientnet" of "efficientnet_b0").
func design(m *perf.Model) string {
	if m.Architecture != "" {
		return m.Architecture
	}
	s := StemOf(m)
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
