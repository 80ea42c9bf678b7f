// Package kernel knows how long one operation takes on a device: its physical
// bound by the datasheet over a learned utilisation.
//
//	time = (max(FLOPs / peak, bytes / bandwidth) + 1.5 µs) / utilisation
//
// The utilisation, in (0, 1], is learned from measured operations in two
// parts. The level says how much of its peak a device sustains in large
// operations; it is known for devices that were measured, and for others comes
// from devices with the same kind of arithmetic unit. The shape says how much
// of that level an operation reaches, from tiles, waves over the cores,
// intensity over the ridge and footprint over the cache; it is a small
// ensemble of trees whose inputs are all relative to the device.
//
// The package is pure: rows come from the caller, models go to bytes.
package kernel

import (
	"math"
	"sync"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/boost"
	"github.com/perfcast/perfcast/predictor/ops"
)

// Model is the learned utilisation. It is safe for concurrent use. A nil Model
// answers with a stated utilisation of 0.7.
type Model struct {
	product, stream *boost.Model     // shape: ln(time / (bound x level))
	narrow          *boost.Model     // of products in 8 and 4 bits; nil: as product
	prior           level            // of devices that were not measured
	levels          map[string]level // of those that were, by name
	designs         []level          // the same, one for each design of chip
	timed           timed
}

// stated is the utilisation without a model.
const stated = 0.7

// Time is how long one execution of o takes on d in precision p, in seconds,
// once it has started: launch overhead is not in it. The shares say how much
// of it arithmetic and memory take at the bound; the rest is Overhead (latency,
// partly filled waves), so the three sum to 1.
func (m *Model) Time(o *ops.Op, d *perf.Device, p perf.Precision) (float64, perf.Shares) {
	b := boundOf(o, d, p)
	t := b.time() / m.utilisation(o, d, p, b)
	s := perf.Shares{Compute: b.compute / t}
	if b.memory > b.compute {
		s = perf.Shares{MemoryBandwidth: b.memory / t}
	}
	s.Overhead = 1 - s.Compute - s.MemoryBandwidth
	return t, s
}

// inputs are recycled, so that Time does not allocate.
var inputs = sync.Pool{New: func() any { return new([productFeatures]float64) }}

func (m *Model) utilisation(o *ops.Op, d *perf.Device, p perf.Precision, b bound) float64 {
	if m == nil {
		return stated
	}
	b = b.typical(o, d)
	x := inputs.Get().(*[productFeatures]float64)
	defer inputs.Put(x)
	excess := m.levelOf(d).at(o, b)
	if product(o.Class) {
		productInputs(x[:], o, d, b)
		excess += m.productShape(b.unit).Predict(x[:])
	} else {
		streamInputs(x[:streamFeatures], o, d, p, b)
		excess += m.stream.Predict(x[:streamFeatures])
	}
	return math.Exp(-max(0, excess))
}

// productShape is what describes the products of a unit. Times of 8-bit and
// 4-bit formats hold a quantisation of the activations, done differently by each
// engine, so that they are learned apart.
func (m *Model) productShape(u unit) *boost.Model {
	if u >= tensor8 && m.narrow != nil {
		return m.narrow
	}
	return m.product
}

// timed is how the launched rows of a fit were timed, in the middle: what the
// events add to a kernel, and the least that the host's launch takes.
type timed struct{ event, least float64 }

// Launched is what a single call shows on an idle device, timed from outside
// as Row.Launched rows are, when its kernel takes t seconds.
func (m *Model) Launched(t float64) float64 { return max(m.timed.least, m.timed.event+t) }
