package resolvers

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/perfcast/perfcast/perf"
)

// made is the records that a completed task's result names.
type made struct {
	Recommendation string   `json:"recommendation_id"`
	Measurement    string   `json:"measurement_id"`
	Predictions    []string `json:"prediction_ids"`
	Performance    struct {
		Prediction string `json:"prediction_id"`
	} `json:"performance"`
}

// madeBy reads the ids out of a task's result. Results of other kinds have none
// of them.
func madeBy(t *perf.Task) (m made) {
	if t.Status == perf.TaskCompleted && json.Unmarshal(t.Result, &m) != nil {
		return made{}
	}
	if id := m.Performance.Prediction; id != "" {
		m.Predictions = append(m.Predictions, id)
	}
	return m
}

func (r task) Recommendation(ctx context.Context, ts []*perf.Task) ([]*perf.Recommendation, error) {
	ids := mapped(ts, func(t *perf.Task) string { return madeBy(t).Recommendation })
	found, err := byID(ctx, r.app.Recommendations, "recommendation_id", ids, func(x *perf.Recommendation) string { return x.ID })
	return mapped(ids, func(id string) *perf.Recommendation { return found[id] }), err
}

func (r task) Measurement(ctx context.Context, ts []*perf.Task) ([]*perf.Measurement, error) {
	ids := mapped(ts, func(t *perf.Task) string { return madeBy(t).Measurement })
	found, err := byID(ctx, r.app.Measurements, "measurement_id", ids, func(x *perf.Measurement) string { return x.ID })
	return mapped(ids, func(id string) *perf.Measurement { return found[id] }), err
}

func (r task) Predictions(ctx context.Context, ts []*perf.Task) ([][]perf.Prediction, error) {
	ids := mapped(ts, func(t *perf.Task) []string { return madeBy(t).Predictions })
	found, err := byID(ctx, r.app.Predictions, "prediction_id", slices.Concat(ids...), func(x *perf.Prediction) string { return x.ID })
	return mapped(ids, func(ids []string) (out []perf.Prediction) {
		for _, id := range ids {
			if p := found[id]; p != nil {
				out = append(out, *p)
			}
		}
		return out
	}), err
}
