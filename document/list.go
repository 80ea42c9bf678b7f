package document

import "github.com/perfcast/perfcast/perf"

// The list bodies: count is the length of the page that is returned.
type (
	// RecommendationList is the body of GET recommendations.
	RecommendationList struct {
		Count int                 `json:"count"`
		Rows  []RecommendationRow `json:"recommendations"`
	}
	// PredictionList is the body of GET predictions.
	PredictionList struct {
		Count int             `json:"count"`
		Rows  []PredictionRow `json:"predictions"`
	}
	// MeasurementList is the body of GET measurements.
	MeasurementList struct {
		Count int              `json:"count"`
		Rows  []MeasurementRow `json:"measurements"`
	}
	// ModelList is the body of GET models.
	ModelList struct {
		Count int        `json:"count"`
		Rows  []ModelRow `json:"models"`
	}
	// FeatureImportanceList is the body of GET feature-importance.
	FeatureImportanceList struct {
		Count int                    `json:"count"`
		Rows  []FeatureImportanceRow `json:"feature_importance"`
	}
)

// Recommendations is the body of GET recommendations.
func Recommendations(rs []perf.Recommendation) RecommendationList {
	return RecommendationList{len(rs), rows(rs, Recommendation)}
}

// Predictions is the body of GET predictions.
func Predictions(ps []perf.Prediction) PredictionList {
	return PredictionList{len(ps), rows(ps, Prediction)}
}

// Measurements is the body of GET measurements.
func Measurements(ms []perf.Measurement) MeasurementList {
	return MeasurementList{len(ms), rows(ms, MeasurementOf)}
}

// Models is the body of GET models.
func Models(ms []perf.PredictionModel) ModelList { return ModelList{len(ms), rows(ms, Model)} }

// FeatureImportances is the body of GET feature-importance.
func FeatureImportances(fs []perf.FeatureImportance) FeatureImportanceList {
	return FeatureImportanceList{len(fs), rows(fs, FeatureImportance)}
}

func rows[T, R any](in []T, row func(T) R) []R {
	out := make([]R, len(in))
	for i, v := range in {
		out[i] = row(v)
	}
	return out
}
