package document

import "github.com/perfcast/perfcast/perf"

// RecommendationRow is one row of GET recommendations.
type RecommendationRow struct {
	ID               int64                  `json:"id" doc:"number made from recommendation_id"`
	Timestamp        string                 `json:"timestamp"`
	UserID           string                 `json:"user_id"`
	ModelName        string                 `json:"model_name"`
	ModelFamily      *string                `json:"model_family"`
	BatchSize        int                    `json:"batch_size"`
	SequenceLength   int                    `json:"sequence_length"`
	Precision        string                 `json:"precision"`
	Mode             string                 `json:"mode"`
	Primary          *string                `json:"primary_recommendation" doc:"null when nothing qualified"`
	Fallbacks        []string               `json:"fallback_options"`
	Compatible       []string               `json:"compatible_hardware"`
	Reason           string                 `json:"reason"`
	RecommendationID string                 `json:"recommendation_id"`
	WasAccepted      *bool                  `json:"was_accepted" doc:"null until feedback came"`
	UserFeedback     *string                `json:"user_feedback"`
	Metadata         RecommendationMetadata `json:"metadata"`
}

// RecommendationMetadata is the documented metadata of a recommendation.
type RecommendationMetadata struct {
	ModelSize         int64  `json:"model_size" doc:"parameters; 0 = not known"`
	ModelSizeCategory string `json:"model_size_category"`
	PredictionSource  string `json:"prediction_source"`
	Device            string `json:"device,omitempty" doc:"device of the primary recommendation"`
	Sample            bool   `json:"sample,omitempty" doc:"generated sample data"`
}

// DefaultUser is the user_id of recommendations asked for over REST.
const DefaultUser = "api-server"

// Recommendation is a row of GET recommendations.
func Recommendation(r perf.Recommendation) RecommendationRow {
	primary, rest := platforms(&r)
	row := RecommendationRow{
		ID: RowID(r.ID), Timestamp: Timestamp(r.Time), UserID: r.UserID, ModelName: r.ModelName(), ModelFamily: nullable(r.Family),
		BatchSize: r.BatchSize, SequenceLength: r.SequenceLength, Precision: string(r.Precision), Mode: string(r.Mode),
		Primary: nullable(primary), Fallbacks: rest, Compatible: compatible(primary, rest), Reason: r.Reason,
		RecommendationID: r.ID, WasAccepted: r.WasAccepted, UserFeedback: nullable(r.Feedback),
		Metadata: RecommendationMetadata{
			ModelSize: int64(r.Params), ModelSizeCategory: SizeCategory(r.Params),
			PredictionSource: recommendationSource(&r), Sample: r.Sample,
		},
	}
	if row.UserID == "" {
		row.UserID = DefaultUser
	}
	if p := r.Primary(); p != nil {
		row.Metadata.Device = p.Prediction.Device
	}
	return row
}

// PredictionRow is one row of GET predictions.
type PredictionRow struct {
	ID               int64   `json:"id" doc:"number made from prediction_id"`
	Timestamp        string  `json:"timestamp"`
	ModelName        string  `json:"model_name"`
	ModelFamily      *string `json:"model_family"`
	HardwarePlatform string  `json:"hardware_platform"`
	BatchSize        int     `json:"batch_size"`
	SequenceLength   int     `json:"sequence_length"`
	Precision        string  `json:"precision"`
	Mode             string  `json:"mode"`
	Throughput       float64 `json:"throughput" doc:"samples per second"`
	Latency          float64 `json:"latency" doc:"ms"`
	MemoryUsage      float64 `json:"memory_usage" doc:"MB"`
	ConfidenceScore  float64 `json:"confidence_score" doc:"probability that a measurement comes within a factor of 1.25 of the throughput"`
	PredictionSource string  `json:"prediction_source"`
	PredictionID     string  `json:"prediction_id"`
	Metadata         Detail  `json:"metadata"`
}

