package db

import (
	"time"

	"github.com/perfcast/perfcast/perf"
)

// The tables, each by one list of fields.
var (
	predictions     = newTable("predictions", "prediction_id", predictionFields).once()
	measurements    = newTable("measurements", "measurement_id", measurementFields).once()
	errorRows       = newTable("prediction_errors", "", errorFields)
	recommendations = newTable("recommendations", "recommendation_id", recommendationFields).once().withFeedback()
	feedback        = newTable("feedback", "", feedbackFields)
	models          = newTable("prediction_models", "model_id", modelFields).once()
	importances     = newTable("feature_importance", "", importanceFields)
	tasks           = newTable("tasks", "task_id", taskFields).latest("task_id")
	runs            = newTable("runs", "run_id", runFields).latest("run_id")
	devices         = newTable("devices", "", deviceFields).latest("hardware_platform", "device")
	catalogModels   = newTable("models", "model_name", catalogFields).latest("model_name")
	fleets          = newTable("fleet", "", fleetFields)
)

// relations lists the tables in the order in which an overview names them.
var relations = []*relation{
	&predictions.relation, &measurements.relation, &errorRows.relation, &recommendations.relation,
	&feedback.relation, &models.relation, &importances.relation, &tasks.relation, &runs.relation,
	&devices.relation, &catalogModels.relation, &fleets.relation,
}

func init() {
	runs.time = "started_at"
	for i, r := range relations {
		r.place = i
	}
}

// withFeedback joins the newest feedback to each recommendation.
func (t *table[T]) withFeedback() *table[T] {
	t.source = `(SELECT r.*, f.was_accepted, coalesce(f.user_feedback, '') AS user_feedback FROM recommendations r` +
		` LEFT JOIN (SELECT recommendation_id, arg_max(was_accepted, seq) AS was_accepted,` +
		` arg_max(user_feedback, seq) AS user_feedback FROM feedback GROUP BY recommendation_id) f` +
		` ON f.recommendation_id = r.recommendation_id)`
	return t
}

func configFields(c *perf.Config) []field {
	return []field{
		{"model_name", &c.Model},
		{"model_asked", &c.Asked},
		{"model_family", &c.Family},
		{"hardware_platform", &c.Platform},
		{"device", &c.Device},
		{"runtime", &c.Runtime},
		{"runtime_version", &c.RuntimeVersion},
		{"precision", &c.Precision},
		{"mode", &c.Mode},
		{"batch_size", &c.BatchSize},
		{"sequence_length", &c.SequenceLength},
		{"output_length", &c.OutputLength},
		{"concurrency", &c.Concurrency},
		{"image_size", &c.ImageSize},
		{"devices", &c.Devices},
		{"tensor_parallel", &c.TensorParallel},
		{"pipeline_parallel", &c.PipelineParallel},
		{"expert_parallel", &c.ExpertParallel},
		{"threads", &c.Threads},
		{"layout", &c.Layout},
		{"steps", &c.Steps},
	}
}

func estimateFields(name, unit string, e *perf.Estimate) []field {
	return []field{
		{name + unit, &e.Value},
		{name + "_low" + unit, &e.Low},
		{name + "_high" + unit, &e.High},
	}
}

func optionalFields(name, unit string, e **perf.Estimate) []field {
	return []field{
		{name + unit, part{e, func(e *perf.Estimate) *float64 { return &e.Value }}},
		{name + "_low" + unit, part{e, func(e *perf.Estimate) *float64 { return &e.Low }}},
		{name + "_high" + unit, part{e, func(e *perf.Estimate) *float64 { return &e.High }}},
	}
}

func predictionFields(p *perf.Prediction) []field {
	f := make([]field, 0, 64)
	f = append(f, field{"prediction_id", &p.ID}, field{"created_at", stamp{&p.Time}}, field{"config_hash", hash{&p.Config}})
	f = append(f, configFields(&p.Config)...)
	f = append(f, estimateFields("latency", "_s", &p.Latency)...)
	f = append(f, estimateFields("throughput", "_per_s", &p.Throughput)...)
	f = append(f, estimateFields("memory", "_bytes", &p.Memory)...)
	f = append(f, optionalFields("ttft", "_s", &p.TTFT)...)
	f = append(f, optionalFields("tpot", "_s", &p.TPOT)...)
	f = append(f, optionalFields("output_tokens", "_per_s", &p.OutputTokensPerSec)...)
	f = append(f, optionalFields("end_to_end", "_s", &p.EndToEnd)...)
	return append(f, []field{
		{"memory_parts", doc(&p.MemoryParts)},
		{"fits", &p.Fits},
		{"max_batch", &p.MaxBatch},
		{"max_sequence", &p.MaxSequence},
		{"shares", doc(&p.Shares)},
		{"attainable_s", &p.Attainable},
		{"breakdowns", doc(&p.Breakdowns)},
		{"basis", &p.Basis},
		{"distance", &p.Distance},
		{"model_version", &p.ModelVersion},
		{"evidence", doc(&p.Evidence)},
		{"assumptions", doc(&p.Assumptions)},
		{"warnings", doc(&p.Warnings)},
		{"prediction_source", &p.Source},
		{"sample", &p.Sample},
	}...)
}

