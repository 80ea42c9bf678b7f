package train

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
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

	BoundMean   float64 `json:"bound_mean_ape"` // of the physical bound alone
	BoundMedian float64 `json:"bound_median_ape"`
}

// maxAPE caps single errors in means, so that one absurd row does not hide the
// rest: 1,000 %.
const maxAPE = 1000

// Summarise judges results as one set.
func Summarise(key string, results []Result) Summary {
	s := Summary{Key: key, Rows: len(results)}
	votes := map[string]float64{}
	for i := range results {
		if results[i].Answered {
			votes[voteKey(&results[i])]++
		}
	}
	s.Groups = len(votes)
	var ape, ln, abs, bound, w []float64
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
		ape, ln, abs, bound, w = append(ape, e), append(ln, l), append(abs, math.Abs(l)), append(bound, b), append(w, weight)
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
	for _, x := range []*float64{&s.Mean, &s.BoundMean, &s.Width, &s.Coverage, &s.Within25, &s.Within2x} {
		*x /= total
	}
	s.Median, s.P90 = weightedQuantile(ape, w, 0.5), weightedQuantile(ape, w, 0.9)
	s.Bias, s.Factor = weightedQuantile(ln, w, 0.5), math.Exp(weightedQuantile(abs, w, 0.5))
	s.BoundMedian = weightedQuantile(bound, w, 0.5)
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
	Version  string               `json:"model_version"`
	Split    string               `json:"split,omitempty"`
	Overall  Summary              `json:"overall"`
	Cuts     map[string][]Summary `json:"cuts"`
	Unspoken map[string]int       `json:"unanswered"` // rows by reason
}

// NewReport summarises results over all dimensions; sets are ordered by their
// number of votes.
func NewReport(results []Result, split string) Report {
	rep := Report{Split: split, Overall: Summarise("overall", results), Cuts: map[string][]Summary{}, Unspoken: map[string]int{}}
	if len(results) > 0 {
		rep.Version = results[0].Version
	}
	for i := range results {
		if !results[i].Answered {
			rep.Unspoken[results[i].Reason]++
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
		p("\n%-44.44s %7s %7s %5s | %6s %6s %7s %6s %5s | %5s %6s %6s | %6s %6s\n", name, "rows", "groups", "ans%", "mean%", "med%", "p90%", "bias", "in2x",
			"cov%", "width", "excess", "bound", "median")
	}
	line := func(s Summary) {
		p("%-44.44s %7d %7d %5.1f | %6.1f %6.1f %7.1f %+6.2f %5.1f | %5.1f %6.1f %6.1f | %6.1f %6.1f\n", s.Key, s.Rows, s.Groups, 100*s.Answered, s.Mean, s.Median, s.P90,
			s.Bias, 100*s.Within2x, 100*s.Coverage, s.Width, s.Excess, s.BoundMean, s.BoundMedian)
	}
	p("model %s %s\n", rep.Version, rep.Split)
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
	reasons := make([]string, 0, len(rep.Unspoken))
	for r := range rep.Unspoken {
		reasons = append(reasons, r)
	}
	slices.Sort(reasons)
	if len(reasons) > 0 {
		p("\nnot answered\n")
	}
	for _, r := range reasons {
		p("%7d  %s\n", rep.Unspoken[r], r)
	}
}
