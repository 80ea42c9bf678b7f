package catalog

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/perfcast/perfcast/perf"
)

// maxName is the longest name, in characters, that a device, model or alias may have.
const maxName = 200

// width is what one core (CPU core, streaming multiprocessor, compute unit,
// GPU core, systolic array) can do in one cycle at most, in operations, an
// FMA being two. Each figure is the widest unit shipped so far:
// Zen 5, Sapphire Rapids and SVE cores for vectors, AMX for CPU matrices; for
// GPUs GH100's fp64 tensor cores (256), RDNA3's dual issue and CDNA3 (256),
// Blackwell's tensor cores; for systolic arrays TPU v6e's 2 x 256 x 256 x ...
type width struct{ fp64, fp32, fp32Matrix, tf32, fp16, fp8, fp4, int8, int4 float64 }

var (
	cpuWidth         = width{32, 64, 256, 512, 1024, 2048, 2048, 2048, 2048}
	gpuWidth         = width{512, 384, 512, 4096, 8192, 16384, 65536, 16384, 32768}
	mcuWidth         = width{2, 8, 8, 8, 16, 32, 32, 1024, 1024}
	acceleratorWidth = width{1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 21, 1 << 22, 1 << 22, 1 << 22, 1 << 23}
)

func widthOf(kind string) width {
	switch kind {
	case "cpu", "edge-cpu":
		return cpuWidth
	case "mcu":
		return mcuWidth
	}
	if strings.HasSuffix(kind, "-gpu") || kind == "apple-silicon" {
		return gpuWidth
	}
	return acceleratorWidth
}

// Outer limits of single facts: whatever is beyond has a slipped unit.
const (
	maxPeak      = 1e19 // OP/s
	minBandwidth = 1e6  // B/s: less than any microcontroller's SRAM
	maxBandwidth = 1e14 // B/s
	maxMemory    = 1e15 // bytes
	maxClock     = 2e10 // Hz
	maxCores     = 2e6
)

// CheckDevice refuses a device that cannot be, with a *perf.Error that names
// the field and the reason: no name, no platform, no memory bandwidth, no peak
// at all, a number that is not finite or out of all range, or a peak beyond
// cores x clock x the widest known unit of that kind.
func CheckDevice(d perf.Device) error {
	if err := checkNames("name", d.Name, d.Aliases); err != nil {
		return err
	}
	if err := checkPlatform(d.Platform); err != nil {
		return err
	}
	if err := checkText(d.Vendor, d.Kind, d.Notes, d.Source); err != nil {
		return err
	}
	w := widthOf(d.Kind)
	peaks := []struct {
		field string
		peak  float64
		width float64
	}{
		{"fp64", d.FP64, w.fp64}, {"fp32", d.FP32, w.fp32}, {"fp32_matrix", d.FP32Matrix, w.fp32Matrix},
		{"tf32", d.TF32, w.tf32}, {"fp16", d.FP16, w.fp16}, {"bf16", d.BF16, w.fp16}, {"fp8", d.FP8, w.fp8},
		{"fp4", d.FP4, w.fp4}, {"int8", d.Int8, w.int8}, {"int4", d.Int4, w.int4},
	}
	some := false
	for _, p := range peaks {
		if err := within(p.field, p.peak, 0, maxPeak, "operations/s"); err != nil {
			return err
		}
		some = some || p.peak > 0
	}
	for _, f := range []struct {
		field     string
		value     float64
		low, high float64
		unit      string
	}{
		{"memory_bandwidth", d.MemoryBandwidth, minBandwidth, maxBandwidth, "B/s"},
		{"memory", d.MemoryBytes, 0, maxMemory, "bytes"},
		{"cache", d.CacheBytes, 0, maxMemory, "bytes"},
		{"cores", float64(d.Cores), 0, maxCores, "cores"},
		{"clock", d.ClockHz, 0, maxClock, "Hz"},
		{"power", d.PowerW, 0, 1e6, "W"},
		{"link_bandwidth", d.LinkBandwidth, 0, maxBandwidth, "B/s"},
		{"year", float64(d.Year), 0, 2100, ""},
	} {
		if err := within(f.field, f.value, f.low, f.high, f.unit); err != nil {
			return err
		}
	}
	if !some {
		return perf.Invalid("fp32", "%s: no peak is given; state at least one of fp32, fp16, bf16 and int8", d.Name)
	}
	const rounding = 1.05 // datasheets round peak and clock apart
	for _, p := range peaks {
		limit := float64(d.Cores) * d.ClockHz * p.width
		if limit > 0 && p.peak > limit*rounding {
			return perf.Invalid(p.field, "%s: %.4g operations/s is beyond %d cores x %.4g GHz x %.0f operations per core and cycle = %.4g, the widest unit known for kind %q",
				d.Name, p.peak, d.Cores, d.ClockHz/1e9, p.width, limit, d.Kind)
		}
	}
	return nil
}

