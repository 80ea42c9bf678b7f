package db

import (
	"context"
	"fmt"
	"iter"

	"github.com/perfcast/perfcast/perf"
)

// Prediction is the prediction with an id; CodeNotFound if there is none.
func (d *DB) Prediction(ctx context.Context, id string) (Row[perf.Prediction], error) {
	return get(ctx, d, predictions, d.predictions, id)
}

// Predictions lists predictions.
func (d *DB) Predictions(ctx context.Context, q Query) (*Page[perf.Prediction], error) {
	return list(ctx, d, predictions, d.predictions, q)
}

// Measurement is the measurement with an id; CodeNotFound if there is none.
func (d *DB) Measurement(ctx context.Context, id string) (Row[perf.Measurement], error) {
	return get(ctx, d, measurements, d.measurements, id)
}

// Measurements lists measurements.
func (d *DB) Measurements(ctx context.Context, q Query) (*Page[perf.Measurement], error) {
	return list(ctx, d, measurements, d.measurements, q)
}

// Learnable yields every measurement to learn from, oldest first: all but
// sample data. Quarantined ones are among them, and marked.
func (d *DB) Learnable(ctx context.Context) iter.Seq2[Row[perf.Measurement], error] {
	return each(ctx, d, measurements, "NOT sample")
}

// Errors lists comparisons of measurements with predictions.
func (d *DB) Errors(ctx context.Context, q Query) (*Page[perf.PredictionError], error) {
	return list(ctx, d, errorRows, nil, q)
}

// Recommendation is the recommendation with an id, with the newest feedback;
// CodeNotFound if there is none.
func (d *DB) Recommendation(ctx context.Context, id string) (Row[perf.Recommendation], error) {
	return get(ctx, d, recommendations, d.recommendations, id)
}

// Recommendations lists recommendations, each with its newest feedback.
func (d *DB) Recommendations(ctx context.Context, q Query) (*Page[perf.Recommendation], error) {
	return list(ctx, d, recommendations, d.recommendations, q)
}

// Feedback lists what users said about recommendations, older words included.
func (d *DB) Feedback(ctx context.Context, q Query) (*Page[perf.Feedback], error) {
	return list(ctx, d, feedback, nil, q)
}

// Model is the prediction model with an id, with its artefact; CodeNotFound if
// there is none.
func (d *DB) Model(ctx context.Context, id string) (Row[perf.PredictionModel], error) {
	return get(ctx, d, models, nil, id)
}

// Models lists prediction models, without their artefacts.
func (d *DB) Models(ctx context.Context, q Query) (*Page[perf.PredictionModel], error) {
	return list(ctx, d, models, nil, q)
}

// ActiveModel is the promoted prediction model with its artefact; CodeNotFound
// if none is promoted.
func (d *DB) ActiveModel(ctx context.Context) (Row[perf.PredictionModel], error) {
	page, err := d.Models(ctx, Query{Limit: 1}.Where("active", Eq, true))
	if err != nil {
		return Row[perf.PredictionModel]{}, err
	}
	if len(page.Rows) == 0 {
		return Row[perf.PredictionModel]{}, perf.NotFound("no prediction model is promoted")
	}
	return d.Model(ctx, page.Rows[0].Value.ID)
}

// Importances lists feature importances.
func (d *DB) Importances(ctx context.Context, q Query) (*Page[perf.FeatureImportance], error) {
	return list(ctx, d, importances, nil, q)
}

// Task is the newest persisted state of a task; CodeNotFound if there is none.
func (d *DB) Task(ctx context.Context, id string) (Row[perf.Task], error) {
	return get(ctx, d, tasks, nil, id)
}

// Tasks lists tasks in their newest persisted states.
func (d *DB) Tasks(ctx context.Context, q Query) (*Page[perf.Task], error) {
	return list(ctx, d, tasks, nil, q)
}

// UnfinishedTasks are the tasks whose newest state is not terminal, oldest
// first: at start, those that a crash cut off.
func (d *DB) UnfinishedTasks(ctx context.Context) ([]Row[perf.Task], error) {
	return collect(each(ctx, d, tasks, fmt.Sprintf("status NOT IN ('%s', '%s')", perf.TaskCompleted, perf.TaskFailed)))
}

// Run is the newest persisted state of a component's run; CodeNotFound if
// there is none.
func (d *DB) Run(ctx context.Context, id string) (Row[perf.Run], error) {
	return get(ctx, d, runs, nil, id)
}

// Runs lists components' runs in their newest persisted states.
func (d *DB) Runs(ctx context.Context, q Query) (*Page[perf.Run], error) {
	return list(ctx, d, runs, nil, q)
}

// UnfinishedRuns are the runs whose newest state is not terminal, oldest first.
func (d *DB) UnfinishedRuns(ctx context.Context) ([]Row[perf.Run], error) {
	return collect(each(ctx, d, runs, fmt.Sprintf("status IN ('%s', '%s')", perf.RunInitializing, perf.RunRunning)))
}

// Devices are the devices that users added or corrected, oldest first.
func (d *DB) Devices(ctx context.Context) ([]perf.Device, error) {
	return facts(each(ctx, d, devices, "true"))
}

// CatalogModels are the models that users added or corrected, oldest first.
func (d *DB) CatalogModels(ctx context.Context) ([]perf.Model, error) {
	return facts(each(ctx, d, catalogModels, "true"))
}

func facts[T any](seq iter.Seq2[Row[dated[T]], error]) ([]T, error) {
	rows, err := collect(seq)
	out := make([]T, len(rows))
	for i := range rows {
		out[i] = rows[i].Value.Facts
	}
	return out, err
}

// Fleet is the operator's fleet as last stored; set is false if it never was.
func (d *DB) Fleet(ctx context.Context) (fleet []perf.FleetEntry, set bool, err error) {
	page, err := list(ctx, d, fleets, nil, Query{Sort: []Sort{{"seq", true}}, Limit: 1})
	if err != nil || len(page.Rows) == 0 {
		return nil, false, err
	}
	return page.Rows[0].Value.Facts, true, nil
}
