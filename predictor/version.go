package predictor

import (
	"cmp"
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
)

// setup is a device with the software on it.
type setup struct {
	device, runtime string
	mode            perf.Mode
}

// measuredVersions are the versions of runtimes that each device was measured
// with, and, under no device, those that any was; in their order.
func measuredVersions(groups []SourceGroup) map[setup][]string {
	of := map[setup][]string{}
	for _, g := range groups {
		for _, s := range []setup{{"", g.Runtime, g.Mode}, {g.Name, g.Runtime, g.Mode}} {
			if VersionNumber(g.Version) > 0 && !slices.Contains(of[s], g.Version) {
				of[s] = append(of[s], g.Version)
			}
		}
	}
	for _, versions := range of {
		slices.SortFunc(versions, func(a, b string) int {
			return cmp.Or(cmp.Compare(VersionNumber(a), VersionNumber(b)), cmp.Compare(a, b))
		})
	}
	return of
}

// nearest finds, for an input in a version that nobody measured, the groups of
// the nearest versions that somebody did: of the runtime as a whole, and on this
// device. What is new about the version nobody knows; what is old stands.
func (p *Predictor) nearest(in *Input, w perf.Workload, rt *Runtime, q Quantity, m Manner) {
	if VersionNumber(w.RuntimeVersion) <= 0 {
		return
	}
	for i, t := range versionGroups {
		if _, ok := p.a.Learned.Effects[in.Groups[t]]; ok {
			continue
		}
		of := setup{"", rt.Name, w.Mode}
		if t == groupDeviceVersion {
			of.device = w.Hardware.Name
		}
		asked, closest := VersionNumber(w.RuntimeVersion), math.Inf(1)
		for _, v := range p.versions[of] {
			far := math.Abs(VersionNumber(v) - asked)
			if far >= closest {
				continue
			}
			like := w
			like.RuntimeVersion = v
			g := groupsOf(like, rt, q, m)[t]
			if _, ok := p.a.Learned.Effects[g]; ok {
				in.Near[i], closest = g, far
			}
		}
	}
}

// versionGroups are the kinds of groups that are of one version.
var versionGroups = [...]int{groupVersion, groupDeviceVersion}

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
