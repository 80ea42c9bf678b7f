package train

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/catalog"
)

// Splits are the ways to hold out rows. The last three judge serving engines
// under load alone (served.go).
var Splits = []string{"row", "model", "family", "device", "model-device", "source", "time", "curve", "served-device", "served-model"}

// Fold deals a case to one of k folds of a split, or -1 where it is in none.
// Near-repeats always go together.
func foldOf(k *Case, split string, folds int) int {
	switch split {
	case "row":
		return deal(groupOn(k, deviceKey(k)), folds) // one chip's near-repeats under two names, too
	case "model":
		return deal(k.Stem, folds)
	case "family":
		return deal(k.W.Family, folds)
	case "device":
		return deal(deviceKey(k), folds)
	case "source":
		return deal(sourceKey(k.Row), folds)
	case "curve":
		if underLoad(k) {
			return deal(curveKey(k), folds)
		}
	}
	return -1
}

// deviceKey names the silicon: one chip on two boards, under two names or driven
// through two platforms, or a slice of it, is not another device.
func deviceKey(k *Case) string {
	name := k.Row.Device
	if d := k.W.Hardware; d != nil {
		if d.Kind != "datacenter-gpu-slice" {
			return catalog.Part(d)
		}
		name = d.Name
	}
	if i := strings.IndexByte(name, '('); i > 0 {
		name = name[:i]
	}
	return strings.ToLower(strings.TrimSpace(name))
}

// sourceKey names who measured: rounds of one benchmark are one source.
func sourceKey(r *Row) string {
	if strings.HasPrefix(r.Source, "mlcommons/inference") || strings.HasPrefix(r.Source, "mlcommons/cm4mlperf") {
		return "mlcommons/inference"
	}
	return r.Source
}

// deal is a fold in [0, n) that depends on the name alone.
func deal(name string, n int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return int(x % uint64(n))
}

// Holdout is one fold: what is trained on and what is judged, as indices.
type Holdout struct {
	Name        string
	Train, Test []int
}

// Split deals cases into folds. In "model-device" both sides lose what they
// share: the training side has neither the held-out designs nor the held-out
// devices. "time" holds out the newest software of each runtime.
func Split(cases []Case, split string, folds int) ([]Holdout, error) {
	if !slices.Contains(Splits, split) {
		return nil, fmt.Errorf("no split %q: one of %s", split, strings.Join(Splits, ", "))
	}
	if folds < 2 {
		return nil, fmt.Errorf("%d folds: at least 2", folds)
	}
	switch split {
	case "time":
		return splitTime(cases), nil
	case "served-device":
		return oneByOne(cases, split, deviceKey), nil
	case "served-model":
		return oneByOne(cases, split, func(k *Case) string { return k.Stem }), nil
	}
	var out []Holdout
	for f := range folds {
		h := Holdout{Name: fmt.Sprintf("%s %d/%d", split, f+1, folds)}
		for i := range cases {
			k := &cases[i]
			if k.Reason != "" {
				continue
			}
			if split == "model-device" {
				m, d := deal(k.Stem, folds) == f, deal(deviceKey(k), folds) == f
				switch {
				case m && d:
					h.Test = append(h.Test, i)
				case !m && !d:
					h.Train = append(h.Train, i)
				}
				continue
			}
			if foldOf(k, split, folds) == f {
				h.Test = append(h.Test, i)
			} else {
				h.Train = append(h.Train, i)
			}
		}
		if len(h.Test) > 0 && len(h.Train) > 0 {
			out = append(out, h)
		}
	}
	return out, nil
}
