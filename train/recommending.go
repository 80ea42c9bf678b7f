package train

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/predictor"
)

// Recommending says how often predictions would have named the right device:
// over the configurations that were measured on at least three devices, none
// of which the predictions have seen.
type Recommending struct {
	Asked      int     // configurations
	Within5    float64 // share where the device named first is within 5 % of the best
	TopThree   float64 // share where the best is among the first three
	PeakFirst  float64 // share where the device with the highest peak is within 5 % of the best
	MeanDevice float64 // devices a configuration was measured on
}

// candidate is what one device reached in one configuration.
type candidate struct {
	device                  string
	actual, predicted, peak float64 // rates; each the higher the better
	known                   bool    // somebody measured the device
	standing                float64
}

// Choice says how candidates are compared.
type Choice struct {
	// Worth is what a rate counts for: nil for the rate itself, one over the
	// price for rates per dollar (0 leaves the device out).
	Worth func(*Result) float64
	// Across compares answers of models that were trained without different
	// devices. A user asks one model: by default only its answers are compared.
	Across bool
}

// Recommend judges results of holding devices out.
func Recommend(results []Result, by Choice) Recommending {
	configurations := map[string][]candidate{}
	for i := range results {
		r := &results[i]
		if !r.Answered || r.Of == predictor.Memory || r.Actual <= 0 || r.Predicted <= 0 {
			continue
		}
		w := &r.Case.W
		c := candidate{device: w.Hardware.Name, actual: r.Actual, predicted: r.Predicted, known: r.Known, peak: predictor.HighestPeak(w.Hardware, w.Devices)}
		if r.Metric != "throughput" {
			c.actual, c.predicted = 1/c.actual, 1/c.predicted
		}
		if by.Worth != nil {
			v := by.Worth(r)
			if v == 0 {
				continue
			}
			c.actual, c.predicted, c.peak = c.actual*v, c.predicted*v, c.peak*v
		}
		key := configurationOf(r)
		if !by.Across {
			key += "|" + r.Version
		}
		configurations[key] = append(configurations[key], c)
	}
	var out Recommending
	for _, all := range configurations {
		all = oneEach(all)
		if len(all) < 3 {
			continue
		}
		out.Asked++
		out.MeanDevice += float64(len(all))
		best := slices.MaxFunc(all, func(a, b candidate) int { return cmp.Compare(a.actual, b.actual) })
		if slices.MaxFunc(all, func(a, b candidate) int { return cmp.Compare(a.peak, b.peak) }).actual >= 0.95*best.actual {
			out.PeakFirst++
		}
		stand(all)
		slices.SortFunc(all, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(b.standing, a.standing), strings.Compare(a.device, b.device))
		})
		if all[0].actual >= 0.95*best.actual {
			out.Within5++
		}
		if slices.ContainsFunc(all[:3], func(c candidate) bool { return c.actual >= best.actual }) {
			out.TopThree++
		}
	}
	if n := float64(out.Asked); n > 0 {
		out.Within5, out.TopThree, out.PeakFirst, out.MeanDevice = out.Within5/n, out.TopThree/n, out.PeakFirst/n, out.MeanDevice/n
	}
	return out
}

// stand fills in the standings by which the product would rank candidates.
func stand(all []candidate) {
	cs := make([]predictor.Contender, len(all))
	for i, c := range all {
		cs[i] = predictor.Contender{Worth: c.predicted, Peak: c.peak, Known: c.known}
	}
	for i, s := range predictor.Standings(cs) {
		all[i].standing = s
	}
}

// configurationOf names what was run, whatever it ran on: a recommendation
// compares devices for the same work in the same software and precision.
func configurationOf(r *Result) string {
	w, row := &r.Case.W, r.Case.Row
	return strings.Join([]string{r.Case.Stem, r.Metric, sourceKey(row), w.Runtime, string(w.Precision), string(w.Mode), strconv.Itoa(w.BatchSize), strconv.Itoa(w.SequenceLength),
		strconv.Itoa(w.OutputLength), strconv.Itoa(w.ImageSize), row.say("phase"), strconv.Itoa(int(r.Case.Manner)), strconv.Itoa(w.Concurrency),
		strconv.Itoa(w.Devices), strconv.Itoa(w.TensorParallel), strconv.Itoa(w.Threads), w.Layout}, "|")
}

// oneEach leaves one candidate of each device: the median one of its repeats.
func oneEach(all []candidate) []candidate {
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(strings.Compare(a.device, b.device), cmp.Compare(a.actual, b.actual))
	})
	var out []candidate
	for first := 0; first < len(all); {
		next := first
		for next < len(all) && all[next].device == all[first].device {
			next++
		}
		out = append(out, all[(first+next)/2])
		first = next
	}
	return out
}

// String is what it says, for people; what names what a rate was counted for
// ("", "per watt").
func (r Recommending) String() string {
	return fmt.Sprintf("%d configurations measured on three devices or more (%.1f in the mean), none of them seen: the device named first is within 5 %% of the best in %.1f %% (>= 90; the highest peak in %.1f %%), the best is among the first three in %.1f %% (>= 98)",
		r.Asked, r.MeanDevice, 100*r.Within5, 100*r.PeakFirst, 100*r.TopThree)
}

// perWatt counts a rate for the power of the boards that it takes. Prices are
// the operator's own; power is what of the cost a datasheet states.
func perWatt(r *Result) float64 {
	w := &r.Case.W
	if w.Hardware.PowerW <= 0 {
		return 0
	}
	return 1 / (w.Hardware.PowerW * float64(max(1, w.Devices)))
}
