package app

import (
	"context"
	"fmt"
	"time"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// Target is one piece of hardware: a platform, or a device, or a device driven
// through a platform.
type Target struct {
	Platform perf.Platform
	Device   string
}

// PerformanceRequest asks for predictions on several targets, to be stored.
type PerformanceRequest struct {
	Config  perf.Config
	Targets []Target
}

func (PerformanceRequest) kind() perf.TaskKind { return perf.TaskPerformance }

func (r PerformanceRequest) validate(a *App) error {
	if len(r.Targets) == 0 {
		_, _, err := a.Resolve(r.Config)
		return err
	}
	for i, t := range r.Targets {
		if _, _, err := a.Resolve(r.on(t)); err != nil {
			return at(err, "hardware", i, len(r.Targets))
		}
	}
	return nil
}

func (r PerformanceRequest) on(t Target) perf.Config {
	c := r.Config
	c.Platform, c.Device = t.Platform, t.Device
	return c
}

func (r PerformanceRequest) run(ctx context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing performance prediction")
	step(0.5, "Predicting performance")
	res := perf.PerformanceResult{Request: r.Config}
	for _, t := range r.Targets {
		p, err := a.Predict(ctx, r.on(t))
		if err != nil {
			return outcome{}, err
		}
		p.ID, p.Source = db.NewID("pred"), "api"
		res.Predictions = append(res.Predictions, p)
	}
	return outcome{result: res, records: db.Batch{Predictions: res.Predictions}}, nil
}

// MeasurementRequest records what was measured. The measurement's PredictionID,
// if any, is the prediction to compare with; ID and Time are made here.
type MeasurementRequest struct {
	Measurement perf.Measurement
}

func (MeasurementRequest) kind() perf.TaskKind { return perf.TaskMeasurement }

func (r MeasurementRequest) validate(a *App) error {
	m := r.Measurement
	if err := checkName("prediction_id", m.PredictionID, false); err != nil {
		return err
	}
	if err := checkName("source", m.Source, false); err != nil {
		return err
	}
	if err := checkMeasured(m); err != nil {
		return err
	}
	_, _, err := a.Resolve(m.Config)
	if unknownModel(err) { // it can be stored all the same
		_, _, err = a.deviceFor(m.Config)
	}
	return err
}

func (r MeasurementRequest) run(ctx context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing measurement recording")
	step(0.5, "Recording measurement")
	var b db.Batch
	res, err := a.record(ctx, a.fresh(r.Measurement), &b)
	return outcome{result: res, records: b}, err
}

// AnalysisRequest asks how right the predictions were.
type AnalysisRequest struct {
	Model    string
	Platform perf.Platform
	Device   string
	Metric   perf.Metric
	Days     int // 0 = all time; negative = nothing
}

func (AnalysisRequest) kind() perf.TaskKind { return perf.TaskAnalysis }

func (r AnalysisRequest) validate(*App) error {
	for field, s := range map[string]string{"model_name": r.Model, "device": r.Device, "metric": string(r.Metric), "hardware_platform": string(r.Platform)} {
		if err := checkName(field, s, false); err != nil {
			return err
		}
	}
	if r.Days > 1e6 || r.Days < -1e6 {
		return perf.Invalid("days", "must be from -1000000 to 1000000")
	}
	return nil
}

func (r AnalysisRequest) run(ctx context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing prediction analysis")
	step(0.5, "Analyzing predictions")
	res, err := a.Analyze(ctx, r)
	return outcome{result: res}, err
}

// scope is what the request selects. A model goes by its canonical name if the
// catalogue knows it.
func (r AnalysisRequest) scope(a *App) db.Scope {
	s := db.Scope{Model: r.Model, Platform: r.Platform, Device: r.Device, Metric: r.Metric}
	if m, err := a.catalog.Load().Model(r.Model); r.Model != "" && err == nil {
		s.Model = m.Name
	}
	if d, err := a.catalog.Load().Device(r.Device, r.Platform); r.Device != "" && err == nil {
		s.Device = d.Name
	}
	if r.Days != 0 {
		now := a.clock()
		s.Since, s.Until = now.Add(-time.Duration(r.Days)*24*time.Hour), now.Add(time.Microsecond)
	}
	return s
}

// Analyze summarises the comparisons of measurements with predictions by
// metric; empty when nothing matches. Sample data and quarantined measurements
// do not count.
func (a *App) Analyze(ctx context.Context, r AnalysisRequest) ([]perf.Accuracy, error) {
	if err := r.validate(a); err != nil {
		return nil, err
	}
	groups, err := a.db.Accuracy(ctx, r.scope(a))
	out := make([]perf.Accuracy, len(groups))
	for i, g := range groups {
		out[i] = g.Accuracy
	}
	return out, err
}

// Accuracy is Analyze split by dimensions: model, device, platform, day, basis.
func (a *App) Accuracy(ctx context.Context, r AnalysisRequest, by ...db.Dimension) ([]db.AccuracyGroup, error) {
	if err := r.validate(a); err != nil {
		return nil, err
	}
	return a.db.Accuracy(ctx, r.scope(a), by...)
}

// FeedbackRequest says whether a recommendation was taken.
type FeedbackRequest struct {
	RecommendationID string
	Accepted         bool
	Text             string
}

func (FeedbackRequest) kind() perf.TaskKind { return perf.TaskFeedback }

func (r FeedbackRequest) validate(*App) error {
	if len(r.Text) > 10_000 {
		return perf.Invalid("feedback", "must have at most 10000 bytes, not %d", len(r.Text))
	}
	return checkName("recommendation_id", r.RecommendationID, true)
}

func (r FeedbackRequest) run(ctx context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing feedback recording")
	step(0.5, "Recording feedback")
	found, err := a.recommended(ctx, r.RecommendationID)
	if err != nil {
		return outcome{}, err
	}
	var b db.Batch
	if found {
		b.Feedback = []perf.Feedback{r.feedback(a)}
	}
	return outcome{result: document.Feedback(r.RecommendationID, found), records: b}, nil
}

func (r FeedbackRequest) feedback(a *App) perf.Feedback {
	return perf.Feedback{Time: a.clock(), RecommendationID: r.RecommendationID, Accepted: r.Accepted, Text: r.Text}
}

func (a *App) recommended(ctx context.Context, id string) (bool, error) {
	_, err := a.db.Recommendation(ctx, id)
	if err != nil && perf.AsError(err).Code == perf.CodeNotFound {
		return false, nil
	}
	return err == nil, err
}

// Feedback records feedback at once. It reports whether the recommendation
// exists; when it does not, nothing is stored.
func (a *App) Feedback(ctx context.Context, r FeedbackRequest) (bool, error) {
	if err := r.validate(a); err != nil {
		return false, err
	}
	found, err := a.recommended(ctx, r.RecommendationID)
	if err != nil || !found {
		return false, err
	}
	return true, a.write(ctx, db.Batch{Feedback: []perf.Feedback{r.feedback(a)}})
}

// ModelRequest stores a prediction model: our own artefact, or the label of a
// foreign one.
type ModelRequest struct {
	Model perf.PredictionModel
}

func (ModelRequest) kind() perf.TaskKind { return perf.TaskModel }

const maxArtefact = 64 << 20

func (r ModelRequest) validate(*App) error {
	m := r.Model
	for _, f := range []struct{ field, value string }{{"model_type", m.ModelType}, {"target_metric", m.TargetMetric}, {"hardware_platform", string(m.Platform)}} {
		if err := checkName(f.field, f.value, true); err != nil {
			return err
		}
	}
	if len(m.Path) > 4096 {
		return perf.Invalid("serialized_model_path", "must have at most 4096 bytes")
	}
	if len(m.Features) > 10_000 {
		return perf.Invalid("features", "must have at most 10000 entries")
	}
	for _, f := range m.Features {
		if err := checkName("features", f, true); err != nil {
			return err
		}
	}
	for field, s := range map[string]*float64{"training_score": m.TrainingScore, "validation_score": m.ValidationScore, "test_score": m.TestScore} {
		if s != nil && !perf.Finite(*s) {
			return perf.Invalid(field, "must be a finite number")
		}
	}
	if len(m.Artefact) > maxArtefact {
		return &perf.Error{Code: perf.CodeTooLarge, Field: "artefact", Message: fmt.Sprintf("must have at most %d bytes", maxArtefact)}
	}
	if len(m.Artefact) > 0 {
		if _, err := predictor.New(m.Artefact); err != nil {
			return perf.Invalid("artefact", "is not a perfcast artefact: %v", err)
		}
	}
	return nil
}

func (r ModelRequest) run(_ context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing ML model storage")
	step(0.3, "Loading serialized model")
	m := r.Model
	m.ID, m.Time, m.Active, m.ArtefactBytes = db.NewID("model"), a.clock(), false, len(m.Artefact)
	step(0.6, "Storing ML model")
	return outcome{result: m, records: db.Batch{Models: []perf.PredictionModel{m}}}, nil
}

// PromoteModel makes a stored artefact the one that answers, here and after a
// restart, and applies the recorded measurements to it.
func (a *App) PromoteModel(ctx context.Context, id string) (perf.PredictionModel, error) {
	row, err := a.db.Model(ctx, id)
	if err != nil {
		return perf.PredictionModel{}, err
	}
	m := row.Value
	if len(m.Artefact) == 0 {
		return m, &perf.Error{Code: perf.CodeConflict, Field: "id", Message: "the model is only a label: it was stored without an artefact of ours, so it cannot answer"}
	}
	p, err := predictor.New(m.Artefact)
	if err != nil {
		return m, &perf.Error{Code: perf.CodeConflict, Field: "id", Message: fmt.Sprintf("the artefact cannot be used: %v", err)}
	}
	a.editing.Lock()
	defer a.editing.Unlock()
	if err := a.db.Write(ctx, db.Batch{Promote: id}); err != nil {
		return m, err
	}
	if err := a.apply(ctx, p); err != nil {
		return m, err
	}
	a.predictor.Store(p)
	a.forgetRanges()
	m.Active = true
	return m, nil
}
