package cpubench

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"github.com/perfcast/perfcast/perf"
)

// ThisMachine is how the name of the device begins that these measurements
// calibrate, and an alias of it.
const ThisMachine = "This machine"

// Host is what the system says of the processor and memory.
type Host struct {
	CPU         string // "AMD EPYC 9354 32-Core Processor"
	Vendor      string
	Cores       int     // that this process may use
	ClockHz     float64 // 0 = not known
	CacheBytes  float64 // last level; 0 = not known
	MemoryBytes float64 // 0 = not known
	System      string  // "linux/amd64"
}

// FindHost asks the system.
func FindHost() Host {
	h := Host{CPU: strings.TrimSpace(cpuid.CPU.BrandName), Vendor: cpuid.CPU.VendorString, Cores: runtime.GOMAXPROCS(0),
		ClockHz: float64(max(cpuid.CPU.BoostFreq, cpuid.CPU.Hz, 0)), MemoryBytes: memory(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if c := max(cpuid.CPU.Cache.L3, cpuid.CPU.Cache.L2); c > 0 {
		h.CacheBytes = float64(c)
	}
	if h.CPU == "" {
		h.CPU = "unknown processor"
	}
	return h
}

// memory is the machine's memory in bytes as Linux tells it; 0 elsewhere.
func memory() float64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var kb float64
		if n, _ := fmt.Sscanf(sc.Text(), "MemTotal: %f kB", &kb); n == 1 {
			return kb * 1024
		}
	}
	return 0
}

// Environment describes the host for a measurement.
func (h Host) Environment() map[string]string {
	return map[string]string{"cpu": h.CPU, "cores": fmt.Sprint(h.Cores), "system": h.System}
}

// Calibrate gives a device the peak and bandwidth that were measured, the best
// of the repeats. The peaks of its other precisions keep their ratio to fp32.
func (r Result) Calibrate(d perf.Device) perf.Device {
	note := "fp32 peak and bandwidth of copying memory measured by perfcast's CPU benchmarks"
	if !r.Vectors {
		note += "; without vector instructions, so the peak is too low"
	}
	if d.FP32 > 0 {
		k := r.Peak.Best / d.FP32
		for _, peak := range []*float64{&d.FP64, &d.FP16, &d.BF16, &d.FP8, &d.FP4, &d.Int8, &d.Int4} {
			*peak *= k
		}
	}
	d.FP32, d.FP32Matrix, d.TF32 = r.Peak.Best, 0, 0
	d.MemoryBandwidth = r.Bandwidth.Best
	for _, f := range []struct {
		fact *float64
		from float64
	}{{&d.MemoryBytes, r.Host.MemoryBytes}, {&d.CacheBytes, r.Host.CacheBytes}} {
		if *f.fact == 0 {
			*f.fact = f.from
		}
	}
	d.Notes, d.Source = note, "measured on this host"
	return d
}

// Device is this machine by its measurements alone, for where nothing else is
// known of it.
func (r Result) Device() perf.Device {
	h := r.Host
	return r.Calibrate(perf.Device{Name: ThisMachine + ": " + h.CPU, Vendor: h.Vendor, Platform: perf.CPU, Kind: "cpu",
		Aliases: []string{ThisMachine}, Cores: h.Cores, ClockHz: h.ClockHz})
}

// LayerModel is the encoder layer as a model of the catalogue.
func LayerModel() perf.Model {
	return perf.Model{Name: "perfcast-encoder-layer", Family: "embedding", Kind: "encoder", Architecture: "bert",
		Params: LayerParams, Layers: 1, Hidden: Hidden, Intermediate: Intermediate, Heads: Heads, KVHeads: Heads, HeadDim: headDim, MaxPosition: 512,
		Notes: "one layer of BERT-base without embeddings, as perfcast's own CPU benchmark computes it", Source: "perfcast"}
}
