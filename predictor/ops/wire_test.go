package ops

import (
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// Only copies of a model send each other anything, and only when they learn or
// one process runs all of them.
func TestExchange(t *testing.T) {
	m := &perf.Model{Family: "vision", Params: 1e6}
	for _, c := range []struct {
		devices, tensor      int
		training, replicates bool
		wire                 float64
	}{
		{1, 1, true, true, 0},
		{4, 4, true, true, 0},
		{4, 1, false, false, 0},
		{4, 1, true, false, 2 * 3. / 4 * 4e6},
		{4, 2, true, false, 2 * 1. / 2 * 4 * 0.5e6},
		{4, 1, false, true, 3 * 4e6},
	} {
		w := perf.Workload{Config: perf.Config{Devices: c.devices, TensorParallel: c.tensor, PipelineParallel: 1, Precision: perf.FP32}, Facts: m}
		if got := Exchange(w, c.training, c.replicates).Wire; got != c.wire {
			t.Errorf("%+v: %g bytes", c, got)
		}
	}
}
