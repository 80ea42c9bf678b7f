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

// ThisMachine is the name of the device that these measurements calibrate.
const ThisMachine = "this machine"

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

// Device is this machine with its measured peak and bandwidth, the best of the
// repeats, in the place of a datasheet's.
func (r Result) Device() perf.Device {
	h := r.Host
	note := "peak of fp32 multiply-adds and bandwidth of copying memory, measured"
	if !r.Vectors {
		note = "the peak was measured without vector instructions, and is too low"
	}
	d := perf.Device{Name: ThisMachine, Vendor: h.Vendor, Platform: perf.CPU, Kind: "cpu",
		FP32: r.Peak.Best, MemoryBytes: h.MemoryBytes, MemoryBandwidth: r.Bandwidth.Best,
		CacheBytes: h.CacheBytes, Cores: h.Cores, ClockHz: h.ClockHz,
		Notes: h.CPU + ": " + note, Source: "perfcast's own CPU benchmarks"}
	if h.CPU != "unknown processor" {
		d.Aliases = []string{"this machine (" + h.CPU + ")"}
	}
	return d
}

// LayerModel is the encoder layer as a model of the catalogue.
func LayerModel() perf.Model {
	return perf.Model{Name: "perfcast-encoder-layer", Family: "embedding", Kind: "encoder", Architecture: "bert",
		Params: LayerParams, Layers: 1, Hidden: Hidden, Intermediate: Intermediate, Heads: Heads, KVHeads: Heads, HeadDim: headDim, MaxPosition: 512,
		Notes: "one layer of BERT-base without embeddings, as perfcast's own CPU benchmark computes it", Source: "perfcast"}
}
