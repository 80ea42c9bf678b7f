package resolvers

import (
	"context"
	"reflect"
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/graph"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/resolvers/relay"
)

// resolver is the root that graph asks for the resolvers of each type.
type resolver struct{ app *app.App }

var _ graph.ResolverRoot = (*resolver)(nil)

type (
	query               struct{ *resolver }
	mutation            struct{ *resolver }
	subscription        struct{ *resolver }
	prediction          struct{ *resolver }
	measurement         struct{ *resolver }
	recommendation      struct{ *resolver }
	candidate           struct{ *resolver }
	device              struct{ *resolver }
	model               struct{ *resolver }
	predictionModel     struct{ *resolver }
	task                struct{ *resolver }
	fleetEntry          struct{ *resolver }
	recordedMeasurement struct{ *resolver }
	predictInput        struct{ *resolver }
	constraintsInput    struct{ *resolver }
	measurementInput    struct{ *resolver }
)

func (r *resolver) Query() graph.QueryResolver                     { return query{r} }
func (r *resolver) Mutation() graph.MutationResolver               { return mutation{r} }
func (r *resolver) Subscription() graph.SubscriptionResolver       { return subscription{r} }
func (r *resolver) Prediction() graph.PredictionResolver           { return prediction{r} }
func (r *resolver) Measurement() graph.MeasurementResolver         { return measurement{r} }
func (r *resolver) Recommendation() graph.RecommendationResolver   { return recommendation{r} }
func (r *resolver) Candidate() graph.CandidateResolver             { return candidate{r} }
func (r *resolver) Device() graph.DeviceResolver                   { return device{r} }
func (r *resolver) Model() graph.ModelResolver                     { return model{r} }
func (r *resolver) PredictionModel() graph.PredictionModelResolver { return predictionModel{r} }
func (r *resolver) Task() graph.TaskResolver                       { return task{r} }
func (r *resolver) FleetEntry() graph.FleetEntryResolver           { return fleetEntry{r} }
func (r *resolver) RecordedMeasurement() graph.RecordedMeasurementResolver {
	return recordedMeasurement{r}
}
func (r *resolver) PredictInput() graph.PredictInputResolver         { return predictInput{r} }
func (r *resolver) ConstraintsInput() graph.ConstraintsInputResolver { return constraintsInput{r} }
func (r *resolver) MeasurementInput() graph.MeasurementInputResolver { return measurementInput{r} }

// list is a page of a stored list. It counts the whole list only when the
// request selects totalCount.
func list[T any](ctx context.Context, read func(context.Context, app.Query) (*app.Page[T], error), q app.Query, p relay.Page) (relay.Connection[T], error) {
	var err error
	if q.Limit, q.Last, err = p.Size(); err != nil {
		return relay.Connection[T]{}, err
	}
	q.After, q.Before, q.Count = value(p.After), value(p.Before), slices.Contains(graphql.CollectAllFields(ctx), "totalCount")
	page, err := read(ctx, q)
	if err != nil {
		return relay.Connection[T]{}, err
	}
	c := relay.NewConnection(page.Values(), page.Cursor, page.HasNext, page.HasPrevious)
	c.TotalCount = int(max(0, page.Total))
	return c, nil
}

// records is the query for a filter.
func (r *resolver) records(f *relay.RecordFilter) (q app.Query) {
	if f == nil {
		return q
	}
	q = where(q, "model_name", app.Eq, r.modelName(f.Model))
	q = where(q, "model_family", app.Eq, f.Family)
	q = where(q, "hardware_platform", app.Eq, f.Platform)
	q = where(q, "device", app.Eq, r.deviceName(f.Device))
	q = where(q, "precision", app.Eq, f.Precision)
	q = where(q, "mode", app.Eq, f.Mode)
	q = where(q, "batch_size", app.Eq, f.BatchSize)
	q = where(q, "created_at", app.Ge, f.Since)
	return where(q, "created_at", app.Lt, f.Until)
}

// modelName is the canonical form of a name, or the name itself where the
// catalogue has no such model: measurements of those are kept as well.
func (r *resolver) modelName(name *string) *string {
	if m, err := r.app.Model(value(name)); name != nil && err == nil {
		return &m.Name
	}
	return name
}

// deviceName is the canonical form of a name, or the name itself.
func (r *resolver) deviceName(name *string) *string {
	if d, err := r.app.Device(value(name), ""); name != nil && err == nil {
		return &d.Name
	}
	return name
}

// where adds a condition to q, unless there is nothing to compare with.
func where[T any](q app.Query, column string, op app.Op, v *T) app.Query {
	if v == nil {
		return q
	}
	return q.Where(column, op, plain(*v))
}

// plain is a named string as a string, which a filter asks for.
func plain(v any) any {
	if s := reflect.ValueOf(v); s.Kind() == reflect.String {
		return s.String()
	}
	return v
}

// value is what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// found is what p points to, or the error.
func found[T any](p *T, err error) (T, error) { return value(p), err }

// optional is v, or nil when there is no such thing.
func optional[T any](v T, err error) (*T, error) {
	switch {
	case err == nil:
		return &v, nil
	case perf.AsError(err).Code == perf.CodeNotFound, perf.AsError(err).Code == perf.CodeUnknown:
		return nil, nil
	}
	return nil, err
}

// mapped is f of every item.
func mapped[A, B any](items []A, f func(A) B) []B {
	out := make([]B, len(items))
	for i, x := range items {
		out[i] = f(x)
	}
	return out
}
