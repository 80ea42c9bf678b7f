package resolvers

import (
	"context"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/resolvers/relay"
)

func (r query) Predict(ctx context.Context, input perf.Config) (perf.Prediction, error) {
	return r.app.Predict(ctx, input)
}

func (r query) Sweep(ctx context.Context, input perf.Config, devices []string, platforms []perf.Platform, batches, sequences []int, precisions []perf.Precision) ([]perf.Prediction, error) {
	return r.app.Sweep(ctx, app.SweepRequest{Config: input, Devices: devices, Platforms: platforms,
		BatchSizes: batches, SequenceLengths: sequences, Precisions: precisions})
}

func (r query) Recommend(ctx context.Context, input perf.Config, available []perf.Platform, devices []string, c *perf.Constraints, o perf.Objective) (perf.Recommendation, error) {
	return r.app.Recommend(ctx, app.HardwareRequest{Config: input, Available: available, Devices: devices, Constraints: value(c), Objective: o})
}

func (r query) Devices(_ context.Context, platform *perf.Platform, kind, search *string, first *int, after *string, last *int, before *string) (relay.Connection[*perf.Device], error) {
	kept := slices.DeleteFunc(slices.Clone(r.app.Devices()), func(d *perf.Device) bool {
		return platform != nil && d.Platform != *platform || kind != nil && d.Kind != *kind || !named(search, d.Name, d.Aliases)
	})
	return relay.Slice(kept, relay.DeviceID, relay.Page{First: first, After: after, Last: last, Before: before})
}

func (r query) Device(_ context.Context, name string, platform perf.Platform) (perf.Device, error) {
	return found(r.app.Device(name, platform))
}

func (r query) Models(_ context.Context, family, search *string, first *int, after *string, last *int, before *string) (relay.Connection[*perf.Model], error) {
	kept := slices.DeleteFunc(slices.Clone(r.app.Models()), func(m *perf.Model) bool {
		return family != nil && m.Family != *family || !named(search, m.Name, m.Aliases)
	})
	return relay.Slice(kept, relay.ModelID, relay.Page{First: first, After: after, Last: last, Before: before})
}

// named reports whether one of the names holds what is searched for.
func named(search *string, name string, aliases []string) bool {
	return search == nil || slices.ContainsFunc(append([]string{name}, aliases...), func(s string) bool {
		return strings.Contains(strings.ToLower(s), strings.ToLower(*search))
	})
}

func (r query) Model(_ context.Context, name string) (perf.Model, error) {
	return found(r.app.Model(name))
}

func (r query) Predictions(ctx context.Context, filter *relay.RecordFilter, first *int, after *string, last *int, before *string) (relay.Connection[perf.Prediction], error) {
	return list(ctx, r.app.Predictions, r.records(filter), relay.Page{First: first, After: after, Last: last, Before: before})
}

func (r query) Measurements(ctx context.Context, filter *relay.RecordFilter, first *int, after *string, last *int, before *string) (relay.Connection[perf.Measurement], error) {
	return list(ctx, r.app.Measurements, r.records(filter), relay.Page{First: first, After: after, Last: last, Before: before})
}

func (r query) Comparisons(ctx context.Context, filter *relay.RecordFilter, metric *perf.Metric, first *int, after *string, last *int, before *string) (relay.Connection[perf.PredictionError], error) {
	c, err := list(ctx, r.app.Errors, where(r.records(filter), "metric", app.Eq, metric), relay.Page{First: first, After: after, Last: last, Before: before})
	for i, e := range c.Edges {
		c.Edges[i].Node = e.Node.InUnit()
	}
	return c, err
}

func (r query) Recommendations(ctx context.Context, filter *relay.RecordFilter, accepted *bool, first *int, after *string, last *int, before *string) (relay.Connection[perf.Recommendation], error) {
	return list(ctx, r.app.Recommendations, where(r.records(filter), "was_accepted", app.Eq, accepted), relay.Page{First: first, After: after, Last: last, Before: before})
}

func (r query) PredictionModels(ctx context.Context, platform *perf.Platform, metric *string, first *int, after *string, last *int, before *string) (relay.Connection[perf.PredictionModel], error) {
	q := where(where(app.Query{}, "hardware_platform", app.Eq, platform), "target_metric", app.Eq, metric)
	return list(ctx, r.app.PredictionModels, q, relay.Page{First: first, After: after, Last: last, Before: before})
}

func (r query) Tasks(ctx context.Context, kind *perf.TaskKind, status *perf.TaskStatus, first *int, after *string, last *int, before *string) (relay.Connection[perf.Task], error) {
	q := where(where(app.Query{}, "kind", app.Eq, kind), "status", app.Eq, status)
	return list(ctx, r.app.Tasks, q, relay.Page{First: first, After: after, Last: last, Before: before})
}

func (r query) Task(ctx context.Context, id string) (perf.Task, error) {
	return r.app.Task(ctx, id, 0)
}

func (r query) Accuracy(ctx context.Context, model string, platform perf.Platform, device string, metric *perf.Metric, days int, by []relay.AccuracyGrouping) ([]relay.AccuracyGroup, error) {
	q := app.AnalysisRequest{Model: model, Platform: platform, Device: device, Metric: value(metric), Days: days}
	groups, err := r.app.Accuracy(ctx, q, mapped(by, func(g relay.AccuracyGrouping) app.Dimension { return app.Dimension(g) })...)
	return mapped(groups, func(g app.AccuracyGroup) relay.AccuracyGroup {
		return relay.AccuracyGroup{Keys: g.Keys, Accuracy: g.Accuracy.InUnit()}
	}), err
}

func (r query) Fleet(context.Context) ([]perf.FleetEntry, error) { return r.app.Fleet(), nil }

func (r query) Platforms(context.Context) ([]perf.Platform, error) { return r.app.Platforms(), nil }

func (r query) Runtimes(context.Context) (out []relay.Runtime, _ error) {
	for _, x := range r.app.Runtimes() {
		out = append(out, relay.Runtime{Name: x.Name, Title: x.Title, Aliases: x.Aliases, Serves: x.Serves})
	}
	return out, nil
}

func (r query) Overview(ctx context.Context) (relay.Overview, error) {
	o, err := r.app.Overview(ctx)
	return relay.Overview{Status: "ok", StartedAt: o.Started, ModelVersion: o.ModelVersion, Learned: o.Learned,
		DatabaseMb: float64(o.FileBytes) / perf.MB, Tables: mapped(o.Tables, tableOverview)}, err
}

func tableOverview(t app.TableInfo) relay.TableOverview {
	o := relay.TableOverview{Name: t.Name, Rows: float64(t.Rows)}
	if !t.Newest.IsZero() {
		o.Newest = &t.Newest
	}
	return o
}
