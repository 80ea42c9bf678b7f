package resolvers

import (
	"context"
	"strings"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/resolvers/relay"
)

func (r query) Node(ctx context.Context, id string) (relay.Node, error) {
	node, err := r.node(ctx, id)
	switch perf.AsError(err).Code {
	case perf.CodeNotFound, perf.CodeUnknown:
		return nil, nil
	}
	return node, err
}

func (r query) Nodes(ctx context.Context, ids []string) ([]relay.Node, error) {
	if len(ids) > maxNodes {
		return nil, perf.Invalid("ids", "must be at most %d, not %d", maxNodes, len(ids))
	}
	out := make([]relay.Node, len(ids))
	for i, id := range ids {
		var err error
		if out[i], err = r.Node(ctx, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// node is whatever has the id, by the id's prefix.
func (r query) node(ctx context.Context, id string) (relay.Node, error) {
	if platform, name, ok := relay.ParseDeviceID(id); ok {
		return r.app.Device(name, platform)
	}
	if name, ok := relay.ParseModelID(id); ok {
		return r.app.Model(name)
	}
	if c, ok := relay.ParseConfigID(id); ok {
		return r.app.Predict(ctx, c)
	}
	kind, _, _ := strings.Cut(id, "-")
	switch kind {
	case "pred":
		return r.app.PredictionByID(ctx, id)
	case "meas":
		return r.app.MeasurementByID(ctx, id)
	case "rec":
		return r.app.RecommendationByID(ctx, id)
	case "model": // a prediction model, or the task that stored one
		if m, err := optional(r.app.PredictionModelByID(ctx, id)); m != nil || err != nil {
			return m, err
		}
	}
	return r.app.Task(ctx, id, 0)
}
