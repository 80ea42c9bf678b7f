package predictor

import (
	"cmp"

	"github.com/perfcast/perfcast/perf"
)

// setup is a device with the software on it.
type setup struct {
	device, runtime string
	mode            perf.Mode
}

// usualVersions are the versions of runtimes that most of a device's
// measurements were taken with, the newer of two; empty where most state none.
func usualVersions(groups []SourceGroup) map[setup]string {
	rows := map[setup]map[string]int{}
	for _, g := range groups {
		s := setup{g.Name, g.Runtime, g.Mode}
		if rows[s] == nil {
			rows[s] = map[string]int{}
		}
		rows[s][g.Version] += g.Count
	}
	usual := make(map[setup]string, len(rows))
	for s, versions := range rows {
		best := ""
		for v, n := range versions {
			if cmp.Or(cmp.Compare(n, versions[best]), cmp.Compare(VersionNumber(v), VersionNumber(best)), cmp.Compare(v, best)) > 0 {
				best = v
			}
		}
		usual[s] = best
	}
	return usual
}

// versioned takes a workload without a version to run in the usual one of its
// device, and reports whether there is one. What was measured under a version
// lies apart from what was measured under none.
func (p *Predictor) versioned(w *perf.Workload) (assumed bool) {
	if w.RuntimeVersion != "" {
		return false
	}
	w.RuntimeVersion = p.usual[setup{w.Hardware.Name, w.Runtime, w.Mode}]
	return w.RuntimeVersion != ""
}
