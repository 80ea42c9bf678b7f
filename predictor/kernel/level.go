package kernel

import (
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// level is what a device sustains in large operations: ln(1 / share) of the
// peak of each of its units, and of its bandwidth.
type level struct {
	compute [numUnits]float64
	memory  float64
	chip    chip
}

// chip tells designs apart: an A100 is one whatever its memory and board.
type chip struct{ cores, fp32 float64 }

func chipOf(d *perf.Device) chip { return chip{cores(d), d.FP32} }

// like reports whether two devices are of one design: as many cores, and a
// peak that a board's clock explains.
func (c chip) like(o chip) bool { return c.cores == o.cores && math.Abs(math.Log(c.fp32/o.fp32)) < 0.1 }

// SameDesign reports whether two devices carry the same design of chip, as the model
// understands it: what is measured on one is known of the other.
func SameDesign(a, b *perf.Device) bool { return chipOf(a).like(chipOf(b)) }

// throttle is ln(1 / share) of the boost clock that boards short of power hold
// in long arithmetic. Measured on the T4, which sustains 0.5 of its peak where
// unthrottled peers sustain 0.8; the L4's reported shortfall is a third.
const throttle = 0.45

// levelOf is the measured level of d, or that of a measured device of the same
// design, or the prior.
func (m *Model) levelOf(d *perf.Device) level {
	if l, ok := m.levels[d.Name]; ok {
		return l
	}
	c := chipOf(d)
	for i := range m.designs {
		if m.designs[i].chip.like(c) {
			return m.designs[i]
		}
	}
	return m.prior.on(d)
}

// index lists the designs that were measured, each as its first device by name.
func (m *Model) index() {
	m.designs = nil
	for _, name := range sortedKeys(m.levels) {
		l := m.levels[name]
		if !slices.ContainsFunc(m.designs, func(o level) bool { return o.chip.like(l.chip) }) {
			m.designs = append(m.designs, l)
		}
	}
}

// on is the prior level as it applies to a device that was not measured.
func (l level) on(d *perf.Device) level {
	if throttled(d) {
		for u := range l.compute {
			l.compute[u] += throttle
		}
	}
	return l
}

// at blends the parts of the level by what limits the operation.
func (l level) at(o *ops.Op, b bound) float64 {
	if !product(o.Class) {
		return l.memory
	}
	c := b.computeShare()
	return c*l.compute[b.unit] + (1-c)*l.memory
}

// large reports whether the sample shows what its device sustains: long
// enough that neither latency nor a last partly filled wave matters, and
// limited by arithmetic (compute true) or by memory.
func (s *sample) large(compute bool) bool {
	o := &s.Op
	if compute {
		return product(o.Class) && o.Kind != "conv" && s.computeShare() > 0.8 && s.bound.compute > 200e-6 && min(o.M, o.N, o.K) >= 128
	}
	return (product(o.Class) || plain(o)) && s.computeShare() < 0.2 && s.memory > 50e-6 && o.Bytes > 4*cache(s.Device)
}

// fewest is how many large samples it takes to speak of a level.
const fewest = 20

// campaign is a set of measurements of one unit of one device.
type campaign struct {
	device string
	unit   unit
	set    string
}

func (s *sample) campaign() campaign { return campaign{s.Device.Name, s.unit, s.Set} }

// sustained gathers the large samples' ln(time / bound).
func sustained(list []sample, compute bool) map[campaign][]float64 {
	logs := map[campaign][]float64{}
	for i := range list {
		if s := &list[i]; s.large(compute) {
			logs[s.campaign()] = append(logs[s.campaign()], s.log)
		}
	}
	return logs
}

// best is the least median over a device's campaigns that are large enough:
// what it does when nothing holds it back. NaN when there is none.
func best(logs map[campaign][]float64, device string, u unit) float64 {
	least := math.NaN()
	for c, l := range logs {
		if c.device != device || c.unit != u || len(l) < fewest {
			continue
		}
		if v := max(0, median(l)); !(v >= least) {
			least = v
		}
	}
	return least
}

// fitLevels sets the levels of measured devices, and from them the prior of
// others: for each unit the mean over its devices, with the mean over all
// units counting as a third of a device. Bandwidth is learned from element-wise
// operations, and from products where there are none.
func (m *Model) fitLevels(products, streams []sample) {
	arithmetic, bandwidth, fallback := sustained(products, true), sustained(streams, false), sustained(products, false)
	devices := map[string]*perf.Device{}
	for _, list := range [][]sample{products, streams} {
		for i := range list {
			devices[list[i].Device.Name] = list[i].Device
		}
	}
	nan := level{memory: math.NaN()}
	for u := range nan.compute {
		nan.compute[u] = math.NaN()
	}
	measured := map[string]level{}
	for name := range devices {
		l := nan
		for u := range numUnits {
			l.compute[u] = best(arithmetic, name, u)
			for _, logs := range []map[campaign][]float64{bandwidth, fallback} {
				if v := best(logs, name, u); math.IsNaN(l.memory) && !math.IsNaN(v) {
					l.memory = v
				}
			}
		}
		measured[name] = l
	}
	m.prior = priorOf(measured, devices)
	for _, name := range sortedKeys(measured) {
		l, p := measured[name], m.prior.on(devices[name])
		l.chip = chipOf(devices[name])
		for _, other := range sortedKeys(measured) { // what is not measured here may be on another board
			if chipOf(devices[other]).like(l.chip) {
				p = measured[other].or(p)
			}
		}
		m.levels[name] = l.or(p)
	}
	m.index()
}

// or is the level with what is missing (NaN) taken from another.
func (l level) or(o level) level {
	for u := range l.compute {
		if math.IsNaN(l.compute[u]) {
			l.compute[u] = o.compute[u]
		}
	}
	if math.IsNaN(l.memory) {
		l.memory = o.memory
	}
	return l
}

func priorOf(measured map[string]level, devices map[string]*perf.Device) level {
	var sum, n level
	all, total := 0.0, 0.0
	for _, name := range sortedKeys(measured) {
		l := measured[name]
		for u, v := range l.compute {
			if throttled(devices[name]) {
				v = max(0, v-throttle)
			}
			if !math.IsNaN(v) {
				sum.compute[u], n.compute[u] = sum.compute[u]+v, n.compute[u]+1
				all, total = all+v, total+1
			}
		}
		if !math.IsNaN(l.memory) {
			sum.memory, n.memory = sum.memory+l.memory, n.memory+1
		}
	}
	mean := -math.Log(stated)
	if total > 0 {
		mean = all / total
	}
	prior := level{memory: (sum.memory - math.Log(0.8)) / (n.memory + 1)}
	for u := range prior.compute {
		prior.compute[u] = (sum.compute[u] + mean/3) / (n.compute[u] + 1./3)
	}
	return prior
}

// screen drops the campaigns in which a device ran its large products more
// than 1.5 times slower than in its best one: it was throttled, or busy.
func (m *Model) screen(list []sample) []sample {
	bad := map[campaign]bool{}
	for c, l := range sustained(list, true) {
		bad[c] = len(l) >= fewest && median(l) > m.levels[c.device].compute[c.unit]+math.Log(1.5)
	}
	return slices.DeleteFunc(list, func(s sample) bool { return bad[s.campaign()] })
}
