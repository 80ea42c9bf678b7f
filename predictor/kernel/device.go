package kernel

import (
	"math"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// unit is the part of a device that does the arithmetic of an operation. How
// much of its peak is reached differs more between units than between devices.
type unit uint8

const (
	vector   unit = iota // fp32 on the ordinary cores
	matrix32             // fp32 on AMD's matrix cores
	tensor32             // tf32
	tensor16             // fp16 and bf16 matrix units
	tensor8              // fp8 and int8
	tensor4
	numUnits
)

// peakOf is the highest arithmetic rate, in FLOP/s, that d's datasheet states
// for matrix products in precision p, and the unit it belongs to. A precision
// that the device lacks runs in the next wider one that it has: fp4 and fp8 as
// fp16 (weights are unpacked), fp16 without tensor cores in fp32, as frameworks
// do on Pascal. It is 0 when the datasheet states no peak at all.
func peakOf(d *perf.Device, p perf.Precision) (float64, unit) {
	half := max(d.FP16, d.BF16)
	switch p {
	case perf.FP64:
		if d.FP64 > 0 {
			return d.FP64, vector
		}
	case perf.TF32:
		if d.TF32 > 0 {
			return d.TF32, tensor32
		}
	case perf.FP4:
		if d.FP4 > 0 {
			return d.FP4, tensor4
		}
		return peakOf(d, perf.FP16)
	case perf.FP8:
		if d.FP8 > 0 {
			return d.FP8, tensor8
		}
		return peakOf(d, perf.FP16)
	case perf.Int8:
		if d.Int8 > 0 {
			return d.Int8, tensor8
		}
		return peakOf(d, perf.FP16)
	case perf.FP16, perf.BF16, perf.AMP, perf.AMPBF16, perf.Int4, perf.W4A16, perf.W8A16:
		if half > 1.5*d.FP32 || d.FP32 == 0 && half > 0 {
			return half, tensor16
		}
	}
	if d.FP32Matrix > d.FP32 {
		return d.FP32Matrix, matrix32
	}
	return d.FP32, vector
}

// vectorPeak is the rate of element-wise arithmetic: fp32 on the ordinary cores.
func vectorPeak(d *perf.Device) float64 {
	if d.FP32 > 0 {
		return d.FP32
	}
	return max(d.FP16, d.BF16) / 8
}

// cores and cache fill in what a datasheet leaves out with figures of a middling GPU.
func cores(d *perf.Device) float64 {
	if d.Cores > 0 {
		return float64(d.Cores)
	}
	return 64
}

func cache(d *perf.Device) float64 {
	if d.CacheBytes > 0 {
		return d.CacheBytes
	}
	return 6e6
}

// headroom is the board's power for each unit of vector peak, in watts per
// TFLOP/s at the efficiency of 2016's process; what a TFLOP/s takes has halved
// every 3.2 years. NaN when not known.
func headroom(d *perf.Device) float64 {
	if d.PowerW <= 0 || d.FP32 <= 0 || d.Year < 2012 {
		return math.NaN()
	}
	return d.PowerW / (d.FP32 / 1e12) * math.Exp2(float64(d.Year-2016)/3.2)
}

// throttled reports whether d cannot hold its boost clock in long arithmetic
// for want of power. The limit lies between the T4 (13.3) and the P4 (13.6),
// which can; A10 and L4 (11) are below it, all other boards far above.
func throttled(d *perf.Device) bool {
	h := headroom(d)
	return d.Kind != "cpu" && h < 13.5 // false for NaN
}

// amd reports whether the device's kernels come from ROCm's libraries.
func amd(d *perf.Device) bool { return d.Platform == perf.ROCm }

// bound is the least time an operation can take by the datasheet, with what
// it is made of, in seconds.
type bound struct {
	compute, memory float64
	unit            unit
}

// latency is what even an empty kernel takes, from start to end.
const latency = 1.5e-6

func (b bound) time() float64 { return max(b.compute, b.memory) + latency }

// computeShare is 1 for an operation that arithmetic alone limits, 0 for one that only
// waits for memory.
func (b bound) computeShare() float64 {
	if b.compute+b.memory == 0 {
		return 0.5
	}
	return b.compute / (b.compute + b.memory)
}

// typical is the bound as a middling memory for d's arithmetic would have it. The
// utilisation is asked of this one, so that it does not depend on the bandwidth:
// the time is the bound over it, and more bandwidth never makes it longer.
func (b bound) typical(o *ops.Op, d *perf.Device) bound {
	if peak := vectorPeak(d); peak > 0 {
		b.memory = o.Bytes * ridge / peak
	}
	return b
}

// ridge is fp32 FLOP for each byte that GPUs' memories move: 9 to 15 from P100
// to H100.
const ridge = 12

func boundOf(o *ops.Op, d *perf.Device, p perf.Precision) bound {
	var b bound
	peak := 0.0
	if product(o.Class) {
		peak, b.unit = peakOf(d, p)
	} else {
		peak = vectorPeak(d)
	}
	if peak > 0 {
		b.compute = o.FLOPs / peak
	}
	if d.MemoryBandwidth > 0 {
		b.memory = o.Bytes / d.MemoryBandwidth
	}
	return b
}

// product reports whether the class runs as matrix products.
func product(c ops.Class) bool {
	return c == ops.Matmul || c == ops.BatchedMatmul || c == ops.Attention
}
