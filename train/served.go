package train

import (
	"fmt"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/serving"
)

// Rows of serving engines under load are answered by the serving model alone,
// which is fitted in seconds. Splits that judge nothing else fit nothing else:
// the answers are those of the whole product trained on the same rows.

// served names the splits that judge serving engines under load alone.
func served(split string) bool {
	return split == "curve" || split == "served-device" || split == "served-model"
}

// underLoad reports whether a case is of an engine with requests in flight.
func underLoad(k *Case) bool {
	return k.Reason == "" && k.W.Concurrency > 0 && predictor.Serves(k.W)
}

// curveKey is CurveOf for all near-repeats of a curve: versions of the engine,
// and ways of dealing experts out, stand on one side.
func curveKey(k *Case) string {
	like := Case{Stem: k.Stem, W: k.W}
	like.W.RuntimeVersion, like.W.Devices, like.W.ExpertParallel = "", 0, 0
	return CurveOf(&like)
}

// oneByOne holds out what key names, one after the other, with all rows of it:
// those under load are judged, none is trained on.
func oneByOne(cases []Case, split string, key func(*Case) string) []Holdout {
	var out []Holdout
	at := map[string]int{}
	for i := range cases {
		if k := &cases[i]; underLoad(k) {
			j, ok := at[key(k)]
			if !ok {
				j = len(out)
				at[key(k)] = j
				out = append(out, Holdout{Name: fmt.Sprintf("%s %d", split, j+1)})
			}
			out[j].Test = append(out[j].Test, i)
		}
	}
	for i := range cases {
		if cases[i].Reason != "" {
			continue
		}
		own, ok := at[key(&cases[i])]
		for j := range out {
			if !ok || j != own {
				out[j].Train = append(out[j].Train, i)
			}
		}
	}
	return out
}

// trainServed is Train without what does not answer rows under load.
func trainServed(c *Corpus) (*predictor.Artefact, error) {
	a := &predictor.Artefact{Learned: &predictor.Learned{}}
	var cases []Case
	for i := range c.Cases {
		if readingsOf(&c.Cases[i]) != nil {
			cases = append(cases, c.Cases[i])
		}
	}
	return a, fitServing(a, cases, c.Kernels)
}

// kernelsWithout are the kernel rows of all devices but those that a holdout
// judges and trains on no row of.
func kernelsWithout(c *Corpus, h Holdout) []serving.KernelRow {
	held := map[string]bool{}
	for _, i := range h.Test {
		held[deviceKey(&c.Cases[i])] = true
	}
	for _, i := range h.Train {
		delete(held, deviceKey(&c.Cases[i]))
	}
	var rows []serving.KernelRow
	for _, r := range c.Kernels {
		if !held[catalog.Part(r.Device)] {
			rows = append(rows, r)
		}
	}
	return rows
}
