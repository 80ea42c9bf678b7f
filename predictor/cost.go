package predictor

import (
	"math"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// The parts a step's time is made of.
const (
	partCompute     = iota // arithmetic at the peak
	partActivations        // activations through memory
	partWeights            // parameters and cached keys and values through memory
	partWire               // between devices
	partHost               // launches and the work around a step
	NumParts
)

// Cost is the time of one step taken apart, in seconds.
type Cost struct {
	Attainable float64 // no step of this workload can be shorter
	Ideal      float64 // every operation at the datasheet's rates, one after the other
	Stated     float64 // with the runtime's stated utilisation and overhead: the first estimate

	Parted // what Stated is made of

	ops.Totals
	Peak      float64 // FLOP/s of the matrix units, as used
	Bandwidth float64 // B/s, as used
	Launches  float64 // kernels after fusing
}

// Savings an attainable bound must leave room for: fast convolution algorithms
// need up to 2.25 times fewer multiplications (Winograd F(2x2,3x3), Lavin and
// Gray 2016; larger tiles save more but not over a whole model), and devices
// clock above the figure their peak was stated at, CPUs well above.
const (
	winograd    = 2.25
	overclock   = 1.1
	turboCPU    = 1.5
	reached     = 0.85 // share of a link's rate that a ring all-reduce reaches
	forkJoin    = 1e-7 // s that each further thread adds to a parallel loop's start and end (EPCC's OpenMP microbenchmarks: some 5 us for 64)
	linkLatency = 8e-6 // s of one all-reduce among devices of one server
)

// Parted is a time in parts.
type Parted struct {
	Parts    [NumParts]float64 // s
	Parallel bool              // the host runs ahead of the device
}

// Factors scale the logarithms of a cost's parts.
type Factors [NumParts]float64

// Time is the step's time when each part takes exp(u) times as long as stated.
// Work on a device adds up. A host that runs ahead hides behind it, all but
// where both are alike: sqrt(device^2 + host^2). The time grows with each part.
func (c *Parted) Time(u *Factors) float64 {
	device := 0.0
	for k := range partHost {
		device += c.Parts[k] * math.Exp(u[k])
	}
	host := c.Parts[partHost] * math.Exp(u[partHost])
	if c.Parallel {
		return math.Sqrt(device*device + host*host)
	}
	return device + host
}

// Sensitivity is d ln Time / d u: each part's share of the time. They sum to 1.
func (c *Parted) Sensitivity(u *Factors) Factors {
	_, s := c.Linear(u)
	return s
}

// Linear is Time, and Sensitivity at it.
func (c *Parted) Linear(u *Factors) (time float64, s Factors) {
	device := 0.0
	for k := range partHost {
		if c.Parts[k] > 0 {
			s[k] = c.Parts[k] * math.Exp(u[k])
			device += s[k]
		}
	}
	host := c.Parts[partHost] * math.Exp(u[partHost])
	time = device + host
	onDevice := device / max(time, 1e-300)
	if c.Parallel {
		square := device*device + host*host
		time, onDevice = math.Sqrt(square), device*device/max(square, 1e-300)
	}
	for k := range partHost {
		s[k] *= onDevice / max(device, 1e-300)
	}
	s[partHost] = 1 - onDevice
	return time, s
}

// rates of a workload's device and runtime.
type rates struct {
	peak, vector, bandwidth float64
	launch                  float64 // s of host time for one kernel
	step                    float64 // s of host time for one step
	saving, up              float64 // room of the attainable bound
	link                    float64
}

func ratesOf(w perf.Workload, rt *Runtime, pk Peak) rates {
	d := w.Hardware
	_, tc, tm := threads(w)
	r := rates{peak: pk.FLOPs * tc * sustained(d, pk), vector: pk.Vector * tc, bandwidth: bandwidth(d, pk) * tm,
		launch: math.Max(rt.Launch, rt.Floor), step: rt.Step, saving: 1, up: overclock, link: d.LinkBandwidth}
	r.vector *= sustained(d, Peak{FLOPs: pk.Vector, Ran: perf.FP32})
	if pk.Ran != perf.FP64 && convolves(w.Facts) {
		r.saving = winograd
	}
	if w.Unknown.Precision { // it may have been the fastest
		r.saving *= math.Max(1, fastest(d)/pk.FLOPs)
	}
	if host(d) { // a call instead of a launch: some thousand cycles, more on slow cores
		n, _, _ := threads(w)
		r.up, r.launch, r.step = turboCPU, 0.3*rt.Launch*slowness(d)+forkJoin*float64(n-1), rt.Step*math.Min(1, 0.1*slowness(d))
	}
	if r.link == 0 {
		r.link = 16e9 // PCIe 3.0 x16
	}
	return r
}

// convolves reports whether much of an image model's work may be convolutions of
// several pixels, which fast algorithms save: any but a transformer's.
func convolves(m *perf.Model) bool {
	switch m.Kind {
	case "vit", "swin", "mixer":
		return false
	case "cnn":
		return true
	}
	return m.Family == "vision" || m.Family == "detection"
}

// costOf adds up the operations of one step.
func costOf(w perf.Workload, rt *Runtime, pk Peak, list []ops.Op) Cost {
	r := ratesOf(w, rt, pk)
	c := Cost{Peak: r.peak, Bandwidth: r.bandwidth, Parted: Parted{Parallel: !host(w.Hardware)}}
	for i := range list {
		o := &list[i]
		peak, eff, passes, launches := r.peak, rt.Compute, 1.0, o.Launches
		switch o.Class {
		case ops.Softmax, ops.Norm, ops.Elementwise:
			peak, eff, passes = r.vector, 0.5, rt.Fused
			launches *= rt.Fused
		case ops.Update:
			peak, eff = r.vector, 0.5
		case ops.Aggregate:
			passes = rt.Passes
			launches *= rt.Fused
		case ops.Depthwise: // too thin for matrix units
			eff = math.Min(eff, 0.5*r.vector/r.peak)
		}
		activations := (o.Bytes - o.WeightBytes) * passes
		c.Ideal += o.Count * math.Max(o.FLOPs/peak, o.Bytes/r.bandwidth)
		c.Attainable += o.Count * o.FLOPs / (peak * r.up * r.saving)
		c.Parts[partCompute] += o.Count * o.FLOPs / (peak * eff)
		c.Parts[partActivations] += o.Count * activations / (r.bandwidth * rt.Memory)
		c.Parts[partWeights] += o.Count * o.WeightBytes / (r.bandwidth * rt.Memory)
		if o.Wire > 0 {
			c.Parts[partWire] += o.Count * (o.Wire/(r.link*reached) + linkLatency)
		}
		c.Launches += o.Count * launches
		c.FLOPs += o.Count * o.FLOPs
		c.Bytes += o.Count * (activations + o.WeightBytes)
		c.WeightBytes += o.Count * o.WeightBytes
	}
	c.Parts[partHost] = c.Launches*r.launch + r.step
	// Weights that stay in the last-level cache between steps need not come
	// from memory; and where the batch is not known any number of samples may
	// share them.
	if w.Unknown.Batch {
		c.Attainable = math.Max(c.Attainable, 1e-12)
		c.Stated = c.Time(&Factors{})
		return c
	}
	weights := c.WeightBytes
	if w.Unknown.Precision { // they may have been of four bits
		weights *= math.Min(1, ops.Widths(perf.Int4).Weight/ops.WidthsOf(w.Facts, w.Precision).Weight)
	}
	c.Attainable = math.Max(c.Attainable, math.Max(0, weights-w.Hardware.CacheBytes)/(r.bandwidth*overclock))
	c.Stated = c.Time(&Factors{})
	return c
}

// sustained is the share of a peak that a GPU's board power allows under steady
// load: the clock a peak is stated at cannot be held where it would take more
// energy for an operation than the process needs.
//
// Figures for tensor cores are 16-bit FLOP/s for a watt that boards of a
// generation reach with ample power (V100 0.4, A100 0.8, H100 1.0, B200 1.6
// TFLOP/s/W; graphics chips, which keep their clocks higher, less: T4 0.4, A10
// 0.5, L4 and L40S 0.8); 8-bit operations take half the energy. Without them
// the clock is what gives way: with the power, to the 0.45, below what the
// unthrottled boards of a generation have for a TFLOP/s.
func sustained(d *perf.Device, pk Peak) float64 {
	if d.PowerW <= 0 || pk.Ran == perf.FP64 || !gpuBoard(d) {
		return 1
	}
	g := generationOf(d)
	if pk.Ran == perf.FP32 {
		if !graphics(d) || d.FP32 <= 0 {
			return 1
		}
		return math.Min(1, math.Pow(d.PowerW/(d.FP32/1e12)/g.fullClock, 0.45))
	}
	perWatt := g.perWatt
	switch pk.Ran {
	case perf.Int8, perf.FP8:
		perWatt *= 2
	case perf.FP4:
		perWatt *= 4
	case perf.TF32:
		perWatt /= 2
	}
	return math.Min(1, perWatt*d.PowerW/pk.FLOPs)
}

// generation is what a process makes of a watt.
type generation struct {
	perWatt   float64 // 16-bit FLOP/s of the tensor cores for a watt
	fullClock float64 // watts for each TFLOP/s of fp32 at which the boost clock holds
}

func generationOf(d *perf.Device) generation {
	y := d.Year
	if graphics(d) {
		switch {
		case y > 0 && y < 2017:
			return generation{0.45e12, 20}
		case y > 0 && y < 2020:
			return generation{0.45e12, 17}
		case y > 0 && y < 2022:
			return generation{0.5e12, 8.5}
		}
		return generation{0.8e12, 5}
	}
	switch {
	case y > 0 && y < 2020:
		return generation{perWatt: 0.45e12}
	case y > 0 && y < 2022:
		return generation{perWatt: 0.8e12}
	case y >= 2024 && d.MemoryBandwidth > 3e12:
		return generation{perWatt: 1.6e12}
	}
	return generation{perWatt: 1e12}
}

func gpuBoard(d *perf.Device) bool {
	return d.Kind == "datacenter-gpu" || d.Kind == "consumer-gpu" || d.Kind == "workstation-gpu" || d.Kind == "laptop-gpu"
}

// graphics reports whether a GPU's chip is made for graphics: such chips have
// next to no units for fp64.
func graphics(d *perf.Device) bool {
	return d.Vendor == "NVIDIA" && (d.FP64 < d.FP32/8 && d.Year >= 2016 || d.Kind == "consumer-gpu" || d.Kind == "laptop-gpu")
}

// slowness is how much longer a core takes for fixed work than one of 3 GHz.
func slowness(d *perf.Device) float64 {
	if d.ClockHz <= 0 {
		return 1.5
	}
	return math.Max(0.5, 3e9/d.ClockHz)
}

// shares of the time when the parts take exp(u) times as long as stated.
func (c *Cost) shares(u *Factors) perf.Shares {
	s := c.Sensitivity(u)
	out := perf.Shares{MemoryBandwidth: s[partActivations] + s[partWeights], Overhead: s[partHost], Communication: s[partWire]}
	out.Compute = math.Max(0, 1-out.MemoryBandwidth-out.Overhead-out.Communication)
	return out
}

// times is n steps one after the other.
func (c Cost) times(n float64) Cost {
	for _, x := range []*float64{&c.Attainable, &c.Ideal, &c.Stated, &c.FLOPs, &c.Bytes, &c.WeightBytes, &c.Launches} {
		*x *= n
	}
	for k := range c.Parts {
		c.Parts[k] *= n
	}
	return c
}

// plus is two steps one after the other.
func (c Cost) plus(o Cost) Cost {
	c.Attainable += o.Attainable
	c.Ideal += o.Ideal
	c.FLOPs += o.FLOPs
	c.Bytes += o.Bytes
	c.WeightBytes += o.WeightBytes
	c.Launches += o.Launches
	for k := range c.Parts {
		c.Parts[k] += o.Parts[k]
	}
	c.Stated = c.Time(&Factors{})
	return c
}
