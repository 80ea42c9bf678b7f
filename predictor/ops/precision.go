package ops

import "github.com/perfcast/perfcast/perf"

// Width is the storage of one element, in bytes, by what it holds.
type Width struct {
	Weight     float64 // parameters as read by the matrix products, scales included
	Activation float64
	Cache      float64 // keys and values
}

// Widths are the storage widths of a precision. Four-bit formats carry a scale
// (and zero point) for each group of weights: 0.5 bytes of payload and about
// 0.06 of scales (fp16 scale and zero in groups of 64 to 128).
func Widths(p perf.Precision) Width {
	switch p {
	case perf.FP64:
		return Width{8, 8, 8}
	case perf.FP16, perf.BF16:
		return Width{2, 2, 2}
	case perf.AMP, perf.AMPBF16:
		return Width{2, 2, 2} // the products read half-precision copies
	case perf.FP8:
		return Width{1, 2, 2}
	case perf.FP4:
		return Width{0.5625, 2, 2} // one 8-bit scale for each 16
	case perf.Int8:
		return Width{1, 1, 2}
	case perf.W8A16:
		return Width{1.03, 2, 2}
	case perf.Int3: // llama.cpp's Q3_K, Q5_K and Q6_K: 3.4, 5.5 and 6.6 bits
		return Width{0.43, 2, 2}
	case perf.Int5:
		return Width{0.69, 2, 2}
	case perf.Int6:
		return Width{0.82, 2, 2}
	case perf.Int4, perf.W4A16:
		return Width{0.5625, 2, 2}
	}
	return Width{4, 4, 4}
}

// WidthsOf is Widths for a model. gpt-oss is published with its experts, nearly
// all of its weights, in 4 bits (MXFP4), which 16-bit exports keep.
func WidthsOf(m *perf.Model, p perf.Precision) Width {
	w := Widths(p)
	if m.Architecture == "gpt_oss" && w.Weight > 0.6 && p != perf.FP32 && p != perf.FP64 {
		w.Weight = 0.6
	}
	return w
}
