package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// Result is one number of a row against its prediction, both in the file's
// unit.
type Result struct {
	Case                         *Case
	Metric                       string
	Of                           predictor.Quantity
	Actual, Predicted, Low, High float64
	Bound                        float64 // what the datasheet's rates alone would give
	Answered                     bool
	Reason                       string // why there is no answer, or no judgement
	Unjudged                     bool   // the split has no use for it: neither right nor wrong
	Basis                        perf.Basis
	Distance                     perf.Distance
	Known                        bool // somebody measured the device
	Version                      string
}

// LogError is ln(predicted / actual).
func (r *Result) LogError() float64 { return math.Log(r.Predicted / r.Actual) }

// Covered reports whether the actual value is inside the 90 % interval.
func (r *Result) Covered() bool { return r.Low <= r.Actual && r.Actual <= r.High }

// Evaluate predicts every number of the cases. A case that cannot be predicted
// gives one result with the reason.
func Evaluate(p *predictor.Predictor, cases []Case, progress func(done, total int)) []Result {
	return evaluate(p, p.Version(), cases, progress)
}

func evaluate(p *predictor.Predictor, version string, cases []Case, progress func(done, total int)) []Result {
	var out []Result
	for i := range cases {
		k := &cases[i]
		if progress != nil && i%1000 == 0 {
			progress(i, len(cases))
		}
		if k.Reason != "" {
			out = append(out, unanswerable(k, version))
			continue
		}
		for _, v := range k.Views {
			out = append(out, answer(p, k, v, version))
		}
	}
	if progress != nil {
		progress(len(cases), len(cases))
	}
	return out
}

func answer(p *predictor.Predictor, k *Case, v View, version string) Result {
	r := Result{Case: k, Metric: v.Metric, Of: v.Of, Actual: v.Actual, Version: version}
	if v.Of == predictor.Memory {
		out, err := p.Predict(k.W)
		if err != nil {
			r.Reason = err.Error()
			return r
		}
		r.Answered, r.Basis, r.Distance = true, perf.BasisPhysical, out.Distance
		r.Predicted, r.Low, r.High, r.Bound = v.Shown(out.Memory.Value), v.Shown(out.Memory.Low), v.Shown(out.Memory.High), v.Shown(out.MemoryParts.Weights)
		return r
	}
	t, err := p.Time(k.W, v.Of, k.Manner)
	if err != nil {
		r.Reason = err.Error()
		return r
	}
	r.Answered, r.Basis, r.Distance, r.Known = true, t.Basis, t.Distance, t.Known
	r.Predicted, r.Low, r.High, r.Bound = v.Shown(t.Value), v.Shown(t.Low), v.Shown(t.High), v.Shown(t.Bound)
	if v.Rate {
		r.Low, r.High = r.High, r.Low
	}
	return r
}

func statedMetric(r *Row) string {
	switch {
	case r.Throughput > 0:
		return "throughput"
	case r.LatencyMs > 0:
		return "latency"
	case r.MemoryMB > 0:
		return "memory"
	}
	return ""
}

func statedValue(r *Row) float64 {
	switch {
	case r.Throughput > 0:
		return r.Throughput
	case r.LatencyMs > 0:
		return r.LatencyMs
	}
	return r.MemoryMB
}

// Fitting is how many of the cases, all of which ran, are said to fit or to be
// tight, and how many were asked: rows with a memory figure, and rows of
// language models.
func Fitting(p *predictor.Predictor, cases []Case) (fit, asked int) {
	for i := range cases {
		k := &cases[i]
		if k.Reason != "" || k.Row.MemoryMB == 0 && k.Row.Family != "text_generation" {
			continue
		}
		out, err := p.Predict(k.W)
		if err != nil {
			continue
		}
		asked++
		if out.Fits != perf.FitNo {
			fit++
		}
	}
	return fit, asked
}

// CrossValidate trains without each fold and judges on it. With few > 0, each
// held-out device gives that many measurements first, which are learned the way
// the product learns and not judged.
func CrossValidate(c *Corpus, split string, folds, few int, o Options, progress func(stage string, done, total int)) ([]Result, error) {
	holdouts, err := Split(c.Cases, split, folds)
	if err != nil {
		return nil, err
	}
	o.Served = served(split)
	results, err := judge(c, holdouts, []int{few}, o, progress)
	if err != nil {
		return nil, err
	}
	return withRest(results[0], c.Cases, few), nil
}

