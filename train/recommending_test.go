package train

import (
	"testing"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// rated is one device's rate in a configuration of some batch size.
func rated(device string, watts float64, batch int, actual, predicted float64) Result {
	k := &Case{Row: &Row{}, Stem: "resnet50", W: perf.Workload{Hardware: &perf.Device{Name: device, FP32: actual, PowerW: watts}}}
	k.W.BatchSize = batch
	return Result{Case: k, Metric: "throughput", Of: predictor.StepTime, Answered: true, Known: true, Actual: actual, Predicted: predicted}
}

func TestRecommend(t *testing.T) {
	results := []Result{
		// The best is named first, and the highest peak is the best.
		rated("a", 100, 1, 100, 90), rated("b", 100, 1, 50, 60), rated("c", 100, 1, 20, 70), rated("d", 100, 1, 10, 5),
		// The best is named last of four.
		rated("a", 100, 2, 100, 1), rated("b", 100, 2, 50, 60), rated("c", 100, 2, 20, 70), rated("d", 100, 2, 10, 5),
		// The one named first is within 5 %, the best is second.
		rated("a", 300, 4, 100, 80), rated("b", 100, 4, 96, 90), rated("c", 100, 4, 20, 70),
		// Two devices are no choice.
		rated("a", 100, 8, 100, 1), rated("b", 100, 8, 50, 60),
	}
	r := Recommend(results, Choice{})
	if r.Asked != 3 || r.Within5 != 2.0/3 || r.TopThree != 2.0/3 || r.PeakFirst != 1 {
		t.Errorf("%+v", r)
	}
	if w := Recommend(results, Choice{Worth: perWatt}); w.Asked != 3 || w.Within5 != 2.0/3 || w.PeakFirst != 1 {
		t.Errorf("per watt: %+v", w)
	}
}
