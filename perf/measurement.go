package perf

import "time"

// Measurement is what was really observed for one configuration. A nil value
// was not measured.
type Measurement struct {
	ID   string // "meas-..."
	Time time.Time
	Config

	Throughput         *float64 // samples (requests) per second
	Latency            *float64 // s, one step
	Memory             *float64 // bytes, peak on one device
	TTFT, TPOT         *float64 // s
	OutputTokensPerSec *float64 // 1/s, whole system

	Source       string // "api", "import", one of those below, ...
	PredictionID string // the prediction it was compared with; empty = none
	Environment  map[string]string
	Unknown      bool   // the model's facts are not known: stored, not compared
	Quarantined  bool   // kept out of answers until confirmed or repeated
	Reason       string // why it is quarantined
	Sample       bool   // generated sample data: never in accuracy or training
}

// LatencyMs is Latency in milliseconds.
func (m *Measurement) LatencyMs() *float64 { return apply(Milliseconds, m.Latency) }

// MemoryMb is Memory in MB (10^6 bytes).
func (m *Measurement) MemoryMb() *float64 { return apply(Megabytes, m.Memory) }

// TTFTMs is TTFT in milliseconds.
func (m *Measurement) TTFTMs() *float64 { return apply(Milliseconds, m.TTFT) }

// TPOTMs is TPOT in milliseconds.
func (m *Measurement) TPOTMs() *float64 { return apply(Milliseconds, m.TPOT) }

// Metric names a measured quantity.
type Metric string

// The metrics, in the order the documented API lists its first three.
const (
	MetricThroughput Metric = "throughput"
	MetricLatency    Metric = "latency"
	MetricMemory     Metric = "memory_usage"
	MetricTTFT       Metric = "ttft"
	MetricTPOT       Metric = "tpot"
	MetricOutput     Metric = "output_tokens_per_second"
)

// Metrics lists the metrics.
var Metrics = []Metric{MetricThroughput, MetricLatency, MetricMemory, MetricTTFT, MetricTPOT, MetricOutput}

// Unit is the unit people think in: "samples/s", "ms", "MB" (10^6 bytes) or
// "tokens/s".
func (m Metric) Unit() string {
	switch m {
	case MetricLatency, MetricTTFT, MetricTPOT:
		return "ms"
	case MetricMemory:
		return "MB"
	case MetricOutput:
		return "tokens/s"
	}
	return "samples/s"
}

// InUnit converts a value in SI units to Unit.
func (m Metric) InUnit(v float64) float64 {
	switch m.Unit() {
	case "ms":
		return Milliseconds(v)
	case "MB":
		return Megabytes(v)
	}
	return v
}

// PredictionError compares one metric of a measurement with its prediction.
// Values are in SI units.
type PredictionError struct {
	Time          time.Time
	PredictionID  string
	MeasurementID string
	Config
	Metric        Metric
	Predicted     float64
	Low, High     float64 // the prediction's 90 % interval
	Actual        float64
	AbsoluteError float64 // |predicted - actual|
	RelativeError float64 // the same over |actual|: a fraction; 0 where |actual| <= 1e-10
	Basis         Basis
	Quarantined   bool // the measurement is: not counted until it is confirmed
	Sample        bool
}

// Unit is the unit that InUnit converts to.
func (e *PredictionError) Unit() string { return e.Metric.Unit() }

// InUnit is the comparison with its values in the metric's Unit.
func (e PredictionError) InUnit() PredictionError {
	for _, v := range []*float64{&e.Predicted, &e.Low, &e.High, &e.Actual, &e.AbsoluteError} {
		*v = e.Metric.InUnit(*v)
	}
	return e
}

// Accuracy summarises the errors of one metric.
type Accuracy struct {
	Metric            Metric
	Count             int
	MeanAbsoluteError float64
	MeanRelativeError float64
	MedianRelative    float64
	StdAbsoluteError  *float64 // sample standard deviation; nil for one row
	MinAbsoluteError  float64
	MaxAbsoluteError  float64
	MeanPredicted     float64
	MeanActual        float64
	Bias              float64  // mean of predicted - actual
	RSquared          *float64 // nil where all actual values are equal
	Coverage          float64  // share of actual values inside the 90 % interval
}

// Unit is the unit that InUnit converts to.
func (a *Accuracy) Unit() string { return a.Metric.Unit() }

// InUnit is the summary with its absolute values in the metric's Unit.
func (a Accuracy) InUnit() Accuracy {
	for _, v := range []*float64{&a.MeanAbsoluteError, &a.MinAbsoluteError, &a.MaxAbsoluteError, &a.MeanPredicted, &a.MeanActual, &a.Bias} {
		*v = a.Metric.InUnit(*v)
	}
	a.StdAbsoluteError = apply(a.Metric.InUnit, a.StdAbsoluteError)
	return a
}

// Sources of measurements that benchmarks took.
const (
	SourceBenchmark   = "benchmark"
	SourceBenchmarkDB = "benchmark-db" // read from the old suite's database
)
