package train

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// Summary is how well a set of results was predicted. Every group of
// near-repeats has one vote. Errors are absolute percentage errors in the
// file's own numbers.
type Summary struct {
	Key      string  `json:"key"`
	Rows     int     `json:"rows"`     // numbers
	Groups   int     `json:"groups"`   // votes
	Answered float64 `json:"answered"` // share of the rows
	Mean     float64 `json:"mean_ape"`
	Median   float64 `json:"median_ape"`
	P90      float64 `json:"p90_ape"`
	Bias     float64 `json:"bias_ln"`   // median of ln(predicted / actual)
	Factor   float64 `json:"factor"`    // exp(median |ln ratio|)
	Within25 float64 `json:"within_25"` // share
	Within2x float64 `json:"within_2x"`
	Coverage float64 `json:"coverage_90"`  // share inside the 90 % interval
	Width    float64 `json:"mean_width"`   // geometric mean of high / low
	Excess   float64 `json:"width_oracle"` // ln width over that of the errors' own 5 to 95 % range

	// The same of the physical bound alone, with the interval that an answer
	// from physics has: a factor of 3 either way.
	BoundMean     float64 `json:"bound_mean_ape"`
	BoundMedian   float64 `json:"bound_median_ape"`
	BoundP90      float64 `json:"bound_p90_ape"`
	BoundBias     float64 `json:"bound_bias_ln"`
	BoundCoverage float64 `json:"bound_coverage_90"`
	BoundWidth    float64 `json:"bound_mean_width"`
}

// maxAPE caps single errors in means, so that one absurd row does not hide the
// rest: 1,000 %.
const maxAPE = 1000

// Summarise judges results as one set.
func Summarise(key string, results []Result) Summary {
	results = slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Unjudged })
	s := Summary{Key: key, Rows: len(results)}
	votes := map[string]float64{}
	for i := range results {
		if results[i].Answered {
			votes[voteKey(&results[i])]++
		}
	}
	s.Groups = len(votes)
	var ape, ln, abs, bound, boundLn, w []float64
	total, answered := 0.0, 0
	for i := range results {
		r := &results[i]
		if !r.Answered {
			continue
		}
		answered++
		weight := 1 / votes[voteKey(r)]
		e := math.Min(maxAPE, 100*math.Abs(r.Predicted/r.Actual-1))
		b := math.Min(maxAPE, 100*math.Abs(r.Bound/r.Actual-1))
		l := r.LogError()
		ape, ln, abs, w = append(ape, e), append(ln, l), append(abs, math.Abs(l)), append(w, weight)
		bl := math.Log(math.Max(r.Bound, 1e-3*r.Actual) / r.Actual) // of a memory nothing may be certain
		bound, boundLn = append(bound, b), append(boundLn, bl)
		if math.Abs(bl) <= math.Log(predictor.PhysicalFactor) {
			s.BoundCoverage += weight
		}
		total += weight
		s.Mean += weight * e
		s.BoundMean += weight * b
		s.Width += weight * math.Log(r.High/math.Max(r.Low, 1e-300))
		if r.Covered() {
			s.Coverage += weight
		}
		if e <= 25 {
			s.Within25 += weight
		}
		if math.Abs(l) <= math.Ln2 {
			s.Within2x += weight
		}
	}
	if s.Rows > 0 {
		s.Answered = float64(answered) / float64(s.Rows)
	}
	if total == 0 {
		return s
	}
	for _, x := range []*float64{&s.Mean, &s.BoundMean, &s.Width, &s.Coverage, &s.BoundCoverage, &s.Within25, &s.Within2x} {
		*x /= total
	}
	s.Median, s.P90 = weightedQuantile(ape, w, 0.5), weightedQuantile(ape, w, 0.9)
	s.Bias, s.Factor = weightedQuantile(ln, w, 0.5), math.Exp(weightedQuantile(abs, w, 0.5))
	s.BoundMedian, s.BoundP90 = weightedQuantile(bound, w, 0.5), weightedQuantile(bound, w, 0.9)
	s.BoundBias, s.BoundWidth = weightedQuantile(boundLn, w, 0.5), predictor.PhysicalFactor*predictor.PhysicalFactor
	if oracle := weightedQuantile(ln, w, 0.95) - weightedQuantile(ln, w, 0.05); oracle > 0 {
		s.Excess = s.Width / oracle
	}
	s.Width = math.Exp(s.Width)
	return s
}

func voteKey(r *Result) string { return r.Case.Group + "|" + r.Of.String() }

// Dimension is a way to cut results into sets.
type Dimension struct {
	Name string
	Of   func(r *Result) string
}

// Dimensions are the cuts of a report, in order.
var Dimensions = []Dimension{
	{"panel", panel},
	{"metric", func(r *Result) string { return r.Metric }},
	{"facts", func(r *Result) string {
		if strings.Contains(r.Reason, "no facts") {
			return "missing"
		}
		return "known"
	}},
	{"source", func(r *Result) string { return r.Case.Row.Source }},
	{"platform", func(r *Result) string { return r.Case.Row.Platform }},
	{"family", func(r *Result) string { return r.Case.Row.Family }},
	{"mode", func(r *Result) string { return r.Case.Row.Mode }},
	{"basis", func(r *Result) string { return string(r.Basis) }},
	{"distance", func(r *Result) string { return string(r.Distance) }},
	{"device", func(r *Result) string { return r.Case.Row.Device }},
}

