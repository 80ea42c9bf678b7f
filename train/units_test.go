package train

import (
	"math"
	"testing"

	"github.com/perfcast/perfcast/catalog"
)

// Rows whose numbers count otherwise than their columns say are views of the
// same times as if they had been written down in full.
func TestUnits(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	o := NewObserver(c)
	const v100 = "NVIDIA Tesla V100 SXM2 16GB"
	for _, test := range []struct {
		name string
		row  Row
		step float64 // s, of the first view
	}{
		{"molecules a millisecond", Row{Model: "dle/dglpytorch/DrugDiscovery/SE3Transformer", Framework: "DGLPyTorch", Mode: "inference", Batch: 800, Throughput: 4.67, Unit: "items/s"},
			800 / 4670.},
		{"seconds in a column of milliseconds, and a throughput without its exponent", Row{Model: "dle/pytorch/Recommendation/NCF", Framework: "PyTorch", Mode: "inference",
			Batch: 16384, Throughput: 2.15241, Unit: "items/s", LatencyMs: 0.000761}, 0.000761},
		{"thousands of tokens", Row{Model: "dle/tensorflow/Translation/GNMT", Framework: "TensorFlow", Mode: "training", Batch: 128, Throughput: 29, Unit: "tokens/s"},
			128 * 512 / 29e3},
		{"as stated", Row{Model: "torchvision/resnet50", Framework: "pytorch", Mode: "inference", Batch: 32, Throughput: 640, Unit: "samples/s"}, 0.05},
	} {
		test.row.Device, test.row.Platform, test.row.Devices, test.row.Precision = v100, "cuda", 1, "fp32"
		k := o.Observe(&test.row)
		if k.Reason != "" || len(k.Views) == 0 {
			t.Errorf("%s: %d views, %s", test.name, len(k.Views), k.Reason)
			continue
		}
		v := k.Views[0]
		if got := v.Latent(v.Actual); math.Abs(got/test.step-1) > 1e-9 {
			t.Errorf("%s: a step of %g s, want %g", test.name, got, test.step)
		}
		if back := v.Shown(v.Latent(v.Actual)); math.Abs(back/v.Actual-1) > 1e-9 {
			t.Errorf("%s: %g in the file's unit comes back as %g", test.name, v.Actual, back)
		}
	}
}
