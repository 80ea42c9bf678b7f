package train

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// The synthetic set: models and devices of the catalogue, whose times follow
// the stated cost, a factor of each device and of each design, and noise.
const noise = 0.10 // standard deviation of ln(time)

var syntheticDevices = []string{"NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 4090", "NVIDIA A100 SXM 80GB", "NVIDIA H100 SXM 80GB", "NVIDIA T4",
	"NVIDIA L4", "NVIDIA A10", "NVIDIA A30", "NVIDIA L40S", "NVIDIA Tesla V100 SXM2 16GB"}

func mustCatalog(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// synthetic makes n rows. Effects are drawn from the seed, so that two sets of
// one seed differ in nothing.
func synthetic(t testing.TB, seed uint64, n int) []Case {
	t.Helper()
	c := mustCatalog(t)
	o := NewObserver(c)
	r := rand.New(rand.NewPCG(seed, 1))
	var models []string
	for _, m := range c.Models() {
		if strings.HasPrefix(m.Name, "timm/") && m.MACs > 1e8 && m.Activations > 0 && (len(models) == 0 || models[len(models)-1] != m.Name) {
			models = append(models, m.Name)
		}
	}
	r.Shuffle(len(models), func(i, j int) { models[i], models[j] = models[j], models[i] })
	models = models[:150]
	device, design := map[string]float64{}, map[string]float64{}
	for _, d := range syntheticDevices {
		device[d] = 0.2 * r.NormFloat64()
	}
	for _, m := range models {
		design[m] = 0.2 * r.NormFloat64()
	}
	var cases []Case
	for range n {
		m, d := models[r.IntN(len(models))], syntheticDevices[r.IntN(len(syntheticDevices))]
		row := &Row{Source: fmt.Sprintf("lab-%d", r.IntN(5)), Model: m, Family: "vision", Platform: "cuda", Device: d, Devices: 1,
			Framework: "pytorch 2.4.0 eager", Precision: "amp", Mode: "inference", Batch: float64(int(1) << r.IntN(9)), LatencyMs: 1}
		k := o.Observe(row)
		if k.Reason != "" {
			t.Fatalf("%s on %s: %s", m, d, k.Reason)
		}
		in, err := predictor.InputOf(k.W, predictor.StepTime, k.Manner)
		if err != nil {
			t.Fatal(err)
		}
		row.LatencyMs = 1e3 * in.Cost.Stated * math.Exp(device[d]+design[m]+noise*r.NormFloat64())
		cases = append(cases, o.Observe(row))
	}
	return cases
}

func quick() Options {
	o := DefaultOptions()
	o.Trees, o.Folds, o.Sweeps, o.CalibrationFolds = 30, 2, 10, 2
	return o
}

// The same data give the same bytes, on however many cores.
func TestTrainingIsDeterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var first []byte
	for _, cores := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(cores)
		a, err := Train(&Corpus{Cases: synthetic(t, 1, 800)}, quick())
		if err != nil {
			t.Fatal(err)
		}
		b, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Fatalf("%d cores gave other bytes", cores)
		}
	}
	if _, err := predictor.New(first); err != nil {
		t.Errorf("the artefact does not read back: %v", err)
	}
}

// On data of known noise the interval covers what it says, on rows, designs
// and devices never seen, and is not much wider than it need be: in the mean of
// several worlds, as each has but ten devices to learn from.
func TestIntervalsCover(t *testing.T) {
	const worlds = 3
	for _, split := range []string{"row", "model", "device"} {
		coverage, excess := 0.0, 0.0
		for seed := range uint64(worlds) {
			results, err := CrossValidate(&Corpus{Cases: synthetic(t, 2+seed, 6000)}, split, 2, 0, quick(), nil)
			if err != nil {
				t.Fatal(err)
			}
			s := Summarise(split, results)
			t.Logf("%s: median error %.1f %%, coverage %.1f %%, width x%.2f, %.2f of an oracle's", split, s.Median, 100*s.Coverage, s.Width, s.Excess)
			coverage, excess = coverage+s.Coverage/worlds, excess+s.Excess/worlds
		}
		if coverage < 0.80 || coverage > 0.985 {
			t.Errorf("%s: the 90 %% interval covers %.1f %%", split, 100*coverage)
		}
		if excess > 2.5 {
			t.Errorf("%s: the interval is %.2f times as wide as an oracle's", split, excess)
		}
	}
}