// CheckModel refuses a model that cannot be, with a *perf.Error that names the
// field: no name, numbers out of all range, or dimensions that contradict each
// other. Facts may be missing; see perf.Model.Sized.
func CheckModel(m perf.Model) error {
	if err := checkNames("model_name", m.Name, m.Aliases); err != nil {
		return err
	}
	if err := checkText(m.Family, m.Kind, m.Architecture, m.Notes, m.Source); err != nil {
		return err
	}
	for _, f := range []struct {
		field string
		value float64
		high  float64
	}{
		{"params", m.Params, 1e15}, {"active_params", m.ActiveParams, 1e15},
		{"macs", m.MACs, 1e18}, {"activations", m.Activations, 1e15}, {"passes", m.Passes, 1e6},
		{"layers", float64(m.Layers), 10_000}, {"decoder_layers", float64(m.DecoderLayers), 10_000},
		{"hidden", float64(m.Hidden), 1 << 20}, {"intermediate", float64(m.Intermediate), 1 << 23},
		{"heads", float64(m.Heads), 1 << 16}, {"kv_heads", float64(m.KVHeads), 1 << 16}, {"head_dim", float64(m.HeadDim), 1 << 16},
		{"vocab", float64(m.Vocab), 1 << 26}, {"max_position", float64(m.MaxPosition), 1 << 30},
		{"experts", float64(m.Experts), 1 << 16}, {"experts_per_token", float64(m.ExpertsPerToken), 1 << 16},
		{"expert_intermediate", float64(m.ExpertIntermediate), 1 << 23},
		{"latent_kv", float64(m.LatentKV), 1 << 20}, {"cache_layers", float64(m.CacheLayers), 10_000},
		{"window", float64(m.Window), 1 << 30}, {"window_layers", float64(m.WindowLayers), 10_000},
		{"image_size", float64(m.ImageSize), 1e6}, {"patch", float64(m.Patch), 1e6},
	} {
		if err := within(f.field, f.value, 0, f.high, ""); err != nil {
			return err
		}
	}
	switch {
	case m.KVHeads > m.Heads && m.Heads > 0:
		return perf.Invalid("kv_heads", "%d key-value heads are more than the %d heads", m.KVHeads, m.Heads)
	case m.ExpertsPerToken > m.Experts:
		return perf.Invalid("experts_per_token", "%d experts per token are more than the %d experts", m.ExpertsPerToken, m.Experts)
	case m.ActiveParams > m.Params && m.Params > 0:
		return perf.Invalid("active_params", "%.4g active parameters are more than all %.4g", m.ActiveParams, m.Params)
	case m.WindowLayers > m.Layers+m.DecoderLayers:
		return perf.Invalid("window_layers", "%d windowed layers are more than all %d", m.WindowLayers, m.Layers+m.DecoderLayers)
	case m.CacheLayers > m.Layers+m.DecoderLayers:
		return perf.Invalid("cache_layers", "%d layers with a cache are more than all %d", m.CacheLayers, m.Layers+m.DecoderLayers)
	}
	return nil
}

func within(field string, v, low, high float64, unit string) error {
	if !perf.Finite(v) {
		return perf.Invalid(field, "is not a finite number")
	}
	if v < low || v > high {
		return perf.Invalid(field, "%s", strings.TrimSpace(trimFloat(v)+" is outside "+trimFloat(low)+" to "+trimFloat(high)+" "+unit))
	}
	return nil
}

func checkNames(field, name string, aliases []string) error {
	if err := checkName(field, name); err != nil {
		return err
	}
	if len(aliases) > 100 {
		return perf.Invalid("aliases", "%d aliases are more than 100", len(aliases))
	}
	for _, a := range aliases {
		if err := checkName("aliases", a); err != nil {
			return err
		}
	}
	return nil
}

// checkName wants 1 to 200 printable characters, one of them a letter or digit.
func checkName(field, name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return perf.Invalid(field, "is empty")
	case len(name) > 4*maxName || utf8.RuneCountInString(name) > maxName:
		return perf.Invalid(field, "is longer than %d characters", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return perf.Invalid(field, "has characters that cannot be printed")
	case !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return perf.Invalid(field, "has no letter or digit")
	}
	return nil
}

func checkPlatform(p perf.Platform) error {
	if p == "" || len(p) > 32 || strings.ContainsFunc(string(p), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		return perf.Invalid("platform", "%s is not 1 to 32 of a-z, 0-9, - and _", quoted(string(p)))
	}
	return nil
}

func checkText(texts ...string) error {
	for _, s := range texts {
		if len(s) > 10_000 || !utf8.ValidString(s) {
			return perf.Invalid("notes", "texts are at most 10000 bytes of UTF-8")
		}
	}
	return nil
}
