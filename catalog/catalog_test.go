package catalog

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

func load(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every embedded fact passes the checks that a user's must pass.
func TestEmbeddedFactsArePhysical(t *testing.T) {
	c := load(t)
	for _, d := range c.Devices() {
		if err := CheckDevice(*d); err != nil {
			t.Errorf("%s: %s: %v", d.Platform, d.Name, err)
		}
	}
	for _, m := range c.Models() {
		if err := CheckModel(*m); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

// The clusters of a processor are as many cores as it has, fastest first, and
// come to its peak.
func TestClustersAddUp(t *testing.T) {
	c := load(t)
	n := 0
	for _, d := range c.Devices() {
		if len(d.Clusters) == 0 {
			continue
		}
		n++
		cores, peak, last := 0, 0.0, math.Inf(1)
		for _, k := range d.Clusters {
			one := k.ClockHz * k.PerCycle
			cores, peak = cores+k.Cores, peak+float64(k.Cores)*one
			if one > last {
				t.Errorf("%s: a slower cluster comes first", d.Name)
			}
			last = one
		}
		if cores != d.Cores || math.Abs(peak/d.FP32-1) > 0.05 {
			t.Errorf("%s: clusters of %d cores and %.3g FLOP/s, facts of %d and %.3g", d.Name, cores, peak, d.Cores, d.FP32)
		}
	}
	if n < 30 {
		t.Errorf("%d processors with clusters", n)
	}
}

func TestEveryPlatformHasADefault(t *testing.T) {
	c := load(t)
	for _, p := range c.Platforms() {
		d := c.DefaultDevice(p)
		if d == nil {
			t.Errorf("%s has no default device", p)
			continue
		}
		if d.Platform != p {
			t.Errorf("the default of %s is of platform %s", p, d.Platform)
		}
		if again, err := c.Device(d.Name, p); err != nil || again.Name != d.Name {
			t.Errorf("the default of %s, %q, does not resolve to itself: %v", p, d.Name, err)
		}
	}
	for _, p := range perf.RESTPlatforms {
		if DefaultReason(p) == "" {
			t.Errorf("the default of %s has no reason", p)
		}
	}
	for _, s := range standard {
		if d, err := c.Device(s.device, s.platform); err != nil || d.Name != s.device {
			t.Errorf("the default of %s is not a canonical name: %q (%v)", s.platform, s.device, err)
		}
	}
	if d := c.DefaultDevice("no-such-platform"); d != nil {
		t.Errorf("an unknown platform has default %q", d.Name)
	}
}

// The models that the guide, the contract and the issues name.
func TestModelsOfTheGuide(t *testing.T) {
	c := load(t)
	for name, paramsM := range map[string]float64{
		"bert-base-uncased": 109.5, "google-bert/bert-base-uncased": 109.5, "gpt2": 124.4, "t5-small": 60.5,
		"llama-7b": 6738, "vit-base-patch16-224": 86.6, "resnet-50": 25.6, "resnet50": 25.6, "microsoft/resnet-50": 25.6,
		"whisper-small": 241.7, "clip-vit-base-patch32": 151.3, "roberta-base": 124.6, "stable-diffusion-v1-5": 1066,
		"facebook/opt-125m": 125.2, "meta-llama/Llama-3.1-8B": 8030, "meta-llama/Llama-3.1-70B": 70554,
	} {
		m, err := c.Model(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if !m.Sized() {
			t.Errorf("%s has no size", name)
		}
		if r := m.Params / (paramsM * 1e6); r < 0.98 || r > 1.02 {
			t.Errorf("%s has %.4g parameters, published are %.4g", name, m.Params, paramsM*1e6)
		}
	}
}

func TestDeviceNames(t *testing.T) {
	c := load(t)
	for _, x := range []struct {
		name     string
		platform perf.Platform
		want     string
	}{
		{"RTX 4090", "", "NVIDIA GeForce RTX 4090"},
		{"nvidia geforce rtx4090", perf.CUDA, "NVIDIA GeForce RTX 4090"},
		{"NVIDIA GeForce RTX 4090", perf.WebGPU, "NVIDIA GeForce RTX 4090"},
		{"Tesla T4", "", "NVIDIA T4"},
		{"NVIDIA A100-SXM4-80GB", "", "NVIDIA A100 SXM 80GB"},
		{"H100", "", "NVIDIA H100 SXM 80GB"},
		{"Intel(R) Xeon(R) Platinum 8480+", perf.CPU, "Intel Xeon Platinum 8480+"},
		{"MI300X", perf.ROCm, "AMD Instinct MI300X"},
		{"Snapdragon 8 Gen 3", perf.QNN, "Qualcomm Snapdragon 8 Gen 3 (SM8650)"},
	} {
		d, err := c.Device(x.name, x.platform)
		if err != nil {
			t.Error(err)
			continue
		}
		if d.Name != x.want || x.platform != "" && d.Platform != x.platform {
			t.Errorf("Device(%q, %q) = %q on %q, want %q", x.name, x.platform, d.Name, d.Platform, x.want)
		}
	}
}

func TestDevicesOn(t *testing.T) {
	c := load(t)
	for _, p := range c.Platforms() {
		list := c.DevicesOn(p)
		if len(list) == 0 {
			t.Errorf("%s drives no devices", p)
		}
		for i, d := range list {
			if d.Platform != p || i > 0 && d.Name == list[i-1].Name {
				t.Errorf("%s lists %s of %s", p, d.Name, d.Platform)
			}
		}
	}
}

// WebGPU reaches no matrix units, and the cuda device stays as it was.
func TestWebGPUHasVectorsOnly(t *testing.T) {
	c := load(t)
	native, err := c.Device("RTX 4090", perf.CUDA)
	if err != nil {
		t.Fatal(err)
	}
	web, err := c.Device("RTX 4090", perf.WebGPU)
	if err != nil {
		t.Fatal(err)
	}
	if web.FP16 != native.FP32 || web.TF32 != 0 || web.FP32 != native.FP32 || native.TF32 == 0 {
		t.Errorf("through WebGPU %+v, natively %+v", web, native)
	}
}

// Likeness of names is no fact: a near name is suggested, never used.
func TestUnknownNamesSuggest(t *testing.T) {
	c := load(t)
	_, err := c.Model("bert-base-uncasd")
	wantUnknown(t, err, "model_name", "bert-base-uncased")
	_, err = c.Device("RTX 4091", perf.CUDA)
	wantUnknown(t, err, "device", "NVIDIA GeForce RTX 4090")
	_, err = c.Device("NVIDIA GeForce RTX 4090", perf.ROCm)
	wantUnknown(t, err, "device", "")
	_, err = c.Model("opt-13b-nonsense-that-nobody-has")
	wantUnknown(t, err, "model_name", "")
	for _, bad := range []string{"", "   ", strings.Repeat("x", 10_000), "a\x00b", "---"} {
		if _, err := c.Model(bad); perf.AsError(err).Code != perf.CodeInvalid {
			t.Errorf("Model(%.20q): %v", bad, err)
		}
		if _, err := c.Device(bad, ""); perf.AsError(err).Code != perf.CodeInvalid {
			t.Errorf("Device(%.20q): %v", bad, err)
		}
	}
}

func wantUnknown(t *testing.T, err error, field, suggestion string) {
	t.Helper()
	var e *perf.Error
	if !errors.As(err, &e) || e.Code != perf.CodeUnknown || e.Field != field {
		t.Errorf("got %v, want an unknown %s", err, field)
		return
	}
	if suggestion != "" && !slices.Contains(e.Suggestions, suggestion) {
		t.Errorf("%v suggests %q, not %q", err, e.Suggestions, suggestion)
	}
}

func TestDigitsStayApart(t *testing.T) {
	for _, x := range [][2]string{{"opt-1.3b", "opt-13b"}, {"mobilenet_v1_1.0_224", "mobilenet_v1_10_224"}, {"RTX 40 90", "RTX 4090"}} {
		if normalise(x[0]) == normalise(x[1]) {
			t.Errorf("%q and %q are one name", x[0], x[1])
		}
	}
	if normalise("ResNet-50") != normalise("resnet_50") || normalise("ResNet-50") != normalise("resnet50") {
		t.Error("spellings of resnet-50 differ")
	}
}

func TestImageSizes(t *testing.T) {
	c := load(t)
	usual, err := c.Model("timm/resnet50")
	if err != nil {
		t.Fatal(err)
	}
	known, _ := c.ModelAt("timm/resnet50", 288)
	if usual.ImageSize != 224 || known.ImageSize != 288 || known.MACs != 6.8e9 {
		t.Errorf("usual %d, at 288: %d, %g", usual.ImageSize, known.ImageSize, known.MACs)
	}
	scaled, _ := c.ModelAt("timm/resnet50", 448)
	if scaled.ImageSize != 448 || scaled.MACs < 3.5*usual.MACs || scaled.MACs > 4.5*usual.MACs || !strings.Contains(scaled.Notes, "scaled by area") {
		t.Errorf("at 448: %g multiply-accumulates (%s)", scaled.MACs, scaled.Notes)
	}
}

func TestWithDevice(t *testing.T) {
	c := load(t)
	ok := perf.Device{Name: "Test GPU", Platform: perf.CUDA, Kind: "consumer-gpu", FP32: 10e12, MemoryBandwidth: 500e9, Cores: 40, ClockHz: 1.5e9}
	own, err := c.WithDevice(ok)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := own.Device("test gpu", perf.CUDA); err != nil || !d.Custom {
		t.Errorf("the added device is not found: %v", err)
	}
	if _, err := c.Device("test gpu", ""); err == nil {
		t.Error("the base catalogue changed")
	}
	if n := len(own.Devices()) - len(c.Devices()); n != 1 {
		t.Errorf("%d devices more", n)
	}
	t4, _ := c.Device("T4", "")
	corrected := *t4
	corrected.MemoryBandwidth = 300e9
	own, err = own.WithDevice(corrected)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := own.Device("Tesla T4", ""); d.MemoryBandwidth != 300e9 {
		t.Errorf("the correction is not seen through an alias: %g", d.MemoryBandwidth)
	}
	if n := len(own.Devices()) - len(c.Devices()); n != 1 {
		t.Errorf("%d devices more after a correction", n)
	}
	for field, change := range map[string]func(*perf.Device){
		"memory_bandwidth": func(d *perf.Device) { d.MemoryBandwidth = 0 },
		"fp32":             func(d *perf.Device) { d.FP32 = 40 * 1.5e9 * 1000 },
		"name":             func(d *perf.Device) { d.Name = " " },
		"platform":         func(d *perf.Device) { d.Platform = "CUDA!" },
		"cores":            func(d *perf.Device) { d.Cores = -1 },
	} {
		bad := ok
		change(&bad)
		if _, err := c.WithDevice(bad); err == nil || perf.AsError(err).Field != field {
			t.Errorf("a device with a bad %s: %v", field, err)
		}
	}
}

// A user's model is found by its name and aliases, replaces what it corrects,
// and takes no name that it was not given.
func TestWithModel(t *testing.T) {
	c := load(t)
	own, err := c.WithModel(
		perf.Model{Name: "me/bert-base-uncased", Kind: "encoder", Layers: 3, Hidden: 768, Heads: 12, Params: 45e6, Aliases: []string{"my-bert"}},
		perf.Model{Name: "gpt2", Kind: "decoder", Family: "my own family", Layers: 12, Hidden: 768, Heads: 12, Params: 124e6},
	)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := own.Model("MY-BERT"); err != nil || m.Layers != 3 || m.Family != "embedding" || m.Stem == "" {
		t.Errorf("my-bert is %+v (%v)", m, err)
	}
	if m, err := own.Model("bert-base-uncased"); err != nil || m.Layers != 12 {
		t.Errorf("bert-base-uncased became %+v (%v)", m, err)
	}
	if m, err := own.Model("gpt2"); err != nil || m.Family != "my own family" || !m.Custom {
		t.Errorf("gpt2 is %+v (%v)", m, err)
	}
	if n := len(own.Models()) - len(c.Models()); n != 1 {
		t.Errorf("%d models more", n)
	}
	for field, m := range map[string]perf.Model{
		"model_name": {Name: ""},
		"params":     {Name: "x", Params: math.NaN()},
		"kv_heads":   {Name: "x", Heads: 2, KVHeads: 4},
		"layers":     {Name: "x", Layers: -1},
	} {
		if _, err := c.WithModel(m); err == nil || perf.AsError(err).Field != field {
			t.Errorf("a model with bad %s: %v", field, err)
		}
	}
}

// Look-ups and changes at the same time, for the race detector.
func TestConcurrentUse(t *testing.T) {
	c := load(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := c.Model("bert-base-uncased"); err != nil {
					t.Error(err)
				}
				if _, err := c.Device("H100", perf.CUDA); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 3 {
		if _, err := c.WithModel(perf.Model{Name: "x", Params: 1e6}); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}

func BenchmarkModel(b *testing.B) {
	c := load(b)
	for b.Loop() {
		if _, err := c.Model("google-bert/bert-base-uncased"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnknownModel(b *testing.B) {
	c := load(b)
	for b.Loop() {
		if _, err := c.Model("bert-base-uncasd"); err == nil {
			b.Fatal("found")
		}
	}
}

func TestOneModelHasManyNames(t *testing.T) {
	c := load(t)
	for want, names := range map[string][]string{
		"bert-base-uncased":   {"google-bert/bert-base-uncased", "BERT-base-uncased"},
		"microsoft/resnet-50": {"resnet50", "resnet-50", "ResNet-50", "torchvision/resnet50"},
	} {
		for _, name := range names {
			if m, err := c.Model(name); err != nil || m.Name != want {
				t.Errorf("%s is %v, %v, want %s", name, m, err, want)
			}
		}
	}
}