func measurementFields(m *perf.Measurement) []field {
	f := make([]field, 0, 40)
	f = append(f, field{"measurement_id", &m.ID}, field{"created_at", stamp{&m.Time}})
	f = append(f, configFields(&m.Config)...)
	return append(f, []field{
		{"throughput_per_s", &m.Throughput},
		{"latency_s", &m.Latency},
		{"memory_bytes", &m.Memory},
		{"ttft_s", &m.TTFT},
		{"tpot_s", &m.TPOT},
		{"output_tokens_per_s", &m.OutputTokensPerSec},
		{"measurement_source", &m.Source},
		{"prediction_id", &m.PredictionID},
		{"environment", doc(&m.Environment)},
		{"unknown_model", &m.Unknown},
		{"quarantined", &m.Quarantined},
		{"quarantine_reason", &m.Reason},
		{"sample", &m.Sample},
	}...)
}

func errorFields(e *perf.PredictionError) []field {
	f := make([]field, 0, 40)
	f = append(f, field{"created_at", stamp{&e.Time}}, field{"prediction_id", &e.PredictionID}, field{"measurement_id", &e.MeasurementID})
	f = append(f, configFields(&e.Config)...)
	return append(f, []field{
		{"metric", &e.Metric},
		{"predicted", &e.Predicted},
		{"predicted_low", &e.Low},
		{"predicted_high", &e.High},
		{"actual", &e.Actual},
		{"absolute_error", &e.AbsoluteError},
		{"relative_error", &e.RelativeError},
		{"basis", &e.Basis},
		{"quarantined", &e.Quarantined},
		{"sample", &e.Sample},
	}...)
}

func recommendationFields(r *perf.Recommendation) []field {
	f := make([]field, 0, 40)
	f = append(f, field{"recommendation_id", &r.ID}, field{"created_at", stamp{&r.Time}})
	f = append(f, configFields(&r.Config)...)
	return append(f, []field{
		{"user_id", &r.UserID},
		{"model_params", &r.Params},
		{"max_latency_s", &r.Constraints.MaxLatency},
		{"max_ttft_s", &r.Constraints.MaxTTFT},
		{"max_tpot_s", &r.Constraints.MaxTPOT},
		{"max_memory_bytes", &r.Constraints.MaxMemory},
		{"min_throughput_per_s", &r.Constraints.MinThroughput},
		{"max_price_per_hour", &r.Constraints.MaxPricePerHour},
		{"objective", &r.Objective},
		{"candidates", doc(&r.Candidates)},
		{"reason", &r.Reason},
		{"warnings", doc(&r.Warnings)},
		{"sample", &r.Sample},
		{"was_accepted", joined{&r.WasAccepted}},
		{"user_feedback", joined{&r.Feedback}},
	}...)
}

func feedbackFields(f *perf.Feedback) []field {
	return []field{
		{"created_at", stamp{&f.Time}},
		{"recommendation_id", &f.RecommendationID},
		{"was_accepted", &f.Accepted},
		{"user_feedback", &f.Text},
	}
}

func modelFields(m *perf.PredictionModel) []field {
	return []field{
		{"model_id", &m.ID},
		{"created_at", stamp{&m.Time}},
		{"model_type", &m.ModelType},
		{"target_metric", &m.TargetMetric},
		{"hardware_platform", &m.Platform},
		{"model_family", &m.Family},
		{"serialized_model_path", &m.Path},
		{"features", doc(&m.Features)},
		{"training_score", &m.TrainingScore},
		{"validation_score", &m.ValidationScore},
		{"test_score", &m.TestScore},
		{"artefact", &m.Artefact},
		{"artefact_bytes", &m.ArtefactBytes},
		{"active", &m.Active},
		{"sample", &m.Sample},
	}
}

func importanceFields(f *perf.FeatureImportance) []field {
	return []field{
		{"created_at", stamp{&f.Time}},
		{"model_id", &f.ModelID},
		{"feature_name", &f.Feature},
		{"importance_score", &f.Score},
		{"rank", &f.Rank},
		{"method", &f.Method},
		{"sample", &f.Sample},
	}
}

func taskFields(t *perf.Task) []field {
	return []field{
		{"task_id", &t.ID},
		{"kind", &t.Kind},
		{"status", &t.Status},
		{"progress", &t.Progress},
		{"message", &t.Message},
		{"created_at", stamp{&t.Created}},
		{"updated_at", stamp{&t.Updated}},
		{"input", raw{&t.Input}},
		{"result", raw{&t.Result}},
	}
}

func runFields(r *perf.Run) []field {
	return []field{
		{"run_id", &r.ID},
		{"component", &r.Component},
		{"model_name", &r.Model},
		{"hardware", doc(&r.Hardware)},
		{"kind", &r.Kind},
		{"status", &r.Status},
		{"progress", &r.Progress},
		{"current_step", &r.Step},
		{"started_at", stamp{&r.Started}},
		{"completed_at", stamp{&r.Completed}},
		{"error", &r.Error},
		{"config", raw{&r.Config}},
		{"result", raw{&r.Result}},
	}
}

// dated is a fact with the time it was stated, which the fact does not carry.
type dated[T any] struct {
	Time  time.Time
	Facts T
}

func deviceFields(d *dated[perf.Device]) []field {
	return []field{
		{"created_at", stamp{&d.Time}},
		{"device", &d.Facts.Name},
		{"hardware_platform", &d.Facts.Platform},
		{"facts", doc(&d.Facts)},
	}
}

func catalogFields(m *dated[perf.Model]) []field {
	return []field{
		{"created_at", stamp{&m.Time}},
		{"model_name", &m.Facts.Name},
		{"model_family", &m.Facts.Family},
		{"facts", doc(&m.Facts)},
	}
}

func fleetFields(f *dated[[]perf.FleetEntry]) []field {
	return []field{
		{"created_at", stamp{&f.Time}},
		{"entries", doc(&f.Facts)},
	}
}
