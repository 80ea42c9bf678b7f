package perf

import "time"

// HardwareResult is what a hardware recommendation task ends with.
type HardwareResult struct {
	Request        Config // as asked for: the family is the caller's own, or empty
	Recommendation Recommendation
	Performance    *Prediction // of the primary choice, when asked for
}

// PerformanceResult is what a performance prediction task ends with.
type PerformanceResult struct {
	Request     Config       // as asked for: the family is the caller's own, or empty
	Predictions []Prediction // one for each hardware asked for, in that order
}

// MeasurementResult is what recording a measurement ends with. Prediction is
// nil and Errors empty when there was nothing to compare with.
type MeasurementResult struct {
	Measurement Measurement
	Prediction  *Prediction
	Errors      []PredictionError
}

// MatrixResult is what a matrix generation ends with.
type MatrixResult struct {
	Time       time.Time
	Mode       Mode
	Models     []MatrixModel
	Platforms  []Platform
	Batches    []int
	Precisions []Precision
	Stored     int // predictions stored
}

// MatrixModel is one model of a matrix.
type MatrixModel struct {
	Name, Category string
	Predictions    []Prediction // of every platform, batch and precision that could be predicted
	Error          string       // why the model could not be predicted; empty if it could
}