// panel is the part of the field that a result belongs to.
func panel(r *Result) string {
	k := r.Case
	kind := ""
	if k.W.Hardware != nil {
		kind = k.W.Hardware.Kind
	}
	switch {
	case k.W.Mode == perf.Training:
		return "training"
	case k.W.Concurrency > 0 && k.W.Facts.Text():
		return "LLM serving"
	case strings.HasPrefix(kind, "edge"), strings.HasPrefix(kind, "mobile"), kind == "mcu", kind == "npu":
		return "mobile and edge"
	case k.Row.Family == "text_generation":
		return "language generation"
	case k.Row.Family == "embedding":
		return "encoders"
	case k.Row.Family == "audio", k.Row.Family == "diffusion":
		return "audio and diffusion"
	case k.Row.Family == "vision", k.Row.Family == "detection":
		return "vision"
	}
	return "other"
}

// Report is all summaries of a set of results.
type Report struct {
	Version  string               `json:"model_version,omitempty"`
	Split    string               `json:"split,omitempty"`
	Folds    int                  `json:"folds,omitempty"`
	Few      int                  `json:"few,omitempty"` // measurements of each held-out device that were learned first
	Overall  Summary              `json:"overall"`
	Cuts     map[string][]Summary `json:"cuts"`
	Unspoken map[string]int       `json:"unanswered"` // rows by reason
	Unjudged map[string]int       `json:"not_judged"` // numbers by reason
	Assumed  map[string]int       `json:"assumed"`    // numbers answered with an assumption, by what their rows leave open
}

// How says by which split the report was made; empty where the model in force
// answered.
func (rep *Report) How() string {
	if rep.Split == "" {
		return ""
	}
	how := fmt.Sprintf("cross-validated by %s, %d folds", rep.Split, rep.Folds)
	if rep.Few > 0 {
		how += fmt.Sprintf(", %d measurements of each device learned first", rep.Few)
	}
	return how
}

// NewReport summarises results over all dimensions; sets are ordered by their
// number of votes. split is the one of cross-validation, empty without.
func NewReport(results []Result, split string) Report {
	rep := Report{Split: split, Overall: Summarise("overall", results), Cuts: map[string][]Summary{}, Unspoken: map[string]int{}, Unjudged: map[string]int{}, Assumed: map[string]int{}}
	if len(results) > 0 && split == "" { // of several folds, each has a model of its own
		rep.Version = results[0].Version
	}
	for i := range results {
		switch r := &results[i]; {
		case r.Unjudged:
			rep.Unjudged[r.Reason]++
		case !r.Answered:
			rep.Unspoken[merged(r.Reason)]++
		default:
			for _, what := range r.Case.assumed() {
				rep.Assumed[what]++
			}
		}
	}
	for _, d := range Dimensions {
		sets := map[string][]Result{}
		for i := range results {
			key := d.Of(&results[i])
			sets[key] = append(sets[key], results[i])
		}
		var cut []Summary
		for key, set := range sets {
			cut = append(cut, Summarise(key, set))
		}
		slices.SortFunc(cut, func(a, b Summary) int {
			return cmp.Or(cmp.Compare(b.Groups, a.Groups), cmp.Compare(b.Rows, a.Rows), strings.Compare(a.Key, b.Key))
		})
		rep.Cuts[d.Name] = cut
	}
	return rep
}

// Write prints the report as tables. At most limit sets of each dimension are
// shown; 0 = all.
func (rep *Report) Write(w io.Writer, limit int) {
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // a report is not retried
	head := func(name string) {
		p("\n%-44.44s %7s %7s %5s | %6s %6s %7s %6s %5s | %5s %6s %6s | %6s %6s %7s %6s %5s\n", name, "rows", "groups", "ans%", "mean%", "med%", "p90%", "bias", "in2x",
			"cov%", "width", "excess", "bound%", "med%", "p90%", "bias", "cov%")
	}
	line := func(s Summary) {
		p("%-44.44s %7d %7d %5.1f | %6.1f %6.1f %7.1f %+6.2f %5.1f | %5.1f %6.1f %6.1f | %6.1f %6.1f %7.1f %+6.2f %5.1f\n", s.Key, s.Rows, s.Groups, 100*s.Answered, s.Mean, s.Median, s.P90,
			s.Bias, 100*s.Within2x, 100*s.Coverage, s.Width, s.Excess, s.BoundMean, s.BoundMedian, s.BoundP90, s.BoundBias, 100*s.BoundCoverage)
	}
	p("%s\n", cmp.Or(rep.How(), "model "+rep.Version))
	head("overall")
	line(rep.Overall)
	for _, d := range Dimensions {
		head(d.Name)
		for i, s := range rep.Cuts[d.Name] {
			if limit > 0 && i >= limit {
				p("... %d more\n", len(rep.Cuts[d.Name])-i)
				break
			}
			line(s)
		}
	}
	counts := func(title string, of map[string]int) {
		if len(of) > 0 {
			p("\n%s\n", title)
		}
		for _, reason := range slices.Sorted(maps.Keys(of)) { // "batch size" and "precision" come first
			p("%7d  %s\n", of[reason], reason)
		}
	}
	counts("not answered", rep.Unspoken)
	counts("not judged", rep.Unjudged)
	counts("answered with the software's usual one, as the row leaves open (the first two widen the interval)", rep.Assumed)
}
