package train

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/kernel"
)

// OperationScore is how well one kind of operation was predicted on one device
// that the model was fitted without.
type OperationScore struct {
	Device    string
	Operation string // class, kind and precision: "matmul fp32"
	Set       string // where a device's rows come from several campaigns
	N         int
	Mean      float64 // absolute percentage error, in %
	Median    float64 // the same
	Bias      float64 // median of ln(predicted / measured)
}

// JudgeOperations leaves each design of chip out in turn, with all boards that
// carry it, fits the utilisation on the others, and predicts its rows: kernels
// alone, or as a single call shows them where they were timed so. progress may
// be nil.
func JudgeOperations(rows []kernel.Row, progress func(stage string, done, total int)) ([]OperationScore, error) {
	held := byDesign(rows)
	scores, fits := make([][]OperationScore, len(held)), make([]func() error, len(held))
	for i, devices := range held {
		fits[i] = func() error {
			chip := devices[0][0].Device
			others := slices.DeleteFunc(slices.Clone(rows), func(r kernel.Row) bool { return kernel.SameDesign(r.Device, chip) })
			m, err := kernel.Fit(others, nil)
			if err != nil {
				return fmt.Errorf("without %s: %w", chip.Name, err)
			}
			for _, device := range devices {
				scores[i] = append(scores[i], scoreOperations(m, device)...)
			}
			return nil
		}
	}
	err := fitAll(fits, progress)
	return slices.Concat(scores...), err
}

// byDesign groups rows by device, and devices by the design of their chip, both
// in the order of devices' names.
func byDesign(rows []kernel.Row) [][][]kernel.Row {
	byDevice := map[string][]kernel.Row{}
	for _, r := range rows {
		byDevice[r.Device.Name] = append(byDevice[r.Device.Name], r)
	}
	var designs [][][]kernel.Row
	for _, name := range slices.Sorted(maps.Keys(byDevice)) {
		list := byDevice[name]
		at := slices.IndexFunc(designs, func(d [][]kernel.Row) bool { return kernel.SameDesign(d[0][0].Device, list[0].Device) })
		if at < 0 {
			at, designs = len(designs), append(designs, nil)
		}
		designs[at] = append(designs[at], list)
	}
	return designs
}

// scoreOperations judges m on the rows of one device.
func scoreOperations(m *kernel.Model, rows []kernel.Row) []OperationScore {
	type key struct{ operation, set string }
	errs := map[key][]float64{}
	var keys []key
	for i := range rows {
		r := &rows[i]
		t, _ := m.Time(&r.Op, r.Device, r.Precision)
		if r.Launched {
			t = m.Launched(t)
		}
		k := key{operationName(r), r.Set}
		if errs[k] == nil {
			keys = append(keys, k)
		}
		errs[k] = append(errs[k], math.Log(t/r.Seconds))
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.operation, b.operation), cmp.Compare(a.set, b.set))
	})
	var scores []OperationScore
	for _, k := range keys {
		s := OperationScore{Device: rows[0].Device.Name, Operation: k.operation, Set: k.set, N: len(errs[k])}
		percent := make([]float64, 0, s.N)
		for _, e := range errs[k] {
			percent = append(percent, 100*math.Abs(math.Expm1(e)))
			s.Mean += percent[len(percent)-1] / float64(s.N)
		}
		slices.Sort(percent)
		slices.Sort(errs[k])
		s.Median, s.Bias = percent[s.N/2], errs[k][s.N/2]
		scores = append(scores, s)
	}
	return scores
}

func operationName(r *kernel.Row) string {
	name := r.Op.Class.String()
	if r.Op.Kind != "" {
		name += " " + r.Op.Kind
	}
	if r.Precision != "" && r.Precision != perf.FP32 {
		name += " " + string(r.Precision)
	}
	return name
}

// WriteOperationScores writes the scores as a table of text.
func WriteOperationScores(w io.Writer, scores []OperationScore) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "device held out\toperation\tset\tn\tmean %\tmedian %\tbias ln\t")
	for _, s := range scores {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.1f\t%.1f\t%+.2f\t\n", s.Device, s.Operation, s.Set, s.N, s.Mean, s.Median, s.Bias)
	}
	return t.Flush()
}

// kernelNote says in a sentence how well matrix products of held-out designs were
// predicted: the mean of the scores' means and the median of their medians.
func kernelNote(scores []OperationScore) string {
	var means, medians []float64
	n := 0
	for _, s := range scores {
		if product, precision, _ := strings.Cut(s.Operation, " "); strings.HasSuffix(product, "matmul") && precision != "conv" && precision != string(perf.FP8) {
			means, medians, n = append(means, s.Mean), append(medians, s.Median), n+s.N
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("Kernels: %d matrix products (single and batched, fp32 and 16 bits) on GPUs whose chip was held out, one vote for each of %d devices, kinds and campaigns: mean %.1f %%, median %.1f %% (<= 9 median).",
		n, len(means), mean(means), med(medians))
}
