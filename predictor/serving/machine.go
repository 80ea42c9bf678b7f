package serving

import (
	"math"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// Class is how a matrix product computes: what its operands are stored and
// multiplied in. Each has efficiencies of its own.
type Class uint8

// The classes.
const (
	Half       Class = iota // 16-bit (or wider) weights and arithmetic
	Eight                   // 8-bit weights and arithmetic: fp8, int8
	Four                    // 4-bit weights and arithmetic: nvfp4, mxfp4
	WeightOnly              // 4- or 8-bit weights widened to 16 bits before the product
	numClasses
)

// machine is one device as a precision sees it.
type machine struct {
	class      Class   // of the products
	expertForm Class   // of the experts' products, where those differ
	peak       float64 // FLOP/s of the products
	expertPeak float64
	half       float64 // FLOP/s in 16 bits: attention, output layer
	bandwidth  float64 // B/s
	link       float64 // B/s to a neighbour, one direction
	memory     float64 // bytes a job can have
	cores      bool    // the work is done by CPU cores

	weight, expertWeight float64 // bytes of one parameter
	cacheWidth           float64 // bytes of one cached element
}

// machineOf reads a device's facts for a precision. A four-bit mixture of
// experts keeps everything but the experts in 16 bits, as its published
// checkpoints do (gpt-oss, DeepSeek NVFP4, Kimi K2).
func machineOf(w *perf.Workload, s *shape) (machine, error) {
	d := w.Hardware
	m := machine{bandwidth: d.MemoryBandwidth, memory: d.UsableMemoryBytes(), cores: strings.Contains(d.Kind, "cpu")}
	if m.bandwidth <= 0 {
		return m, perf.Invalid("hardware", "%s: its memory bandwidth is not known; give it", d.Name)
	}
	m.half = first(d.FP16, d.BF16, d.TF32, d.FP32Matrix, d.FP32)
	if m.half <= 0 {
		m.half = 100 * m.bandwidth // the least ridge of any accelerator in use
	}
	m.half = math.Max(m.half, math.Max(d.FP32, d.FP32Matrix)) // where 16 bits are slow they are widened
	m.class, m.weight, m.peak = form(w.Precision, d, m.half)
	m.expertForm, m.expertWeight, m.expertPeak = m.class, m.weight, m.peak
	if s.experts > 0 && m.weight < 0.7 {
		m.class, m.weight, m.peak = Half, 2, m.half
	}
	m.cacheWidth = 2
	if w.Concurrency > 0 && (w.Precision == perf.FP8 || w.Precision == perf.FP4) {
		m.cacheWidth = 1 // serving engines keep keys and values in 8 bits with such weights
	}
	m.link = d.LinkBandwidth
	if m.link <= 0 {
		m.link = pcie(d)
	}
	return m, nil
}

// form says how a precision is stored and multiplied on a device.
func form(p perf.Precision, d *perf.Device, half float64) (Class, float64, float64) {
	switch p {
	case perf.FP64:
		return Half, 8, math.Max(d.FP64, half/32)
	case perf.FP32, perf.TF32:
		if p == perf.TF32 && d.TF32 > 0 {
			return Half, 4, d.TF32
		}
		return Half, 4, first(d.FP32Matrix, d.FP32, half)
	case perf.FP8:
		if d.FP8 > 0 {
			return Eight, 1, d.FP8
		}
		return WeightOnly, 1, half
	case perf.Int8:
		if d.Int8 > 0 && d.Int8 > half {
			return Eight, 1, d.Int8
		}
		return WeightOnly, 1.03, half
	case perf.FP4:
		if d.FP4 > 0 {
			return Four, 0.5625, d.FP4
		}
		return WeightOnly, 0.5625, half
	case perf.Int4, perf.W4A16:
		return WeightOnly, 0.5625, half
	case perf.Int3: // llama.cpp's Q3_K, Q5_K and Q6_K
		return WeightOnly, 0.43, half
	case perf.Int5:
		return WeightOnly, 0.69, half
	case perf.Int6:
		return WeightOnly, 0.82, half
	case perf.W8A16:
		return WeightOnly, 1.03, half
	}
	return Half, 2, half
}

// pcie is the bandwidth between devices without a link of their own, one
// direction, as all-reduce sees it: PCIe 4 x16 in servers, PCIe 5 in recent
// ones, half of that through a workstation's host bridge.
func pcie(d *perf.Device) float64 {
	x := 12e9
	if strings.Contains(d.Kind, "datacenter") {
		x = 25e9
	}
	if d.Year >= 2024 {
		x *= 2
	}
	return x
}

func first(xs ...float64) float64 {
	for _, x := range xs {
		if x > 0 {
			return x
		}
	}
	return 0
}
