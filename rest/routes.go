package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

const (
	listDoc   = "Filtered by exact values, the newest first. An empty filter filters nothing; count is the length of this page."
	healthDoc = "Reads from the database and takes a prediction. What does not work is false, and the status degraded."
)

// routes is the documented API.
func (h *handler) routes() []openapi.Route {
	return []openapi.Route{
		start(h, openapi.Route{Path: Prefix + "/predict-hardware", ID: "predictHardware", Summary: "Recommend hardware for a model",
			Doc: "The result ranks the platforms that qualify and says why. With predict_performance it also holds the prediction for the first."},
			PredictHardwareRequest.job),
		start(h, openapi.Route{Path: Prefix + "/predict-performance", ID: "predictPerformance", Summary: "Predict throughput, latency and memory",
			Doc: "The result holds one prediction for each platform, with its 90 % interval and what it rests on."},
			PredictPerformanceRequest.job),
		start(h, openapi.Route{Path: Prefix + "/record-measurement", ID: "recordMeasurement", Summary: "Record a measurement and compare it",
			Doc: "It is compared with the prediction it names or the newest one of exactly its configuration; without one, with the prediction that would have been given."},
			RecordMeasurementRequest.job),
		start(h, openapi.Route{Path: Prefix + "/analyze-predictions", ID: "analyzePredictions", Summary: "Summarise how far predictions were off",
			Doc: "The result has one entry for each metric that was measured, and one overall; it is {} when nothing matches. Sample data does not count."},
			AnalyzePredictionsRequest.job),
		start(h, openapi.Route{Path: Prefix + "/record-feedback", ID: "recordFeedback", Summary: "Say how a recommendation turned out",
			Doc: "A later word about the same recommendation replaces the earlier one."},
			RecordFeedbackRequest.job),
		start(h, openapi.Route{Path: Prefix + "/store-model", ID: "storeModel", Summary: "Store a prediction model",
			Doc: "An artefact is accepted in perfcast's own format only. serialized_model_path is a label: the server never opens it.", Limit: artefactLimit},
			StoreModelRequest.job),
		start(h, openapi.Route{Path: Prefix + "/generate-matrix", ID: "generateMatrix", Summary: "Predict every combination of models, platforms, batch sizes and precisions",
			Doc: "All predictions are stored. A model that is not known has a reason instead."},
			GenerateMatrixRequest.job),
		start(h, openapi.Route{Path: Prefix + "/generate-sample-data", ID: "generateSampleData", Summary: "Fill the lists with sample data",
			Doc: "All of it is marked as sample data and kept out of accuracy and learning."},
			GenerateSampleDataRequest.job),

		openapi.Handle(openapi.Route{Method: http.MethodGet, Path: Prefix + "/task/{task_id}", ID: "getTask", Summary: "The state of a task",
			Doc:      "Waits a moment for a running task, so that a client which polls once and then sleeps is not punished.",
			Statuses: []int{http.StatusNotFound}, Tag: "tasks"}, h.task),

		list[RecommendationParameters](h, openapi.Route{Path: Prefix + "/recommendations", ID: "listRecommendations", Summary: "The newest recommendations", Doc: listDoc}, (*app.App).Recommendations, document.Recommendations, nil),
		list[PredictionParameters](h, openapi.Route{Path: Prefix + "/predictions", ID: "listPredictions", Summary: "The newest predictions", Doc: listDoc}, (*app.App).Predictions, document.Predictions, nil),
		list[MeasurementParameters](h, openapi.Route{Path: Prefix + "/measurements", ID: "listMeasurements", Summary: "The newest measurements", Doc: listDoc}, (*app.App).Measurements, document.Measurements, nil),
		list[ModelParameters](h, openapi.Route{Path: Prefix + "/models", ID: "listModels", Summary: "The newest prediction models", Doc: listDoc}, (*app.App).PredictionModels, document.Models, nil),
		list[FeatureImportanceParameters](h, openapi.Route{Path: Prefix + "/feature-importance", ID: "listFeatureImportance", Summary: "What prediction models look at",
			Doc: "Filtered by exact values, ordered by model_id, rank and falling score."}, (*app.App).FeatureImportances, document.FeatureImportances,
			[]app.Sort{{Column: "model_id"}, {Column: "rank"}, {Column: "importance_score", Desc: true}}),

		openapi.Handle(openapi.Route{Method: http.MethodGet, Path: "/health", ID: "health", Summary: "Whether the server works", Doc: healthDoc, Tag: "health"}, h.health),
		openapi.Handle(openapi.Route{Method: http.MethodGet, Path: Prefix + "/health", ID: "healthBelowPrefix", Summary: "The same as /health", Doc: healthDoc, Tag: "health"}, h.health),
	}
}

