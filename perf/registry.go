package perf

import "time"

// PredictionModel is a stored predictor artefact or a label for a foreign one.
type PredictionModel struct {
	ID   string // "model-..."
	Time time.Time

	ModelType    string
	TargetMetric string
	Platform     Platform
	Family       string
	Path         string // serialized_model_path as given: a label, never opened
	Features     []string

	TrainingScore, ValidationScore, TestScore *float64

	Artefact      []byte // our own format, or nil; lists leave it out
	ArtefactBytes int    // size of the artefact, in lists too; 0 = only a label
	Active        bool   // promoted: the artefact that answers
	Sample        bool
}

// FeatureImportance ranks one input of a PredictionModel.
type FeatureImportance struct {
	Time    time.Time
	ModelID string
	Feature string
	Score   float64
	Rank    int // from 1
	Method  string
	Sample  bool
}

// Feedback is what a user said about a recommendation.
type Feedback struct {
	Time             time.Time
	RecommendationID string
	Accepted         bool
	Text             string
}
