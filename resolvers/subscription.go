package resolvers

import (
	"context"

	"github.com/perfcast/perfcast/perf"
)

func (r subscription) TaskProgress(ctx context.Context, id string) (<-chan perf.Task, error) {
	return r.app.WatchTask(ctx, id)
}

func (r subscription) Measurements(ctx context.Context, model, device *string) (<-chan perf.Measurement, error) {
	model, device = r.modelName(model), r.deviceName(device)
	return only(ctx, r.app.WatchMeasurements(ctx), func(m perf.Measurement) bool { return of(m.Config, model, device) }), nil
}

func (r subscription) Predictions(ctx context.Context, model, device *string) (<-chan perf.Prediction, error) {
	model, device = r.modelName(model), r.deviceName(device)
	return only(ctx, r.app.WatchPredictions(ctx), func(p perf.Prediction) bool { return of(p.Config, model, device) }), nil
}

// of reports whether a configuration is of the model and on the device; nil is
// any.
func of(c perf.Config, model, device *string) bool {
	return (model == nil || c.Model == *model) && (device == nil || c.Device == *device)
}

// only passes on what keep keeps, until in closes or ctx ends.
func only[T any](ctx context.Context, in <-chan T, keep func(T) bool) <-chan T {
	out := make(chan T)
	go func() {
		defer close(out)
		for v := range in {
			if !keep(v) {
				continue
			}
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
