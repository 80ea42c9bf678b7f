package resolvers

import (
	"context"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/resolvers/relay"
)

func (r mutation) PredictHardware(_ context.Context, input perf.Config, available []perf.Platform, devices []string, c *perf.Constraints, o perf.Objective, predict bool, user string) (perf.Task, error) {
	return r.app.Start(app.HardwareRequest{Config: input, Available: available, Devices: devices, Predict: predict,
		Constraints: value(c), Objective: o, UserID: user})
}

func (r mutation) PredictPerformance(_ context.Context, input perf.Config, hardware []perf.Platform, devices []string) (perf.Task, error) {
	return r.app.Start(app.PerformanceRequest{Config: input, Targets: targets(input, hardware, devices)})
}

// targets is each platform and each device named; the workload's own when none
// is.
func targets(c perf.Config, platforms []perf.Platform, devices []string) []app.Target {
	if len(platforms)+len(devices) == 0 {
		return []app.Target{{Platform: c.Platform, Device: c.Device}}
	}
	return append(mapped(platforms, func(p perf.Platform) app.Target { return app.Target{Platform: p} }),
		mapped(devices, func(d string) app.Target { return app.Target{Device: d} })...)
}

func (r mutation) RecordMeasurement(ctx context.Context, input perf.Measurement) (perf.MeasurementResult, error) {
	results, err := r.RecordMeasurements(ctx, []perf.Measurement{input})
	if err != nil {
		return perf.MeasurementResult{}, err
	}
	return results[0], nil
}

func (r mutation) RecordMeasurements(ctx context.Context, inputs []perf.Measurement) ([]perf.MeasurementResult, error) {
	return r.app.Record(ctx, mapped(inputs, func(m perf.Measurement) app.MeasurementRequest { return app.MeasurementRequest{Measurement: m} })...)
}

func (r mutation) ConfirmMeasurement(ctx context.Context, id string) (perf.Measurement, error) {
	return r.app.Confirm(ctx, id)
}

func (r mutation) AnalyzePredictions(_ context.Context, model string, platform perf.Platform, device string, metric *perf.Metric, days int) (perf.Task, error) {
	return r.app.Start(app.AnalysisRequest{Model: model, Platform: platform, Device: device, Metric: value(metric), Days: days})
}

func (r mutation) RecordFeedback(ctx context.Context, f perf.Feedback) (perf.Recommendation, error) {
	known, err := r.app.Feedback(ctx, app.FeedbackRequest{RecommendationID: f.RecommendationID, Accepted: f.Accepted, Text: f.Text})
	if err == nil && !known {
		err = &perf.Error{Code: perf.CodeNotFound, Field: "recommendation_id", Message: "there is no such recommendation"}
	}
	if err != nil {
		return perf.Recommendation{}, err
	}
	return r.app.RecommendationByID(ctx, f.RecommendationID)
}

func (r mutation) GenerateMatrix(_ context.Context, models []string, platforms []perf.Platform, batches []int, precisions []perf.Precision, mode perf.Mode) (perf.Task, error) {
	rows := mapped(models, func(name string) perf.MatrixModel { return perf.MatrixModel{Name: name} })
	return r.app.Start(app.MatrixRequest{Models: rows, Platforms: platforms, Batches: batches, Precisions: precisions, Mode: mode})
}

func (r mutation) GenerateSampleData(_ context.Context, n int) (perf.Task, error) {
	return r.app.Start(app.SampleRequest{NumModels: n})
}

func (r mutation) StoreModel(_ context.Context, input perf.PredictionModel) (perf.Task, error) {
	return r.app.Start(app.ModelRequest{Model: input})
}

func (r mutation) PromoteModel(ctx context.Context, id string) (perf.PredictionModel, error) {
	return r.app.PromoteModel(ctx, id)
}

func (r mutation) UpsertDevice(ctx context.Context, input perf.Device) (perf.Device, error) {
	return r.app.UpsertDevice(ctx, input)
}

func (r mutation) UpsertModel(ctx context.Context, input relay.ModelInput) (perf.Model, error) {
	if input.ConfigJSON != nil {
		return r.app.UpsertModelConfig(ctx, input.Name, input.Config())
	}
	return r.app.UpsertModel(ctx, input.Model)
}

func (r mutation) SetFleet(ctx context.Context, entries []perf.FleetEntry) ([]perf.FleetEntry, error) {
	fleet, err := r.app.SetFleet(ctx, entries)
	return fleet, renamed(err, "devices", "entries") // what a fleet file calls them
}

func (r mutation) CancelTask(ctx context.Context, id string) (perf.Task, error) {
	return r.app.CancelTask(ctx, id)
}

func (r mutation) RetryTask(ctx context.Context, id string) (perf.Task, error) {
	return r.app.RetryTask(ctx, id)
}
