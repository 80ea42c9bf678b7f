package predictor

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
)

// Peak is the rate at which a device computes in a precision.
type Peak struct {
	FLOPs  float64        // FLOP/s, or OP/s of integers
	Ran    perf.Precision // what it really computes in
	Vector float64        // FLOP/s outside the matrix units
}

// PeakOf finds the rate for a precision, falling back to the precision the
// device would really run in: 16 bits run in fp32 where they are slower
// (Pascal) or absent, 8-bit floats in 16 bits, integers in the fastest float.
// Weight-only formats compute in 16 bits. ok is false when the device states
// no peak at all.
func PeakOf(d *perf.Device, p perf.Precision, tf32 bool) (Peak, bool) {
	fp32 := math.Max(d.FP32, d.FP32Matrix)
	vector := d.FP32
	var half, int8 = math.Max(d.FP16, d.BF16), d.Int8
	if fp32 == 0 { // accelerators that state only what they are sold for
		switch {
		case half > 0:
			fp32 = half / 4
		case int8 > 0:
			fp32 = int8 / 8
		case d.FP8 > 0:
			fp32 = d.FP8 / 8
		case d.FP32 == 0 && d.Cores > 0 && d.ClockHz > 0:
			fp32 = 8 * float64(d.Cores) * d.ClockHz // one 128-bit multiply-add a cycle and core
		}
	}
	if vector == 0 {
		vector = fp32 / 2
	}
	if fp32 == 0 {
		return Peak{}, false
	}
	pk := Peak{FLOPs: fp32, Ran: perf.FP32, Vector: vector}
	try := func(x float64, ran perf.Precision) {
		if x >= pk.FLOPs { // a format no faster than fp32 still halves the bytes
			pk.FLOPs, pk.Ran = x, ran
		}
	}
	switch p {
	case perf.FP64:
		pk.Ran = perf.FP64
		pk.FLOPs = d.FP64
		if d.FP64 == 0 {
			pk.FLOPs = fp32 / 2
			if d.Platform != perf.CPU {
				pk.FLOPs = fp32 / 32
			}
		}
		pk.Vector = pk.FLOPs
	case perf.FP32:
		if tf32 {
			try(d.TF32, perf.TF32)
		}
	case perf.TF32:
		try(d.TF32, perf.TF32)
	case perf.FP16, perf.AMP, perf.W4A16, perf.W8A16, perf.Int3, perf.Int4, perf.Int5, perf.Int6:
		try(d.FP16, perf.FP16)
		if pk.Ran == perf.FP32 {
			try(d.BF16, perf.BF16)
		}
	case perf.BF16, perf.AMPBF16:
		try(d.BF16, perf.BF16)
	case perf.FP8:
		try(half, widest16(d))
		try(d.FP8, perf.FP8)
	case perf.FP4:
		try(half, widest16(d))
		try(d.FP8, perf.FP8)
		try(d.FP4, perf.FP4)
	case perf.Int8:
		if d.Platform != perf.CPU || d.Int8 == 0 {
			try(half, perf.FP16)
		}
		try(int8, perf.Int8)
	}
	return pk, true
}

// widest16 is the 16-bit format of a device that 8-bit floats are computed in
// where it has none of their own.
func widest16(d *perf.Device) perf.Precision {
	if d.BF16 > 0 {
		return perf.BF16
	}
	return perf.FP16
}

// fastest is a device's rate in the format that it is fastest in.
func fastest(d *perf.Device) float64 {
	return slices.Max([]float64{d.FP32, d.FP32Matrix, d.TF32, d.FP16, d.BF16, d.FP8, d.FP4, d.Int8, d.Int4})
}

// lacks reports whether running in pk.Ran is a fallback from p worth a warning.
func lacks(p perf.Precision, pk Peak) bool {
	switch p {
	case perf.FP32, perf.TF32:
		return p == perf.TF32 && pk.Ran != perf.TF32
	case perf.FP16, perf.AMP:
		return pk.Ran == perf.FP32
	case perf.BF16, perf.AMPBF16:
		return pk.Ran == perf.FP32
	case perf.FP64:
		return false
	case perf.W4A16, perf.W8A16, perf.Int3, perf.Int4, perf.Int5, perf.Int6:
		return false // weights only: arithmetic in a wider format is what the name says
	}
	return pk.Ran != p
}

// bandwidth of the device's memory in B/s; where the datasheet states none
// (accelerators with on-chip memory) it is taken as what keeps the peak busy
// at 30 operations a byte.
func bandwidth(d *perf.Device, pk Peak) float64 {
	if d.MemoryBandwidth > 0 {
		return d.MemoryBandwidth
	}
	return pk.FLOPs / 30
}

// threads is how many of a host's cores the workload may use and which share
// of the device's rates that is. A single core draws a fifth of what saturates
// the memory of a small chip, and rather less on a server.
func threads(w perf.Workload) (n int, compute, memory float64) {
	d := w.Hardware
	if !host(d) || w.Threads <= 0 || d.Cores <= 0 || w.Threads >= d.Cores {
		return max(1, d.Cores), 1, 1
	}
	few := float64(w.Threads) / float64(d.Cores)
	return w.Threads, d.ShareOf(w.Threads), math.Min(1, math.Max(few, math.Pow(few, 0.6)))
}
