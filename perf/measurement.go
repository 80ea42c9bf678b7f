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

	Source       string // "api", "benchmark", "import", ...
	PredictionID string // the prediction it was compared with; empty = none
	Environment  map[string]string
	Unknown      bool   // the model's facts are not known: stored, not compared
	Quarantined  bool   // kept out of answers until confirmed or repeated
	Reason       string // why it is quarantined
	Sample       bool   // generated sample data: never in accuracy or training
}

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