// On rows of known designs and devices little more than the noise is left.
func TestEffectsAreFound(t *testing.T) {
	results, err := CrossValidate(&Corpus{Cases: synthetic(t, 3, 4000)}, "row", 2, 0, quick(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := Summarise("row", results)
	floor := 100 * 0.6745 * noise // median |error| of the noise itself
	if s.Median > 1.35*floor {
		t.Errorf("median error %.1f %%, the noise alone %.1f %%", s.Median, floor)
	}
}

// Ten measurements of a new device make its answers better.
func TestFewMeasurementsHelp(t *testing.T) {
	c := &Corpus{Cases: synthetic(t, 4, 3000)}
	o := quick()
	o.Calibrate = false
	var median [2]float64
	for i, few := range []int{0, 10} {
		results, err := CrossValidate(c, "device", 5, few, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		median[i] = Summarise("device", results).Median
	}
	t.Logf("median error %.1f %%, after ten measurements %.1f %%", median[0], median[1])
	if median[1] > 0.8*median[0] {
		t.Errorf("median error %.1f %% without, %.1f %% with ten measurements", median[0], median[1])
	}
}

// Near-repeats never stand on both sides of a split, and a planted one is
// caught.
func TestSplitsDoNotLeak(t *testing.T) {
	cases := synthetic(t, 5, 600)
	repeat := *cases[0].Row // the same configuration, timed again by somebody else in another version
	repeat.Source, repeat.Framework, repeat.LatencyMs = "somebody/else", "pytorch 2.5.1 eager", repeat.LatencyMs*1.01
	cases = append(cases, NewObserver(mustCatalog(t)).Observe(&repeat))
	planted := len(cases) - 1
	if cases[planted].Group != cases[0].Group {
		t.Fatal("the repeat is not recognised as one")
	}
	shared := map[string]func(k *Case) string{
		"row": func(k *Case) string { return k.Group }, "model": func(k *Case) string { return k.Stem },
		"device": deviceKey, "source": func(k *Case) string { return sourceKey(k.Row) },
	}
	for split, key := range shared {
		holdouts, err := Split(cases, split, 3)
		if err != nil {
			t.Fatal(err)
		}
		tested := 0
		for _, h := range holdouts {
			trained := map[string]bool{}
			for _, i := range h.Train {
				trained[key(&cases[i])] = true
			}
			for _, i := range h.Test {
				if trained[key(&cases[i])] {
					t.Fatalf("%s: %q is on both sides", h.Name, key(&cases[i]))
				}
			}
			tested += len(h.Test)
			if split != "source" && slices.Contains(h.Test, 0) != slices.Contains(h.Test, planted) {
				t.Errorf("%s: the planted repeat is apart from its original", h.Name)
			}
		}
		if tested != len(cases) {
			t.Errorf("%s: %d of %d cases are judged", split, tested, len(cases))
		}
	}
}

// What is judged under load is held out with its near-repeats: another version,
// another name of the same model, another way of dealing experts out.
func TestServedSplitsDoNotLeak(t *testing.T) {
	cases, o := synthetic(t, 7, 50), NewObserver(mustCatalog(t))
	row := func(model, device, framework string, tp, ep, load int) Case {
		return o.Observe(&Row{Source: "lab", Model: model, Family: "text_generation", Platform: "cuda", Device: device, Devices: tp, Framework: framework,
			Precision: "fp8", Mode: "inference", SequenceIn: 1024, SequenceOut: 512,
			Extra: map[string]any{"concurrency": float64(load), "tp": float64(tp), "moe_ep": float64(ep), "tpot_ms": 10.0, "ttft_ms": 100.0}})
	}
	for _, device := range syntheticDevices[2:4] {
		for _, tp := range []int{1, 2, 4, 8} {
			for load := 1; load <= 64; load *= 4 {
				cases = append(cases, row("deepseek-ai/DeepSeek-R1", device, "sglang 0.5.9", tp, 1, load), row("deepseek-ai/DeepSeek-V3", device, "sglang 0.5.8", tp, tp, load),
					row("meta-llama/Llama-3.1-70B", device, "vllm 0.12.0", tp, 1, load))
			}
		}
	}
	full, err := Train(&Corpus{Cases: cases}, quick())
	if err != nil {
		t.Fatal(err)
	}
	alone, err := trainServed(&Corpus{Cases: cases})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(full.Serving, alone.Serving) {
		t.Error("the serving model fitted alone is not the product's")
	}
	for split, key := range map[string]func(*Case) string{"curve": curveKey, "served-device": deviceKey, "served-model": func(k *Case) string { return k.Stem }} {
		holdouts, err := Split(cases, split, 3)
		if err != nil {
			t.Fatal(err)
		}
		tested := 0
		for _, h := range holdouts {
			tested += len(h.Test)
			held, groups := map[string]bool{}, map[string]bool{}
			for _, i := range h.Test {
				if !underLoad(&cases[i]) {
					t.Fatalf("%s: %s is judged and not under load", h.Name, cases[i].Row.Model)
				}
				held[key(&cases[i])], groups[cases[i].Group] = true, true
			}
			for _, i := range h.Train {
				if held[key(&cases[i])] || groups[cases[i].Group] {
					t.Fatalf("%s: %q is on both sides", h.Name, cases[i].Group)
				}
			}
		}
		if want := len(cases) - 50; tested != want {
			t.Errorf("%s: %d of %d cases are judged", split, tested, want)
		}
	}
}

// One chip under several names is one device to those who hold devices out; a
// slice of a board is one with its other slices.
func TestOneChipIsOneDevice(t *testing.T) {
	c := mustCatalog(t)
	of := func(name string, p perf.Platform) string {
		d, err := c.Device(name, p)
		if err != nil {
			t.Fatal(err)
		}
		return deviceKey(&Case{Row: &Row{}, W: perf.Workload{Hardware: d}})
	}
	for _, same := range [][2]string{{"ARMv8 Processor rev 1 (v8l)", "Arm Cortex-A78AE v8.2"}, {"Raspberry Pi 5", "Pi 5 - 8GB"}} {
		if of(same[0], perf.CPU) != of(same[1], perf.CPU) {
			t.Errorf("%s and %s are one chip", same[0], same[1])
		}
	}
	if of("NVIDIA A100-SXM-80GB (1x1g.10gb MIG)", perf.CUDA) != of("NVIDIA A100-SXM-80GB (7x1g.10gb MIG)", perf.CUDA) {
		t.Error("slices of one board are apart")
	}
	if of("NVIDIA A100 SXM 80GB", perf.CUDA) == of("NVIDIA A100 SXM 40GB", perf.CUDA) {
		t.Error("boards of different memory are one")
	}
}

// Both-unseen folds share neither designs nor devices.
func TestModelDeviceSplit(t *testing.T) {
	cases := synthetic(t, 6, 600)
	holdouts, err := Split(cases, "model-device", 2)
	if err != nil || len(holdouts) == 0 {
		t.Fatal(holdouts, err)
	}
	for _, h := range holdouts {
		stems, devices := map[string]bool{}, map[string]bool{}
		for _, i := range h.Train {
			stems[cases[i].Stem], devices[deviceKey(&cases[i])] = true, true
		}
		for _, i := range h.Test {
			if stems[cases[i].Stem] || devices[deviceKey(&cases[i])] {
				t.Fatalf("%s: %s on %s is known", h.Name, cases[i].Stem, deviceKey(&cases[i]))
			}
		}
	}
}

// Every row of a file comes back from cross-validation, too, in the file's
// order: judged, or with the reason why not.
func TestCrossValidationKeepsEveryRow(t *testing.T) {
	cases := synthetic(t, 5, 1200)
	cases[7].Reason, cases[7].Views = "no facts of the device", nil
	for _, c := range []struct {
		split string
		few   int
	}{{"model-device", 0}, {"device", 3}} {
		results, err := CrossValidate(&Corpus{Cases: cases}, c.split, 2, c.few, quick(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(results) != len(cases) {
			t.Fatalf("%s: %d results of %d rows", c.split, len(results), len(cases))
		}
		judged, unjudged := 0, 0
		for i, r := range results {
			if r.Case.Row != cases[i].Row {
				t.Fatalf("%s: row %d is out of its place", c.split, i)
			}
			if r.Unjudged {
				unjudged++
			} else {
				judged++
			}
		}
		rep := NewReport(results, c.split)
		if unjudged == 0 || rep.Overall.Rows != judged || rep.Overall.Answered != 1-1/float64(judged) || rep.Unspoken["no facts of the device"] != 1 {
			t.Errorf("%s: %d judged, %d not: %+v %v", c.split, judged, unjudged, rep.Overall, rep.Unspoken)
		}
		for _, n := range rep.Unjudged {
			unjudged -= n
		}
		if unjudged != 0 {
			t.Errorf("%s: %v", c.split, rep.Unjudged)
		}
	}
}
