package perf

import "math"

// Units the faces speak in, as multiples of SI base units.
const (
	Millisecond = 1e-3 // s
	MB          = 1e6  // bytes; the documented API's MB
	GB          = 1e9  // bytes
)

// Finite reports whether x is neither NaN nor infinite.
func Finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
