package predictor

import (
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// TestMemo: what is remembered is what was computed, also that there is no
// answer; what bears on a step is told apart; a memo does not grow for ever.
func TestMemo(t *testing.T) {
	var m memo
	computed := 0
	step := func(w perf.Workload) (float64, bool) {
		return m.step(w, func(w perf.Workload) (float64, bool) {
			computed++
			return float64(w.BatchSize), w.BatchSize%2 == 0
		})
	}
	facts := [2]perf.Model{}
	check := func(w perf.Workload, fresh int) {
		t.Helper()
		computed = 0
		for range 2 {
			if got, ok := step(w); ok != (w.BatchSize%2 == 0) || ok && got != float64(w.BatchSize) {
				t.Errorf("%+v: %g, %v", w.Config, got, ok)
			}
		}
		if computed != fresh {
			t.Errorf("%+v was computed %d times, want %d", w.Config, computed, fresh)
		}
	}
	w := perf.Workload{Facts: &facts[0]}
	for _, w.BatchSize = range []int{4, 1, 16} {
		check(w, 1)
	}
	w.Asked, w.Family = "another name", "another word"
	check(w, 0)
	w.Facts = &facts[1]
	check(w, 1)
	w.SequenceLength = 512
	check(w, 1)
	for w.BatchSize = range 2 * maxMemo {
		step(w)
	}
	if n := len(m.steps); n > maxMemo {
		t.Errorf("it holds %d", n)
	}
}