// withRest adds to a split's results those cases that no fold judged, each with
// the reason, and puts all into the order of the cases. What nobody can predict
// counts against the answers; what was learned first, or what both sides of a
// split had to give up, counts for neither side.
func withRest(results []Result, cases []Case, few int) []Result {
	place := make(map[*Row]int, len(cases))
	for i := range cases {
		place[cases[i].Row] = i
	}
	judged := make([]bool, len(cases))
	for i := range results {
		judged[place[results[i].Case.Row]] = true
	}
	unjudged := "in no fold of the split"
	if few > 0 {
		unjudged = "learned first, or near-repeat of what was"
	}
	for i := range cases {
		k := &cases[i]
		switch {
		case judged[i]:
		case k.Reason != "":
			results = append(results, unanswerable(k, ""))
		default:
			for _, v := range k.Views {
				results = append(results, Result{Case: k, Metric: v.Metric, Of: v.Of, Actual: v.Actual, Unjudged: true, Reason: "not judged: " + unjudged})
			}
		}
	}
	slices.SortStableFunc(results, func(a, b Result) int { return cmp.Compare(place[a.Case.Row], place[b.Case.Row]) })
	return results
}

func unanswerable(k *Case, version string) Result {
	return Result{Case: k, Reason: k.Reason, Version: version, Metric: statedMetric(k.Row), Actual: statedValue(k.Row)}
}

// judge trains once without each holdout and judges it after so many
// measurements of each of its devices: one set of results for each of fews.
func judge(c *Corpus, holdouts []Holdout, fews []int, o Options, progress func(stage string, done, total int)) ([][]Result, error) {
	out := make([][]Result, len(fews))
	fit := Train
	if o.Served {
		fit = func(c *Corpus, _ Options) (*predictor.Artefact, error) { return trainServed(c) }
	}
	for i, h := range holdouts {
		if progress != nil {
			progress(h.Name, i, len(holdouts))
		}
		a, err := fit(&Corpus{Cases: pick(c.Cases, h.Train), Operations: c.Operations, Kernels: kernelsWithout(c, h)}, o)
		if err != nil {
			return nil, err
		}
		for j, few := range fews {
			results, err := judgeFold(a, h.Name, pick(c.Cases, h.Test), few)
			if err != nil {
				return nil, err
			}
			out[j] = append(out[j], results...)
		}
	}
	if progress != nil {
		progress("done", len(holdouts), len(holdouts))
	}
	return out, nil
}

func judgeFold(a *predictor.Artefact, name string, test []Case, few int) ([]Result, error) {
	sets := [][]Case{test}
	if few > 0 {
		sets = byDevice(test)
	}
	var out []Result
	for _, set := range sets {
		p, err := predictor.NewFrom(a, name)
		if err != nil {
			return nil, err
		}
		var shown []Case
		if few > 0 {
			shown, set = choose(set, few)
		}
		for _, k := range shown {
			for _, v := range primary(k.Views) {
				if err := p.Observe(k.W, v.Of, k.Manner, v.Latent(v.Actual), k.Group); err != nil {
					return nil, err
				}
			}
		}
		version := name
		if len(shown) > 0 {
			version = fmt.Sprintf("%s + %d", name, len(shown))
		}
		out = append(out, evaluate(p, version, set, nil)...)
	}
	return out, nil
}

// byDevice splits cases by device, in order of first appearance.
func byDevice(cases []Case) [][]Case {
	at := map[string]int{}
	var out [][]Case
	for _, k := range cases {
		key := deviceKey(&k)
		j, ok := at[key]
		if !ok {
			j = len(out)
			at[key] = j
			out = append(out, nil)
		}
		out[j] = append(out[j], k)
	}
	return out
}

// choose takes n measurements of different groups and designs, spread by hash,
// and leaves the groups they are of out of what is judged.
func choose(cases []Case, n int) (shown, judged []Case) {
	taken := map[string]bool{}
	best := make([]*Case, n)
	for i := range cases {
		k := &cases[i]
		slot := deal(k.Group, n)
		if b := best[slot]; b == nil || deal(k.Group+"#", 1<<30) < deal(b.Group+"#", 1<<30) {
			best[slot] = k
		}
	}
	for _, b := range best {
		if b != nil && len(b.Views) > 0 {
			shown = append(shown, *b)
			taken[b.Group] = true
		}
	}
	for _, k := range cases {
		if !taken[k.Group] {
			judged = append(judged, k)
		}
	}
	return shown, judged
}
