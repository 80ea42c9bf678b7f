package relay

import "github.com/perfcast/perfcast/perf"

// Connection is a page of a list.
type Connection[T any] struct {
	Edges    []Edge[T]
	PageInfo PageInfo
	// TotalCount is the number of items of the whole list; 0 when the request
	// did not select it.
	TotalCount int
}

// Edge is an item with its place in the list.
type Edge[T any] struct {
	Cursor string
	Node   T
}

// PageInfo says where a page stands. The cursors are nil on an empty page.
type PageInfo struct {
	HasNextPage, HasPreviousPage bool
	StartCursor, EndCursor       *string
}

// Nodes are the page's items alone.
func (c *Connection[T]) Nodes() []T {
	out := make([]T, len(c.Edges))
	for i := range c.Edges {
		out[i] = c.Edges[i].Node
	}
	return out
}

// NewConnection is the page of nodes whose cursors the function gives.
func NewConnection[T any](nodes []T, cursor func(i int) string, next, previous bool) Connection[T] {
	c := Connection[T]{Edges: make([]Edge[T], len(nodes)), PageInfo: PageInfo{HasNextPage: next, HasPreviousPage: previous}}
	for i, n := range nodes {
		c.Edges[i] = Edge[T]{Cursor: cursor(i), Node: n}
	}
	if n := len(c.Edges); n > 0 {
		c.PageInfo.StartCursor, c.PageInfo.EndCursor = &c.Edges[0].Cursor, &c.Edges[n-1].Cursor
	}
	return c
}

// The connections and edges under the schema's names.
type (
	PredictionConnection      = Connection[perf.Prediction]
	PredictionEdge            = Edge[perf.Prediction]
	MeasurementConnection     = Connection[perf.Measurement]
	MeasurementEdge           = Edge[perf.Measurement]
	ComparisonConnection      = Connection[perf.PredictionError]
	ComparisonEdge            = Edge[perf.PredictionError]
	RecommendationConnection  = Connection[perf.Recommendation]
	RecommendationEdge        = Edge[perf.Recommendation]
	PredictionModelConnection = Connection[perf.PredictionModel]
	PredictionModelEdge       = Edge[perf.PredictionModel]
	TaskConnection            = Connection[perf.Task]
	TaskEdge                  = Edge[perf.Task]
	DeviceConnection          = Connection[*perf.Device]
	DeviceEdge                = Edge[*perf.Device]
	ModelConnection           = Connection[*perf.Model]
	ModelEdge                 = Edge[*perf.Model]
)

// Page is which part of a list is asked for.
type Page struct {
	First  *int    // items from the front
	After  *string // only behind this cursor
	Last   *int    // items from the end
	Before *string // only before this cursor
}

// Sizes of a page.
const (
	DefaultPage = 20
	MaxPage     = 100
)

// Size is how many items are asked for, and whether from the end. It is an
// error to ask for none, for more than MaxPage, or for both ends at once.
func (p Page) Size() (n int, last bool, err error) {
	switch {
	case p.First != nil && p.Last != nil:
		return 0, false, perf.Invalid("last", "can't be combined with first: ask for one end of the list")
	case p.First == nil && p.Last == nil:
		return DefaultPage, false, nil
	}
	field, n := "first", 0
	if p.First != nil {
		n = *p.First
	} else {
		field, n, last = "last", *p.Last, true
	}
	if n < 1 || n > MaxPage {
		return 0, false, perf.Invalid(field, "must be 1 to %d, not %d", MaxPage, n)
	}
	return n, last, nil
}
