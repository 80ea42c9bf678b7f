package resolvers

import (
	"context"
	"maps"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/perfcast/perfcast/graph"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/resolvers/relay"
)

// Bounds of one operation.
const (
	maxTokens     = 15_000 // of its document
	maxDepth      = 12     // fields inside one another
	maxSelections = 5_000  // fields with every fragment written out
	maxComplexity = 10_000 // see costs
	maxNodes      = 100    // ids of the query nodes
	maxRecords    = 1_000  // measurements of one mutation
)

// sweepShare is how many fields of a sweep are charged as one: its points cost
// microseconds and touch no database. The largest sweep, of 10,000 points, may
// so select some 90 fields of each.
const sweepShare = 100

// schema is the schema without @defer, which none of our transports delivers.
var schema = func() *ast.Schema {
	s := *graph.NewExecutableSchema(graph.Config{}).Schema()
	s.Directives = maps.Clone(s.Directives)
	delete(s.Directives, "defer")
	return &s
}()

// costs says what fields cost besides their selections: a page as many times
// its selections as it has items, and every root field a base, so that a query
// can't repeat one under a thousand aliases. What can't be asked for (no items,
// fewer than none) costs what one item does.
func costs() graph.ComplexityRoot {
	var c graph.ComplexityRoot
	q, m := &c.Query, &c.Mutation

	q.Predict = func(child int, _ perf.Config) int { return root + child }
	q.Sweep = func(child int, _ perf.Config, devices []string, platforms []perf.Platform, batches, sequences []int, precisions []perf.Precision) int {
		points := product(len(devices)+len(platforms), len(batches), len(sequences), len(precisions))
		return root + points*child/sweepShare
	}
	q.Recommend = func(child int, _ perf.Config, _ []perf.Platform, _ []string, _ *perf.Constraints, _ perf.Objective) int {
		return 5*root + child
	}
	q.Devices = func(child int, _ *perf.Platform, _, _ *string, first *int, _ *string, last *int, _ *string) int {
		return page(child, first, last)
	}
	q.Models = func(child int, _, _ *string, first *int, _ *string, last *int, _ *string) int {
		return page(child, first, last)
	}
	records := func(child int, _ *relay.RecordFilter, first *int, _ *string, last *int, _ *string) int {
		return page(child, first, last)
	}
	q.Predictions, q.Measurements = records, records
	q.Comparisons = func(child int, _ *relay.RecordFilter, _ *perf.Metric, first *int, _ *string, last *int, _ *string) int {
		return page(child, first, last)
	}
	q.Recommendations = func(child int, _ *relay.RecordFilter, _ *bool, first *int, _ *string, last *int, _ *string) int {
		return page(child, first, last)
	}
	q.PredictionModels = func(child int, _ *perf.Platform, _ *string, first *int, _ *string, last *int, _ *string) int {
		return page(child, first, last)
	}
	q.Tasks = func(child int, _ *perf.TaskKind, _ *perf.TaskStatus, first *int, _ *string, last *int, _ *string) int {
		return page(child, first, last)
	}
	q.Accuracy = func(child int, _ string, _ perf.Platform, _ string, _ *perf.Metric, _ int, _ []relay.AccuracyGrouping) int {
		return 10*root + child
	}
	q.Nodes = func(child int, ids []string) int { return product(len(ids)) * (root + child) }
	q.Node = func(child int, _ string) int { return root + child }
	q.Task = func(child int, _ string) int { return root + child }
	m.RecordMeasurements = func(child int, in []perf.Measurement) int { return 10*root + product(len(in))*child/sweepShare }
	return c
}

// root is what a root field costs by itself.
const root = 10

// page is the cost of a page of a list.
func page(child int, first, last *int) int {
	n := relay.DefaultPage
	for _, p := range []*int{first, last} {
		if p != nil {
			n = *p
		}
	}
	return 5*root + max(1, min(n, relay.MaxPage))*child
}

// product multiplies how long lists are; an empty one counts as one, and the
// result stays below what could overflow.
func product(lengths ...int) int {
	n := 1
	for _, l := range lengths {
		n = min(n*max(1, l), 1<<30)
	}
	return n
}

// limits bounds an operation's depth and its size with fragments written out,
// which must be known before anything walks them: a few fragments that spread
// each other twice are a million fields.
type limits struct{}

var _ graphql.OperationContextMutator = limits{}

// ExtensionName names the extension.
func (limits) ExtensionName() string { return "Limits" }

// Validate accepts every schema.
func (limits) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses what is too large, and streams on transports
// that carry one response.
func (limits) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation == ast.Subscription && !requestOf(ctx).stream {
		return coded("SUBSCRIPTION_NEEDS_STREAM", "a subscription needs graphql-transport-ws, or Accept: text/event-stream")
	}
	w := walker{}
	depth, size := w.measure(op.Operation.SelectionSet)
	if depth > maxDepth {
		return coded("DEPTH_LIMIT_EXCEEDED", "the operation is %d fields deep; %d are allowed", depth, maxDepth)
	}
	if size > maxSelections {
		return coded("SIZE_LIMIT_EXCEEDED", "the operation selects more than %d fields, fragments written out", maxSelections)
	}
	return nil
}

// walker measures selections, every fragment once.
type walker map[*ast.FragmentDefinition][2]int

// measure is how many fields are inside one another at most, and how many there
// are in all. Introspection is left out of the depth: its nesting is bounded by
// a validation rule, and tools need more of it than anybody needs of ours.
func (w walker) measure(set ast.SelectionSet) (depth, size int) {
	for _, s := range set {
		var d, n int
		switch s := s.(type) {
		case *ast.Field:
			d, n = w.measure(s.SelectionSet)
			d, n = d+1, n+1
			if strings.HasPrefix(s.Name, "__") {
				d = 1
			}
		case *ast.InlineFragment:
			d, n = w.measure(s.SelectionSet)
		case *ast.FragmentSpread:
			known, ok := w[s.Definition]
			if !ok {
				known[0], known[1] = w.measure(s.Definition.SelectionSet)
				w[s.Definition] = known
			}
			d, n = known[0], known[1]
		}
		depth, size = max(depth, d), min(size+n, maxSelections+1)
	}
	return depth, size
}

// gate asks Options.Authorize about mutations and subscriptions.
type gate struct {
	authorize func(ctx context.Context, key string, mutation bool) error
}

var _ graphql.OperationContextMutator = gate{}

// ExtensionName names the extension.
func (gate) ExtensionName() string { return "Gate" }

// Validate accepts every schema.
func (gate) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext turns away who may not.
func (g gate) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	kind := op.Operation.Operation
	if g.authorize == nil || kind == ast.Query {
		return nil
	}
	key := requestOf(ctx).key
	switch err := g.authorize(ctx, key, kind == ast.Mutation); {
	case err == nil:
		return nil
	case key == "":
		return coded(codeUnauthenticated, "a %s needs an API key: send it as %s, over a WebSocket in the payload of connection_init", kind, keyHeader)
	}
	return coded(codeForbidden, "the API key does not allow a %s", kind)
}
