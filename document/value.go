package document

import (
	"hash/fnv"
	"math"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// Timestamp is t as naive local ISO 8601: 2026-11-23T06:34:19.519376, without
// the fraction where its microseconds are 0.
func Timestamp(t time.Time) string {
	t = t.Local()
	if t.Nanosecond()/1000 == 0 {
		return t.Format("2006-01-02T15:04:05")
	}
	return t.Format("2006-01-02T15:04:05.000000")
}

// inUnit converts a metric's SI value to the unit that REST shows it in.
func inUnit(m perf.Metric, v float64) float64 {
	switch m {
	case perf.MetricLatency, perf.MetricTTFT, perf.MetricTPOT:
		return perf.Milliseconds(v)
	case perf.MetricMemory:
		return perf.Megabytes(v)
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

// point is the value of an optional estimate.
func point(e *perf.Estimate) *float64 {
	if e == nil {
		return nil
	}
	return &e.Value
}

// nullable is null for the empty string.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// list is s, but never null in JSON.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// RowID is the number in a list row's "id": clients expect an integer there,
// while rows are really known by a text id. It is made from that id alone, so
// it is stable, and has 53 bits, so that every JSON reader keeps it whole.
func RowID(parts ...string) int64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p)) // never fails
		_, _ = h.Write([]byte{0})
	}
	return int64(h.Sum64() >> 11)
}

// Confidence is the probability, in [0, 1], that a measurement comes within a
// quarter (a factor of 1.25) of the predicted throughput. It follows from the
// 90 % interval: errors of the logarithm taken as normal, the interval spans
// 2 x 1.645 standard deviations.
func Confidence(e perf.Estimate) float64 {
	if !(e.Low > 0) || !(e.High >= e.Low) || math.IsInf(e.High, 1) {
		return 0
	}
	sigma := math.Log(e.High/e.Low) / (2 * 1.6448536269514722)
	if sigma == 0 {
		return 1
	}
	return math.Erf(math.Log(1.25) / (sigma * math.Sqrt2))
}

// SizeCategory names the size of a model of so many parameters: tiny below
// 10 million, small below 100 million, medium below 1 billion, large below 10
// billion, very_large from there; unknown when params is 0.
func SizeCategory(params float64) string {
	switch {
	case params <= 0:
		return "unknown"
	case params < 1e7:
		return "tiny"
	case params < 1e8:
		return "small"
	case params < 1e9:
		return "medium"
	case params < 1e10:
		return "large"
	}
	return "very_large"
}
