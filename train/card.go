package train

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/predictor"
)

// cardSplits are what a model card judges by where no split is asked for.
var cardSplits = []string{"row", "model", "device"}

// WriteCard writes the model card of an artefact as Markdown: what it was
// trained on, by source and licence; what it holds; how right such a model is
// by each of the reports, and where it is worst.
func WriteCard(w io.Writer, a *predictor.Artefact, name string, reports []Report) error {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("# Model card of artefact %s\n\n", name)
	p("Predicts the time of a step (and of a token, a prompt, a request) of a machine-learning workload on a device, with a 90 %% interval.\n")
	p("Physical costs of a step's parts, each corrected by effects of the software, the device and the design; boosted trees over dimensionless inputs; ")
	p("models of their own for serving engines and for single kernels. It holds no row and no measured value.\n\n")
	writeData(p, a)
	writeContents(p, a)
	p("\n## Errors\n\nOf models trained the same way without what they are judged on, the model of single kernels left out, which answers for transformers in fp32 under eager PyTorch. ")
	p("Every group of near-repeats has one vote.\n")
	for i := range reports {
		writeErrors(p, &reports[i])
	}
	p("\n## Known weak spots\n\nSources, platforms and devices of at least 20 groups with the largest median errors:\n\n")
	for i := range reports {
		for _, cut := range []string{"source", "platform", "device"} {
			p("* unseen %s, by %s: %s\n", reports[i].Split, cut, strings.Join(worst(reports[i].Cuts[cut], 6), "; "))
		}
	}
	p("* WebGPU, TPUs and Intel's GPUs have next to no data: answers there rest on physics and say that they are far from data.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writeErrors is the table of one split, with what was not answered.
func writeErrors(p func(string, ...any), rep *Report) {
	p("\n### Unseen %s (%s)\n\n", rep.Split, rep.How())
	p("| | groups | answered | mean %% | median %% | p90 %% | bias (ln) | covered | width | datasheet alone: median %% |\n|---|---|---|---|---|---|---|---|---|---|\n")
	line := func(s Summary) {
		p("| %s | %d | %.1f %% | %.1f | %.1f | %.0f | %+.2f | %.0f %% | %.1fx | %.0f |\n",
			s.Key, s.Groups, 100*s.Answered, s.Mean, s.Median, s.P90, s.Bias, 100*s.Coverage, s.Width, s.BoundMedian)
	}
	line(rep.Overall)
	for _, s := range rep.Cuts["panel"] {
		line(s)
	}
	if len(rep.Unspoken) == 0 {
		return
	}
	p("\nNot answered: ")
	for i, reason := range slices.Sorted(maps.Keys(rep.Unspoken)) {
		if i > 0 {
			p(", ")
		}
		p("%s (%d)", reason, rep.Unspoken[reason])
	}
	p(".\n")
}

// writeData lists the training data by source and licence.
func writeData(p func(string, ...any), a *predictor.Artefact) {
	type key struct{ source, license string }
	rows, files := map[key]int{}, map[key]map[int]bool{}
	var keys []key
	for _, g := range a.Provenance.Groups {
		f := a.Provenance.Files[g.File]
		k := key{f.Source, f.License}
		if files[k] == nil {
			files[k] = map[int]bool{}
			keys = append(keys, k)
		}
		rows[k] += g.Count
		files[k][g.File] = true
	}
	slices.SortFunc(keys, func(x, y key) int {
		return cmp.Or(cmp.Compare(rows[y], rows[x]), strings.Compare(x.source, y.source), strings.Compare(x.license, y.license))
	})
	p("## Data\n\n| source | licence | files or folders | rows |\n|---|---|---|---|\n")
	for _, k := range keys {
		p("| %s | %s | %d | %d |\n", k.source, k.license, len(files[k]), rows[k])
	}
}

// writeContents says what the artefact consists of.
func writeContents(p func(string, ...any), a *predictor.Artefact) {
	l := a.Learned
	if l == nil {
		return
	}
	p("\n## Contents\n\n%d ensembles of trees; %d effects; %d bytes of kernels' utilisation; %d bytes of serving. Single points scatter by %.1f %% around all effects.\n\n",
		len(l.Folds), len(l.Effects), len(a.Kernel), len(a.Serving), 100*l.Noise)
	p("How much members of a kind of group differ (standard deviation of ln time), which is also how much a first measurement can teach:\n\n| group | of | whole | compute | activations | weights | wire | host |\n|---|---|---|---|---|---|---|---|\n")
	for t := range l.Tau {
		for _, s := range predictor.Sorts(t) {
			tau := &l.Tau[t][s]
			p("| %s | %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", predictor.GroupNames[t], predictor.SortNames[s], tau[predictor.Common], tau[0], tau[1], tau[2], tau[3], tau[4])
		}
	}
}

func worst(cut []Summary, n int) []string {
	cut = slices.Clone(cut)
	cut = slices.DeleteFunc(cut, func(s Summary) bool { return s.Groups < 20 })
	slices.SortFunc(cut, func(a, b Summary) int {
		return cmp.Or(cmp.Compare(b.Median, a.Median), strings.Compare(a.Key, b.Key))
	})
	var out []string
	for _, s := range cut[:min(n, len(cut))] {
		out = append(out, fmt.Sprintf("%s %.0f %%", s.Key, s.Median))
	}
	return out
}
