package kernel

import (
	"cmp"
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

// Row is one measured operation.
type Row struct {
	Op        ops.Op
	Device    *perf.Device
	Precision perf.Precision
	Seconds   float64 // > 0

	// Launched rows were timed one by one on an idle device, so that the time
	// from launch to start is in them; the others are of the kernel alone.
	Launched bool

	// Set names the campaign a row was measured in. Rows of one device whose
	// set is far slower than another were taken while it was throttled: they
	// are left out. Sets are no input to the model.
	Set string
}

// sample is a Row made ready for fitting.
type sample struct {
	*Row
	bound
	log    float64 // ln(kernel time / bound)
	weight float64
}

// usable reports whether the row can teach anything.
func (r *Row) usable() bool {
	return r.Device != nil && r.Device.MemoryBandwidth > 0 && r.Device.FP32 > 0 &&
		r.Seconds > 0 && perf.Finite(r.Seconds) && r.Op.Bytes > 0 && r.Op.Class != ops.AllReduce
}

// cell is what launch latency is shared by.
type cell struct {
	device string
	class  ops.Class
	kind   string
}

func (r *Row) cell() cell { return cell{r.Device.Name, r.Op.Class, r.Op.Kind} }

// timing is how single launched calls were timed on a device: from the start
// of one event to the next, which takes at least as long as the host needs to
// launch, and otherwise the kernel and the events themselves.
type timing struct {
	least map[cell]float64 // s, of each kind of call: the host's launch
	event float64          // s, on top of the kernel
}

// timings estimates each device's timing. A kind's least is the quickest
// hundredth of its calls, which are too small to take long themselves. The
// events are what remains of element-wise calls a few times longer than that
// after the time in proportion to their size, as the longest calls show it.
func timings(rows []Row) map[string]*timing {
	seconds := map[cell][]float64{}
	for i := range rows {
		if r := &rows[i]; r.Launched && r.usable() {
			seconds[r.cell()] = append(seconds[r.cell()], r.Seconds)
		}
	}
	all := map[string]*timing{}
	for c, s := range seconds {
		if all[c.device] == nil {
			all[c.device] = &timing{least: map[cell]float64{}}
		}
		slices.Sort(s)
		all[c.device].least[c] = min(s[len(s)/100], 100e-6)
	}
	slope, rest := map[string][]float64{}, map[string][]float64{}
	for pass := range 2 {
		for i := range rows {
			r := &rows[i]
			if !r.Launched || !r.usable() || !plain(&r.Op) {
				continue
			}
			name := r.Device.Name
			times := r.Seconds / all[name].least[r.cell()]
			switch {
			case pass == 0 && times > 10:
				slope[name] = append(slope[name], r.Seconds/r.Op.Bytes)
			case pass == 1 && times > 1.5 && times < 4 && len(slope[name]) > 0:
				rest[name] = append(rest[name], r.Seconds-r.Op.Bytes*slope[name][len(slope[name])/2])
			}
		}
		for _, s := range slope {
			slices.Sort(s)
		}
	}
	for name, t := range all {
		if r := rest[name]; len(r) > 0 {
			t.event = max(0, median(r))
		}
	}
	return all
}

// samplesOf makes rows ready, of products or of the others. Rows that launch
// hides, or whose clock is too coarse (1 µs in some tables of other operations),
// say little of the kernel and are left out.
func samplesOf(rows []Row, timings map[string]*timing, products bool) []sample {
	var list []sample
	for i := range rows {
		r := &rows[i]
		if !r.usable() || product(r.Op.Class) != products {
			continue
		}
		t := r.Seconds
		if r.Launched {
			timing := timings[r.Device.Name]
			if t < 1.3*timing.least[r.cell()] {
				continue
			}
			t -= timing.event
		}
		if t < 1.5e-6 || !products && t < 4e-6 {
			continue
		}
		b := boundOf(&r.Op, r.Device, r.Precision)
		list = append(list, sample{Row: r, bound: b, log: math.Log(t / b.time())})
	}
	return list
}

// group is what rows are weighted and thinned by.
type group struct {
	device  string
	unit    unit
	class   ops.Class
	kind    string
	aligned bool
}

func (s *sample) group() group {
	o := &s.Op
	return group{s.Device.Name, s.unit, o.Class, o.Kind, o.M%8 == 0 && o.N%8 == 0 && o.K%8 == 0}
}

// mostOfGroup bounds the rows of a group that are learned from.
const mostOfGroup = 3000

// thin keeps at most mostOfGroup samples of a group, evenly over their order,
// and weighs each by 1/sqrt(group): a group counts for more the larger it is, but
// not in proportion. Shapes that are multiples of eight, as models have them,
// form groups of their own, and so are not drowned by random ones.
func thin(list []sample) []sample {
	count, seen := map[group]int{}, map[group]int{}
	for i := range list {
		count[list[i].group()]++
	}
	kept := list[:0:0]
	for _, s := range list {
		g := s.group()
		n, k := count[g], seen[g]
		seen[g]++
		if n > mostOfGroup && k*mostOfGroup/n == (k+1)*mostOfGroup/n {
			continue
		}
		s.weight = 1 / math.Sqrt(float64(min(n, mostOfGroup)))
		kept = append(kept, s)
	}
	return kept
}

// median of values, which it reorders; NaN for none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// sortedKeys makes a map's order a matter of its keys.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// plain reports whether an operation does little but move its operands.
func plain(o *ops.Op) bool {
	return o.Class == ops.Elementwise && o.Kind != "pow" && o.Kind != "rope" && o.Kind != "silu"
}
