package predictor

import (
	"reflect"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

func TestSlipsAreQuarantinedUntilRepeated(t *testing.T) {
	p := mustDefault(t)
	w := workload(resnet50, a100, 32, 0, perf.FP16)
	prior := mustPredict(t, p, w)
	slip := prior.Latency.Value * 1000
	v, err := p.Learn(w, measured("meas-1", slip))
	if err != nil || !v.Quarantined || v.Reason == "" {
		t.Fatalf("%+v %v", v, err)
	}
	if out := mustPredict(t, p, w); !reflect.DeepEqual(out, prior) {
		t.Error("a quarantined measurement changed the answer")
	}
	v, _ = p.Learn(w, measured("meas-2", slip*1.01))
	if v.Quarantined || len(v.Released) != 1 || v.Released[0] != "meas-1" {
		t.Fatalf("%+v", v)
	}
	if out := mustPredict(t, p, w); out.Basis != perf.BasisMeasured || out.Latency.Value < slip {
		t.Errorf("after the repeat: %s %g", out.Basis, out.Latency.Value)
	}
}

func TestEveryMetricIsHeldWhenItCannotBe(t *testing.T) {
	p := mustDefault(t)
	served := workload(llama, a100, 1, 1024, perf.BF16)
	served.Runtime, served.OutputLength, served.Concurrency = "vllm", 256, 16
	prior := mustPredict(t, p, served)
	for name, x := range map[string]struct {
		w perf.Workload
		m perf.Measurement
	}{
		"more memory than there is": {served, perf.Measurement{ID: "m", Memory: new(2 * a100.MemoryBytes)}},
		"next to no memory":         {served, perf.Measurement{ID: "m", Memory: new(prior.Memory.Low / 4)}},
		"too many tokens":           {served, perf.Measurement{ID: "m", OutputTokensPerSec: new(4 * prior.OutputTokensPerSec.High)}},
		"a step below the bound":    {served, perf.Measurement{ID: "m", Latency: new(0.9 * prior.Attainable)}},
	} {
		if v, err := p.Learn(x.w, x.m); err != nil || !v.Quarantined || v.Reason == "" {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	if out := mustPredict(t, p, served); !reflect.DeepEqual(out, prior) {
		t.Error("what was held changed the answer")
	}
}

// A value below the bound, said twice, is the answer of its own configuration
// and teaches nothing of others.
func TestTheImpossibleTeachesNothing(t *testing.T) {
	p := mustDefault(t)
	w, other := workload(resnet50, a100, 32, 0, perf.FP16), workload(resnet50, a100, 64, 0, perf.FP16)
	before := mustPredict(t, p, other)
	slip := 0.5 * mustPredict(t, p, w).Attainable
	for _, id := range []string{"meas-1", "meas-2"} {
		if _, err := p.Learn(w, measured(id, slip)); err != nil {
			t.Fatal(err)
		}
	}
	if out := mustPredict(t, p, w); out.Latency.Value != slip {
		t.Errorf("%g, want %g", out.Latency.Value, slip)
	}
	if out := mustPredict(t, p, other); out.Latency != before.Latency {
		t.Errorf("the neighbour went from %v to %v", before.Latency, out.Latency)
	}
}

func TestConfirmReleases(t *testing.T) {
	p := mustDefault(t)
	w := workload(resnet50, a100, 32, 0, perf.FP16)
	if v, _ := p.Learn(w, measured("meas-1", 1e3)); !v.Quarantined {
		t.Fatal("not quarantined")
	}
	if p.Confirm(w, "meas-9") || !p.Confirm(w, "meas-1") {
		t.Error("confirmed the wrong one")
	}
	if out := mustPredict(t, p, w); out.Latency.Value != 1e3 {
		t.Errorf("latency %g", out.Latency.Value)
	}
}
