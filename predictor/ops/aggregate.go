package ops

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// Size is what a forward pass over one sample takes, in elements; derived from
// the facts, with what is missing filled in from what is typical.
type Size struct {
	MACs        float64 // multiply-accumulates
	Activations float64 // elements written
	Params      float64
	Estimated   bool // some of it is no fact
}

// SizeOf is the size of a model known by its aggregates, at the workload's
// image size and number of tokens. Multiply-accumulates and activations of a
// convolutional model grow with the image's area.
//
// Where activations are not known they are estimated: over the 1,800 vision
// models with both facts the median is 9 activations per 1,000 MACs for a
// model of 1 GMAC, falling with the square root of its size. Layers of a few
// large vectors (recommenders) have some three times the square root of their
// MACs. Where only parameters are known each is used once for each token.
func SizeOf(w perf.Workload) Size {
	m := w.Facts
	s := Size{MACs: m.MACs, Activations: m.Activations, Params: m.Params}
	if s.MACs == 0 {
		used := m.Params
		if m.ActiveParams > 0 {
			used = m.ActiveParams
		}
		s.MACs, s.Estimated = used*float64(Tokens(w)), true
		if m.Family == "vision" || m.Family == "detection" {
			s.MACs = 100 * used // the median of the vision models is 90 to 200 MACs a parameter
		}
	}
	if m.MACs > 0 && m.ImageSize > 0 && w.ImageSize > 0 && w.ImageSize != m.ImageSize {
		area := float64(w.ImageSize) / float64(m.ImageSize)
		s.MACs *= area * area
		s.Activations *= area * area
	}
	if s.Activations == 0 && tables(m) {
		s.Activations, s.Estimated = 3*math.Sqrt(s.MACs), true
	}
	if s.Activations == 0 {
		s.Activations, s.Estimated = 9e-3*s.MACs*math.Sqrt(1e9/math.Max(s.MACs, 1e6)), true
	}
	return s
}

// Depth is how many operations a forward pass is likely to have, from the
// facts alone: what the launch overhead of an eager runtime is counted from.
// A transformer block is some 14 kernels; a convolutional model of 1 GMAC some
// 150 (convolutions, normalisations, activations), growing slowly with size.
func Depth(w perf.Workload, s Size) float64 {
	m := w.Facts
	if m.Makeup.Known() {
		n := 0.0
		for _, k := range m.Makeup.Kernels {
			n += float64(k)
		}
		return n
	}
	if m.Layers > 0 && m.Heads > 0 {
		return 14*float64(m.Layers+m.DecoderLayers) + 10
	}
	return 150 * math.Pow(math.Max(s.MACs, 1e6)/1e9, 0.2)
}

// tables reports whether most parameters are rows of tables, of which a sample
// looks up a few.
func tables(m *perf.Model) bool {
	return m.Family == "recommendation" || m.Kind == "dlrm" || m.Kind == "mlp"
}

// Dense is how many of a model's parameters take part in every step: all but
// rows of tables.
func Dense(m *perf.Model) float64 {
	if tables(m) {
		return math.Min(Params(m), dense)
	}
	return Params(m)
}

// dense is how many parameters the layers of such a model have at most.
const dense = 1e7

func appendAggregate(list []Op, w perf.Workload, s Step) []Op {
	z := SizeOf(w)
	width := WidthsOf(w.Facts, w.Precision)
	b, tp := float64(s.Batch), float64(max(1, w.TensorParallel))
	read := z.Params
	if w.Facts.Text() || w.Facts.Generates() {
		part := float64(s.Tokens) / float64(Tokens(w))
		z.MACs *= part
		z.Activations *= part
		if a := w.Facts.ActiveParams; a > 0 && a < z.Params { // of a mixture's experts those that some token chooses
			read *= 1 - math.Pow(1-a/z.Params, b*float64(s.Tokens))
		}
	}
	// A weight that is read takes part in at least one multiplication: the rest
	// are embedding tables, of which a sample looks up a few rows.
	read = math.Min(read, z.MACs*b)
	if tables(w.Facts) {
		read = math.Min(read, dense)
	}
	weights := read * width.Weight
	if w.Facts.Makeup.Known() {
		return appendMakeup(list, w, z, width, b, weights)
	}
	return append(list, Op{
		Class: Aggregate, Name: "model", B: s.Batch,
		FLOPs:       2 * z.MACs * b / tp,
		Bytes:       (weights + 2*z.Activations*b*width.Activation) / tp, // each written once and read once
		WeightBytes: weights / tp,
		Count:       1, Launches: Depth(w, z),
	})
}
