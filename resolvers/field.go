package resolvers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/resolvers/relay"
)

func (r prediction) ID(_ context.Context, p *perf.Prediction) (string, error) {
	if p.ID == "" {
		return relay.ConfigID(p.Config), nil
	}
	return p.ID, nil
}

func (r prediction) ModelFacts(_ context.Context, p *perf.Prediction) (*perf.Model, error) {
	return r.modelFacts(p.Config)
}

func (r prediction) DeviceFacts(_ context.Context, p *perf.Prediction) (*perf.Device, error) {
	return r.deviceFacts(p.Device, p.Platform)
}

func (r prediction) Warnings(_ context.Context, p *perf.Prediction) ([]string, error) {
	return mapped(p.Warnings, warning), nil
}

func warning(w perf.Warning) string { return w.Code + ": " + w.Message }

func (r *resolver) modelFacts(c perf.Config) (*perf.Model, error) {
	m, err := optional(r.app.Model(c.Model))
	return value(m), err
}

func (r *resolver) deviceFacts(name string, p perf.Platform) (*perf.Device, error) {
	d, err := optional(r.app.Device(name, p))
	return value(d), err
}

func (r measurement) ModelFacts(_ context.Context, m *perf.Measurement) (*perf.Model, error) {
	return r.modelFacts(m.Config)
}

func (r measurement) DeviceFacts(_ context.Context, m *perf.Measurement) (*perf.Device, error) {
	return r.deviceFacts(m.Device, m.Platform)
}

func (r measurement) Prediction(ctx context.Context, ms []*perf.Measurement) ([]*perf.Prediction, error) {
	ids := mapped(ms, func(m *perf.Measurement) string { return m.PredictionID })
	found, err := byID(ctx, r.app.Predictions, "prediction_id", ids, func(p *perf.Prediction) string { return p.ID })
	return mapped(ids, func(id string) *perf.Prediction { return found[id] }), err
}

// byID reads the records with the ids given in one go.
func byID[T any](ctx context.Context, read func(context.Context, app.Query) (*app.Page[T], error), column string, ids []string, id func(*T) string) (map[string]*T, error) {
	ids = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(ids))), func(id string) bool { return id == "" })
	out := make(map[string]*T, len(ids))
	for part := range slices.Chunk(ids, 1000) {
		page, err := read(ctx, app.Query{Limit: len(part)}.Where(column, app.In, part))
		if err != nil {
			return nil, err
		}
		for _, v := range page.Values() {
			out[id(&v)] = &v
		}
	}
	return out, nil
}

func (r recordedMeasurement) Errors(_ context.Context, m *perf.MeasurementResult) ([]perf.PredictionError, error) {
	return mapped(m.Errors, perf.PredictionError.InUnit), nil
}

func (r recommendation) ID(_ context.Context, rec *perf.Recommendation) (string, error) {
	if rec.ID != "" {
		return rec.ID, nil
	}
	b, err := json.Marshal([]any{rec.Config, rec.Constraints, rec.Objective,
		mapped(rec.Candidates, func(c perf.Candidate) string { return c.Prediction.Key() })})
	sum := sha256.Sum256(b)
	return "recommend:" + hex.EncodeToString(sum[:16]), err
}

func (r recommendation) ModelFacts(_ context.Context, rec *perf.Recommendation) (*perf.Model, error) {
	return r.modelFacts(rec.Config)
}

func (r recommendation) Warnings(_ context.Context, rec *perf.Recommendation) ([]string, error) {
	return mapped(rec.Warnings, warning), nil
}

func (r candidate) Platform(_ context.Context, c *perf.Candidate) (perf.Platform, error) {
	return c.Prediction.Platform, nil
}

func (r candidate) Device(_ context.Context, c *perf.Candidate) (string, error) {
	return c.Prediction.Device, nil
}

func (r device) ID(_ context.Context, d *perf.Device) (string, error) { return relay.DeviceID(d), nil }

func (r model) ID(_ context.Context, m *perf.Model) (string, error) { return relay.ModelID(m), nil }

func (r fleetEntry) DeviceFacts(_ context.Context, e *perf.FleetEntry) (*perf.Device, error) {
	return r.deviceFacts(e.Device, e.Platform)
}

func (r predictionModel) FeatureImportances(ctx context.Context, ms []*perf.PredictionModel) ([][]perf.FeatureImportance, error) {
	q := app.Query{Limit: app.MaxLimit, Sort: []app.Sort{{Column: "rank"}}}
	page, err := r.app.FeatureImportances(ctx, q.Where("model_id", app.In, mapped(ms, func(m *perf.PredictionModel) string { return m.ID })))
	if err != nil {
		return nil, err
	}
	all := page.Values()
	return mapped(ms, func(m *perf.PredictionModel) []perf.FeatureImportance {
		return slices.DeleteFunc(slices.Clone(all), func(f perf.FeatureImportance) bool { return f.ModelID != m.ID })
	}), nil
}
