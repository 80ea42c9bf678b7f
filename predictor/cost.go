package predictor

import (
	"math"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// Cost is the time of one step taken apart, in seconds.
type Cost struct {
	Attainable float64 // no step of this workload can be shorter
	Ideal      float64 // every operation at the datasheet's rates, one after the other
	Stated     float64 // with the runtime's stated utilisation and overhead: the first estimate

	Compute, Memory, Overhead, Wire float64 // the parts Stated is made of

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
	interactive = 0.85 // share of a link's rate that a ring all-reduce reaches
	linkLatency = 8e-6 // s of one all-reduce among devices of one server
)

// costOf adds up the operations of one step.
func costOf(w perf.Workload, rt *Runtime, pk Peak, list []ops.Op) Cost {
	d := w.Hardware
	_, tc, tm := threads(w)
	c := Cost{Peak: pk.FLOPs * tc, Bandwidth: bandwidth(d, pk) * tm}
	vector := pk.Vector * tc
	cache := d.CacheBytes
	saving, up := 1.0, overclock
	if pk.Ran != perf.FP64 && (w.Facts.Kind == "cnn" || w.Facts.Family == "vision" || w.Facts.Family == "detection") {
		saving = winograd
	}
	if host(d) {
		up = turboCPU
	}
	link := d.LinkBandwidth
	if link == 0 {
		link = 16e9 // PCIe 3.0 x16
	}
	launch, floor := rt.Launch, rt.Floor
	if host(d) { // a call instead of a launch: some thousand cycles, more on slow cores
		launch, floor = 0, 0.3*rt.Launch*slowness(d)
	}
	var weights float64
	for i := range list {
		o := &list[i]
		peak, bw := c.Peak, c.Bandwidth
		moved := o.WeightBytes + (o.Bytes-o.WeightBytes)*fusedTraffic(rt, o.Class)
		eff, mem := rt.Compute, rt.Memory
		launches := o.Launches
		switch o.Class {
		case ops.Softmax, ops.Norm, ops.Elementwise, ops.Update:
			peak, eff = vector, 0.5
			launches *= rt.Fused
		case ops.Aggregate:
			eff *= 0.6
			launches *= rt.Fused
		}
		compute, memory := o.FLOPs/peak, moved/bw
		c.Ideal += o.Count * math.Max(o.FLOPs/peak, o.Bytes/bw)
		c.Attainable += o.Count * math.Max(o.FLOPs/(peak*up*saving), 0)
		weights += o.WeightBytes * o.Count
		t := math.Max(compute/eff, memory/mem)
		host := math.Max(launch, floor) * launches
		wire := 0.0
		if o.Wire > 0 {
			wire = o.Wire/(link*interactive) + linkLatency
		}
		n := o.Count
		if t < host {
			c.Overhead += n * (host - t)
		}
		if compute/eff >= memory/mem {
			c.Compute += n * t
		} else {
			c.Memory += n * t
		}
		c.Wire += n * wire
		c.Launches += n * launches
		c.FLOPs += n * o.FLOPs
		c.Bytes += n * moved
		c.WeightBytes += n * o.WeightBytes
		c.Totals.Wire += n * o.Wire
		c.Totals.Launches += n * o.Launches
	}
	step := rt.Step
	if host(d) {
		step *= math.Min(1, 0.1*slowness(d))
	}
	c.Overhead += step
	// Weights that stay in the last-level cache between steps need not come
	// from memory.
	c.Attainable = math.Max(c.Attainable, math.Max(0, weights-cache)/(c.Bandwidth*overclock))
	c.Stated = c.Compute + c.Memory + c.Overhead + c.Wire
	return c
}

// fusedTraffic is the share of an operation's activations that still go
// through memory under a runtime that fuses.
func fusedTraffic(rt *Runtime, c ops.Class) float64 {
	switch c {
	case ops.Softmax, ops.Norm, ops.Elementwise, ops.Aggregate:
		return rt.Fused
	}
	return 1
}

// slowness is how much longer a core takes for fixed work than one of 3 GHz.
func slowness(d *perf.Device) float64 {
	if d.ClockHz <= 0 {
		return 1.5
	}
	return math.Max(0.5, 3e9/d.ClockHz)
}

// shares of the time, summing to 1.
func (c *Cost) shares() perf.Shares {
	t := c.Stated
	return perf.Shares{Compute: c.Compute / t, MemoryBandwidth: c.Memory / t,
		Overhead: c.Overhead / t, Communication: c.Wire / t}
}

// times is n steps one after the other.
func (c Cost) times(n float64) Cost {
	for _, x := range []*float64{&c.Attainable, &c.Ideal, &c.Stated, &c.Compute, &c.Memory, &c.Overhead, &c.Wire,
		&c.FLOPs, &c.Bytes, &c.WeightBytes, &c.Launches} {
		*x *= n
	}
	return c
}

// plus is two steps one after the other.
func (c Cost) plus(o Cost) Cost {
	c.Attainable += o.Attainable
	c.Ideal += o.Ideal
	c.Stated += o.Stated
	c.Compute += o.Compute
	c.Memory += o.Memory
	c.Overhead += o.Overhead
	c.Wire += o.Wire
	c.FLOPs += o.FLOPs
	c.Bytes += o.Bytes
	c.WeightBytes += o.WeightBytes
	c.Launches += o.Launches
	return c
}
