package document

import "github.com/perfcast/perfcast/perf"

// MeasurementBody is the result of a measurement task. Errors, Prediction and
// Accuracy are absent when there was nothing to compare with.
type MeasurementBody struct {
	MeasurementID string           `json:"measurement_id"`
	PredictionID  *string          `json:"prediction_id" doc:"the prediction compared with; an unknown one that was given is echoed"`
	Measurement   MeasurementEntry `json:"measurement"`
	Errors        []ErrorEntry     `json:"errors,omitempty" doc:"one for each metric that both have"`
	Prediction    *PredictionRow   `json:"prediction,omitempty"`
	Accuracy      *float64         `json:"accuracy,omitempty" doc:"percent: 100 less the mean relative error over the metrics, at least 0"`
}

// MeasurementEntry is a measurement inside its task's result.
type MeasurementEntry struct {
	Timestamp         string              `json:"timestamp"`
	ModelName         string              `json:"model_name"`
	ModelFamily       *string             `json:"model_family"`
	HardwarePlatform  string              `json:"hardware_platform"`
	BatchSize         int                 `json:"batch_size"`
	SequenceLength    int                 `json:"sequence_length"`
	Precision         string              `json:"precision"`
	Mode              string              `json:"mode"`
	Throughput        *float64            `json:"throughput" doc:"samples per second"`
	Latency           *float64            `json:"latency" doc:"ms"`
	MemoryUsage       *float64            `json:"memory_usage" doc:"MB"`
	MeasurementSource string              `json:"measurement_source"`
	MeasurementID     string              `json:"measurement_id"`
	Metadata          MeasurementMetadata `json:"metadata"`
}

// MeasurementMetadata is what we know of a measurement beyond the documented
// keys.
type MeasurementMetadata struct {
	Device                string            `json:"device,omitempty" doc:"device the platform was resolved to when it was recorded"`
	Runtime               string            `json:"runtime,omitempty"`
	TTFTMs                *float64          `json:"ttft_ms,omitempty" doc:"time to first token, ms"`
	TPOTMs                *float64          `json:"tpot_ms,omitempty" doc:"time per output token, the first excluded, ms"`
	OutputTokensPerSecond *float64          `json:"output_tokens_per_second,omitempty"`
	PredictionID          string            `json:"prediction_id,omitempty" doc:"the prediction it was compared with"`
	Environment           map[string]string `json:"environment,omitempty"`
	UnknownModel          bool              `json:"unknown_model,omitempty" doc:"the model's facts are not known: stored, not compared"`
	Quarantined           bool              `json:"quarantined,omitempty" doc:"kept out of answers until confirmed or repeated"`
	Reason                string            `json:"reason,omitempty" doc:"why it is quarantined"`
	Sample                bool              `json:"sample,omitempty" doc:"generated sample data, kept out of accuracy and learning"`
}

// ErrorEntry compares one metric of a measurement with its prediction.
type ErrorEntry struct {
	PredictionID     string        `json:"prediction_id"`
	MeasurementID    string        `json:"measurement_id"`
	ModelName        string        `json:"model_name"`
	HardwarePlatform string        `json:"hardware_platform"`
	Metric           string        `json:"metric"`
	PredictedValue   float64       `json:"predicted_value" doc:"in the metric's unit: samples per second, ms or MB"`
	ActualValue      float64       `json:"actual_value"`
	AbsoluteError    float64       `json:"absolute_error" doc:"|predicted - actual|"`
	RelativeError    float64       `json:"relative_error" doc:"absolute_error / |actual|: a fraction; 0 where actual is 0"`
	Metadata         ErrorMetadata `json:"metadata"`
	Timestamp        string        `json:"timestamp"`
}

// ErrorMetadata is the configuration behind an ErrorEntry, and whether the
// interval held.
type ErrorMetadata struct {
	BatchSize      int    `json:"batch_size"`
	SequenceLength int    `json:"sequence_length"`
	Precision      string `json:"precision"`
	Mode           string `json:"mode"`
	Device         string `json:"device,omitempty"`
	Basis          string `json:"basis,omitempty" doc:"what the prediction rested on"`
	Inside         bool   `json:"inside_interval" doc:"the actual value lies in the prediction's 90 % interval"`
}

// Measurement is the result of a measurement task.
func Measurement(r perf.MeasurementResult) MeasurementBody {
	b := MeasurementBody{
		MeasurementID: r.Measurement.ID, PredictionID: nullable(r.Measurement.PredictionID),
		Measurement: measurement(&r.Measurement),
	}
	if r.Prediction != nil {
		row := Prediction(*r.Prediction)
		b.Prediction, b.PredictionID = &row, nullable(r.Prediction.ID)
	}
	sum := 0.0
	for i := range r.Errors {
		b.Errors = append(b.Errors, errorEntry(&r.Errors[i]))
		sum += r.Errors[i].RelativeError
	}
	if n := len(r.Errors); n > 0 {
		accuracy := 100 * max(0, 1-sum/float64(n))
		b.Accuracy = &accuracy
	}
	return b
}

func measurement(m *perf.Measurement) MeasurementEntry {
	return MeasurementEntry{
		Timestamp: Timestamp(m.Time), ModelName: m.ModelName(), ModelFamily: nullable(m.Family), HardwarePlatform: string(m.Platform),
		BatchSize: m.BatchSize, SequenceLength: m.SequenceLength, Precision: string(m.Precision), Mode: string(m.Mode),
		Throughput: m.Throughput, Latency: m.LatencyMs(), MemoryUsage: m.MemoryMb(),
		MeasurementSource: m.Source, MeasurementID: m.ID, Metadata: measurementMetadata(m),
	}
}

func measurementMetadata(m *perf.Measurement) MeasurementMetadata {
	return MeasurementMetadata{
		Device: m.Device, Runtime: m.Runtime, TTFTMs: m.TTFTMs(), TPOTMs: m.TPOTMs(),
		OutputTokensPerSecond: m.OutputTokensPerSec, PredictionID: m.PredictionID, Environment: m.Environment,
		UnknownModel: m.Unknown, Quarantined: m.Quarantined, Reason: m.Reason, Sample: m.Sample,
	}
}

func errorEntry(e *perf.PredictionError) ErrorEntry {
	return ErrorEntry{
		PredictionID: e.PredictionID, MeasurementID: e.MeasurementID, ModelName: e.ModelName(), HardwarePlatform: string(e.Platform),
		Metric: string(e.Metric), PredictedValue: inUnit(e.Metric, e.Predicted), ActualValue: inUnit(e.Metric, e.Actual),
		AbsoluteError: inUnit(e.Metric, e.AbsoluteError), RelativeError: e.RelativeError, Timestamp: Timestamp(e.Time),
		Metadata: ErrorMetadata{
			BatchSize: e.BatchSize, SequenceLength: e.SequenceLength, Precision: string(e.Precision), Mode: string(e.Mode),
			Device: e.Device, Basis: string(e.Basis), Inside: e.Low <= e.Actual && e.Actual <= e.High,
		},
	}
}