// Prediction is a row of GET predictions.
func Prediction(p perf.Prediction) PredictionRow {
	return PredictionRow{
		ID: RowID(p.ID), Timestamp: Timestamp(p.Time), ModelName: p.ModelName(), ModelFamily: nullable(p.Family),
		HardwarePlatform: string(p.Platform), BatchSize: p.BatchSize, SequenceLength: p.SequenceLength,
		Precision: string(p.Precision), Mode: string(p.Mode), Throughput: p.Throughput.Value,
		Latency: p.LatencyMs().Value, MemoryUsage: p.MemoryMb().Value, ConfidenceScore: Confidence(p.Throughput),
		PredictionSource: source(&p), PredictionID: p.ID, Metadata: detail(&p),
	}
}

// MeasurementRow is one row of GET measurements.
type MeasurementRow struct {
	ID int64 `json:"id" doc:"number made from measurement_id"`
	MeasurementEntry
}

// MeasurementOf is a row of GET measurements.
func MeasurementOf(m perf.Measurement) MeasurementRow {
	return MeasurementRow{ID: RowID(m.ID), MeasurementEntry: measurement(&m)}
}

// ModelRow is one row of GET models.
type ModelRow struct {
	ID               int64         `json:"id" doc:"number made from model_id"`
	Timestamp        string        `json:"timestamp"`
	ModelType        string        `json:"model_type"`
	TargetMetric     string        `json:"target_metric"`
	HardwarePlatform string        `json:"hardware_platform"`
	ModelFamily      *string       `json:"model_family"`
	SerializedModel  *string       `json:"serialized_model" doc:"<binary data> where an artefact is stored, else null"`
	FeaturesList     []string      `json:"features_list"`
	TrainingScore    *float64      `json:"training_score"`
	ValidationScore  *float64      `json:"validation_score"`
	TestScore        *float64      `json:"test_score"`
	ModelID          string        `json:"model_id"`
	Metadata         ModelMetadata `json:"metadata"`
}

// ModelMetadata is what we keep of a stored model beyond the documented keys.
type ModelMetadata struct {
	Path   string `json:"serialized_model_path,omitempty" doc:"as given: a label, never opened"`
	Bytes  int    `json:"artefact_bytes,omitempty" doc:"size of the stored artefact"`
	Active bool   `json:"active,omitempty" doc:"promoted: the artefact that answers"`
	Sample bool   `json:"sample,omitempty" doc:"generated sample data"`
}

// Model is a row of GET models.
func Model(m perf.PredictionModel) ModelRow {
	row := ModelRow{
		ID: RowID(m.ID), Timestamp: Timestamp(m.Time), ModelType: m.ModelType, TargetMetric: m.TargetMetric,
		HardwarePlatform: string(m.Platform), ModelFamily: nullable(m.Family), FeaturesList: list(m.Features),
		TrainingScore: m.TrainingScore, ValidationScore: m.ValidationScore, TestScore: m.TestScore, ModelID: m.ID,
		Metadata: ModelMetadata{Path: m.Path, Bytes: m.ArtefactBytes, Active: m.Active, Sample: m.Sample},
	}
	if m.ArtefactBytes > 0 {
		row.SerializedModel = nullable("<binary data>")
	}
	return row
}

// FeatureImportanceRow is one row of GET feature-importance.
type FeatureImportanceRow struct {
	ID              int64                     `json:"id" doc:"number made from model_id, feature_name and method"`
	Timestamp       string                    `json:"timestamp"`
	ModelID         string                    `json:"model_id"`
	FeatureName     string                    `json:"feature_name"`
	ImportanceScore float64                   `json:"importance_score"`
	Rank            *int                      `json:"rank" doc:"from 1; null when not ranked"`
	Method          string                    `json:"method"`
	Metadata        FeatureImportanceMetadata `json:"metadata"`
}

// FeatureImportanceMetadata marks sample data.
type FeatureImportanceMetadata struct {
	Sample bool `json:"sample,omitempty" doc:"generated sample data"`
}

// FeatureImportance is a row of GET feature-importance.
func FeatureImportance(f perf.FeatureImportance) FeatureImportanceRow {
	row := FeatureImportanceRow{
		ID: RowID(f.ModelID, f.Feature, f.Method), Timestamp: Timestamp(f.Time), ModelID: f.ModelID, FeatureName: f.Feature,
		ImportanceScore: f.Score, Method: f.Method, Metadata: FeatureImportanceMetadata{Sample: f.Sample},
	}
	if f.Rank > 0 {
		row.Rank = &f.Rank
	}
	return row
}
