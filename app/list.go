package app

import (
	"context"
	"time"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

// What the faces need of db, so that they import only app.
type (
	Query         = db.Query
	Filter        = db.Filter
	Sort          = db.Sort
	Op            = db.Op
	Dimension     = db.Dimension
	AccuracyGroup = db.AccuracyGroup
	Grid          = db.Grid
	Column        = db.Column
	TableInfo     = db.TableInfo
	Page[T any]   = db.Page[T]
	Row[T any]    = db.Row[T]
)

// The filters' operators and the dimensions, as db defines them.
const (
	Eq       = db.Eq
	Ne       = db.Ne
	In       = db.In
	Lt       = db.Lt
	Le       = db.Le
	Gt       = db.Gt
	Ge       = db.Ge
	Like     = db.Like
	Contains = db.Contains

	ByModel    = db.ByModel
	ByDevice   = db.ByDevice
	ByPlatform = db.ByPlatform
	ByDay      = db.ByDay
	ByBasis    = db.ByBasis

	MaxLimit = db.MaxLimit
)

// Predictions lists stored predictions; by default the newest first.
func (a *App) Predictions(ctx context.Context, q Query) (*Page[perf.Prediction], error) {
	return a.db.Predictions(ctx, q)
}

// Measurements lists measurements.
func (a *App) Measurements(ctx context.Context, q Query) (*Page[perf.Measurement], error) {
	return a.db.Measurements(ctx, q)
}

// Recommendations lists recommendations with their newest feedback.
func (a *App) Recommendations(ctx context.Context, q Query) (*Page[perf.Recommendation], error) {
	return a.db.Recommendations(ctx, q)
}

// PredictionModels lists stored prediction models, without artefacts.
func (a *App) PredictionModels(ctx context.Context, q Query) (*Page[perf.PredictionModel], error) {
	return a.db.Models(ctx, q)
}

// FeatureImportances lists feature importances.
func (a *App) FeatureImportances(ctx context.Context, q Query) (*Page[perf.FeatureImportance], error) {
	return a.db.Importances(ctx, q)
}

// Feedbacks lists feedback, older words included.
func (a *App) Feedbacks(ctx context.Context, q Query) (*Page[perf.Feedback], error) {
	return a.db.Feedback(ctx, q)
}

// Errors lists comparisons of measurements with predictions.
func (a *App) Errors(ctx context.Context, q Query) (*Page[perf.PredictionError], error) {
	return a.db.Errors(ctx, q)
}

// Tasks lists tasks in their newest persisted states.
func (a *App) Tasks(ctx context.Context, q Query) (*Page[perf.Task], error) {
	return a.db.Tasks(ctx, q)
}

// PredictionByID is a stored prediction; CodeNotFound if there is none.
func (a *App) PredictionByID(ctx context.Context, id string) (perf.Prediction, error) {
	row, err := a.db.Prediction(ctx, id)
	return row.Value, err
}

// MeasurementByID is a measurement; CodeNotFound if there is none.
func (a *App) MeasurementByID(ctx context.Context, id string) (perf.Measurement, error) {
	row, err := a.db.Measurement(ctx, id)
	return row.Value, err
}

// RecommendationByID is a recommendation; CodeNotFound if there is none.
func (a *App) RecommendationByID(ctx context.Context, id string) (perf.Recommendation, error) {
	row, err := a.db.Recommendation(ctx, id)
	return row.Value, err
}

// PredictionModelByID is a stored prediction model; CodeNotFound if there is
// none.
func (a *App) PredictionModelByID(ctx context.Context, id string) (perf.PredictionModel, error) {
	row, err := a.db.Model(ctx, id)
	return row.Value, err
}

// Rows reads chosen columns of a table, for the keyed database routes.
func (a *App) Rows(ctx context.Context, table string, q Query, columns ...string) (*Grid, error) {
	return a.db.Rows(ctx, table, q, columns...)
}

// Tables lists the tables that Rows reads.
func (a *App) Tables() []string { return db.Tables() }

// SaveRun stores the state of a component's run.
func (a *App) SaveRun(ctx context.Context, r perf.Run) error {
	return a.write(ctx, db.Batch{Runs: []perf.Run{r}})
}

// DeleteRun removes a component's run, all its states.
func (a *App) DeleteRun(ctx context.Context, id string) error {
	return a.write(ctx, db.Batch{DeleteRuns: []string{id}})
}

// Runs lists components' runs in their newest states.
func (a *App) Runs(ctx context.Context, q Query) (*Page[perf.Run], error) { return a.db.Runs(ctx, q) }

// Run is a component's run in its newest state; CodeNotFound if there is none.
func (a *App) Run(ctx context.Context, id string) (perf.Run, error) {
	row, err := a.db.Run(ctx, id)
	return row.Value, err
}

// Overview is what there is and what answers.
type Overview struct {
	Tables       []TableInfo
	ModelVersion string
	Learned      int // measurements applied
	Started      time.Time
	FileBytes    int64 // of the database
}

// Overview tells what is stored and what answers.
func (a *App) Overview(ctx context.Context) (Overview, error) {
	tables, err := a.db.Overview(ctx)
	file, wal := a.db.Size()
	p := a.predictor.Load()
	return Overview{Tables: tables, ModelVersion: p.Version(), Learned: p.Learned(), Started: a.started, FileBytes: file + wal}, err
}

// ModelVersion names what answers: the artefact's hash and the last measurement
// applied.
func (a *App) ModelVersion() string { return a.predictor.Load().Version() }
