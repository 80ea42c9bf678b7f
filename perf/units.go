package perf

import (
	"math"
	"strconv"
)

// Units the faces speak in, as multiples of SI base units.
const (
	Millisecond = 1e-3 // s
	MB          = 1e6  // bytes; the documented API's MB
	GB          = 1e9  // bytes
)

// Finite reports whether x is neither NaN nor infinite.
func Finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Seconds is a number of milliseconds in seconds.
func Seconds(ms float64) float64 { return ms / 1000 }

// Bytes is a number of MB in bytes.
func Bytes(mb float64) float64 { return mb * MB }

// Milliseconds undoes Seconds: what came in as a decimal of up to 15 digits
// goes out as the same decimal.
func Milliseconds(s float64) float64 {
	return exact(s*1000, func(ms float64) bool { return Seconds(ms) == s })
}

// Megabytes undoes Bytes, with the same promise as Milliseconds.
func Megabytes(b float64) float64 {
	return exact(b/MB, func(mb float64) bool { return Bytes(mb) == b })
}

// exact drops the last, uncertain digits of v where what is left is as true.
func exact(v float64, same func(float64) bool) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 15, 64), 64)
	if err == nil && same(r) {
		return r
	}
	return v
}

// apply is f of what p points to, or nil.
func apply(f func(float64) float64, p *float64) *float64 {
	if p == nil {
		return nil
	}
	v := f(*p)
	return &v
}
