package perf

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// A decimal that a client sends comes back as the same decimal.
func TestUnitsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.Int64Range(-999_999_999_999_999, 999_999_999_999_999).Draw(t, "digits")
		v, err := strconv.ParseFloat(strconv.FormatInt(digits, 10)+"e-"+strconv.Itoa(rapid.IntRange(0, 12).Draw(t, "exponent")), 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := Milliseconds(Seconds(v)); got != v {
			t.Errorf("%v ms came back as %v", v, got)
		}
		if got := Megabytes(Bytes(v)); got != v {
			t.Errorf("%v MB came back as %v", v, got)
		}
	})
}

func TestInUnit(t *testing.T) {
	std := 0.002
	a := Accuracy{Metric: MetricLatency, MeanActual: 0.25, Bias: -0.001, MeanRelativeError: 0.5, StdAbsoluteError: &std}.InUnit()
	if a.MeanActual != 250 || a.Bias != -1 || *a.StdAbsoluteError != 2 || a.MeanRelativeError != 0.5 || std != 0.002 {
		t.Errorf("latency in ms: %+v, std %v", a, *a.StdAbsoluteError)
	}
	e := PredictionError{Metric: MetricMemory, Predicted: 3e9, Low: 1e9, High: 4e9, Actual: 2e9, AbsoluteError: 1e9, RelativeError: 0.5}.InUnit()
	if e.Predicted != 3000 || e.Low != 1000 || e.High != 4000 || e.Actual != 2000 || e.AbsoluteError != 1000 || e.RelativeError != 0.5 {
		t.Errorf("memory in MB: %+v", e)
	}
}

func TestRates(t *testing.T) {
	p := Prediction{Config: Config{OutputLength: 100, Devices: 4}, OutputTokensPerSec: &Estimate{800, 400, 1600}}
	if got := p.RequestsPerSec(); *got != (Estimate{8, 4, 16}) {
		t.Errorf("requests a second: %v", *got)
	}
	if got := p.OutputTokensPerSecPerDevice(); *got != (Estimate{200, 100, 400}) {
		t.Errorf("tokens a second and device: %v", *got)
	}
	p.OutputLength = 0
	if got := p.RequestsPerSec(); got != nil {
		t.Errorf("without output there are no whole requests, but %v a second", *got)
	}
	if parts := (MemoryParts{1, 2, 3, 4, 5, 6}); math.Abs(parts.Scale(2).Total()-2*parts.Total()) > 0 {
		t.Errorf("scaled parts: %v", parts.Scale(2))
	}
}