// TaskParameters name a task.
type TaskParameters struct {
	TaskID string `json:"task_id" in:"path" doc:"as the POST answered it"`
}

func (h *handler) task(ctx context.Context, in TaskParameters) (document.TaskBody, error) {
	t, err := h.app.Task(ctx, in.TaskID, h.wait)
	if err != nil && perf.AsError(err).Code == perf.CodeNotFound {
		err = perf.NotFound("Task not found")
	}
	return document.Task(t), err
}

// The parameters of the lists. The tag column names the column that a field
// filters by equal values; what is empty or 0 filters nothing.
type (
	// RecommendationParameters filter recommendations.
	RecommendationParameters struct {
		Model
		Hardware string `json:"hardware,omitempty" column:"hardware_platform" doc:"the primary recommendation"`
		Accepted *bool  `json:"accepted,omitempty" column:"was_accepted"`
		Window
		Limit
	}
	// PredictionParameters filter predictions.
	PredictionParameters struct {
		Model
		Run
		Limit
	}
	// MeasurementParameters filter measurements.
	MeasurementParameters struct {
		Model
		Run
		Window
		Limit
	}
	// ModelParameters filter prediction models.
	ModelParameters struct {
		ModelType    string `json:"model_type,omitempty" column:"model_type"`
		TargetMetric string `json:"target_metric,omitempty" column:"target_metric"`
		Hardware     string `json:"hardware,omitempty" column:"hardware_platform"`
		ModelFamily  string `json:"model_family,omitempty" column:"model_family"`
		Limit
	}
	// FeatureImportanceParameters filter feature importances.
	FeatureImportanceParameters struct {
		ModelID     string `json:"model_id,omitempty" column:"model_id"`
		FeatureName string `json:"feature_name,omitempty" column:"feature_name"`
		Method      string `json:"method,omitempty" column:"method"`
		Limit       int    `json:"limit,omitempty" default:"100" min:"0" max:"1000" doc:"most rows"`
	}

	// Model filters by a model, under any of its names.
	Model struct {
		ModelName   string `json:"model_name,omitempty" column:"model_name"`
		ModelFamily string `json:"model_family,omitempty" column:"model_family"`
	}
	// Run filters by how a model runs.
	Run struct {
		Hardware  string `json:"hardware,omitempty" column:"hardware_platform"`
		BatchSize int    `json:"batch_size,omitempty" column:"batch_size" min:"-1000000000" max:"1000000000" doc:"0 = any"`
	}
	// Window bounds rows to the last days.
	Window struct {
		Days int `json:"days,omitempty" min:"-100000" max:"100000" doc:"look back so many days; 0 = no bound; negative = an empty window"`
	}
	// Limit bounds a page.
	Limit struct {
		Limit int `json:"limit,omitempty" default:"10" min:"0" max:"1000" doc:"most rows"`
	}
)

// HealthBody says whether the server works.
type HealthBody struct {
	Status    string         `json:"status"`
	Timestamp string         `json:"timestamp"`
	Services  HealthServices `json:"services"`
	DuckDB    bool           `json:"duckdb_available"`
	Predictor bool           `json:"hardware_model_predictor_available"`
}

// HealthServices are the parts of the documented server.
type HealthServices struct {
	Repository      bool `json:"repository"`
	HardwareAdapter bool `json:"hardware_adapter"`
	MLAdapter       bool `json:"ml_adapter"`
}

// health counts rows in the database and takes a prediction, so that what it
// says is so.
func (h *handler) health(ctx context.Context, _ openapi.None) (HealthBody, error) {
	_, stored := h.app.Overview(ctx)
	c := app.DefaultConfig()
	c.Model, c.Platform = "bert-base-uncased", perf.CPU
	_, predicted := h.app.Predict(ctx, c)
	b := HealthBody{Status: "ok", Timestamp: document.Timestamp(time.Now()), DuckDB: stored == nil, Predictor: predicted == nil}
	b.Services = HealthServices{Repository: b.DuckDB, HardwareAdapter: b.Predictor, MLAdapter: b.Predictor}
	if !b.DuckDB || !b.Predictor {
		b.Status = "degraded"
	}
	return b, nil
}
