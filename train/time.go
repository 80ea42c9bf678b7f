package train

import (
	"slices"

	"github.com/perfcast/perfcast/predictor"
)

// splitTime trains on old software and judges on the newest fifth of each
// runtime's versions; groups that are on both sides leave the training side.
func splitTime(cases []Case) []Holdout {
	versions := map[string][]float64{}
	for i := range cases {
		if k := &cases[i]; k.Reason == "" {
			if v := predictor.VersionNumber(k.W.RuntimeVersion); v > 0 {
				versions[k.W.Runtime] = append(versions[k.W.Runtime], v)
			}
		}
	}
	limit := map[string]float64{}
	for runtime, vs := range versions {
		slices.Sort(vs)
		vs = slices.Compact(vs)
		if len(vs) > 1 {
			limit[runtime] = vs[len(vs)-1-len(vs)/5]
		}
	}
	h := Holdout{Name: "newest versions"}
	held := map[string]bool{}
	for i := range cases {
		k := &cases[i]
		if l, ok := limit[k.W.Runtime]; k.Reason == "" && ok && predictor.VersionNumber(k.W.RuntimeVersion) >= l {
			h.Test = append(h.Test, i)
			held[k.Group] = true
		}
	}
	for i := range cases {
		if k := &cases[i]; k.Reason == "" && !held[k.Group] {
			h.Train = append(h.Train, i)
		}
	}
	return []Holdout{h}
}
