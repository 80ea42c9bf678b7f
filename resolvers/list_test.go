package resolvers

import (
	"fmt"
	"slices"
	"testing"
)

// page is a page of any list, as clients see it.
type aPage struct {
	TotalCount int
	Nodes      []struct{ ID, Name string }
	Edges      []struct {
		Cursor string
		Node   struct{ ID string }
	}
	PageInfo struct {
		HasNextPage, HasPreviousPage bool
		StartCursor, EndCursor       *string
	}
}

func (p aPage) ids() []string {
	var out []string
	for _, n := range p.Nodes {
		out = append(out, n.ID)
	}
	return out
}

// page asks for a page of a list.
func (f *face) page(list, args string) aPage {
	f.t.Helper()
	var data map[string]aPage
	f.ask(&data, fmt.Sprintf(`{ %s(%s) { totalCount nodes { id } edges { cursor node { id } }
		pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`, list, args), nil)
	return data[list]
}

// record records n measurements of one workload.
func (f *face) record(n int, batch int) {
	f.t.Helper()
	var inputs []map[string]any
	for i := range n {
		inputs = append(inputs, map[string]any{"model": "bert-base-uncased", "platform": "cuda", "batchSize": batch, "latencyMs": 5 + float64(i)/10})
	}
	var out struct {
		RecordMeasurements []struct{ Measurement struct{ ID string } }
	}
	f.ask(&out, `mutation($in: [MeasurementInput!]!) { recordMeasurements(inputs: $in) { measurement { id } } }`, map[string]any{"in": inputs})
	if len(out.RecordMeasurements) != n {
		f.t.Fatalf("%d of %d measurements recorded", len(out.RecordMeasurements), n)
	}
}

// walk reads a whole list page by page and gives the ids in order.
func (f *face) walk(list, args string, forward bool, between func()) []string {
	f.t.Helper()
	var ids []string
	size, from, cursor := "first: 3", "after", ""
	if !forward {
		size, from = "last: 3", "before"
	}
	for range 1000 {
		all := args + " " + size
		if cursor != "" {
			all += fmt.Sprintf(" %s: %q", from, cursor)
		}
		p := f.page(list, all)
		if forward {
			ids = append(ids, p.ids()...)
		} else {
			ids = append(p.ids(), ids...)
		}
		more, next := p.PageInfo.HasNextPage, p.PageInfo.EndCursor
		if !forward {
			more, next = p.PageInfo.HasPreviousPage, p.PageInfo.StartCursor
		}
		if !more {
			return ids
		}
		cursor = *next
		if between != nil {
			between()
		}
	}
	f.t.Fatal("the list has no end")
	return nil
}

func TestListsCanBeWalkedBothWays(t *testing.T) {
	f := newFace(t, Options{})
	f.record(10, 8)
	for _, list := range []string{"measurements", "predictions", "devices", "models"} {
		args := ""
		if list == "devices" {
			args = `platform: mps`
		} else if list == "models" {
			args = `search: "bert-"`
		}
		total := f.page(list, args+" first: 1").TotalCount
		forward, backward := f.walk(list, args, true, nil), f.walk(list, args, false, nil)
		if len(forward) != total || !slices.Equal(forward, backward) {
			t.Errorf("%s: totalCount %d; forward %v; backward %v", list, total, forward, backward)
		}
		if unique := slices.Compact(slices.Sorted(slices.Values(forward))); len(unique) != len(forward) {
			t.Errorf("%s repeats an item: %v", list, forward)
		}
	}
}

// What is inserted while a client walks a list neither repeats nor hides what
// was there.
func TestCursorsSurviveInserts(t *testing.T) {
	f := newFace(t, Options{})
	f.record(10, 8)
	before := f.walk("measurements", "", true, nil)
	if got := f.walk("measurements", "", true, func() { f.record(2, 16) }); !slices.Equal(got, before) {
		t.Errorf("with inserts between the pages\n%v\nwithout\n%v", got, before)
	}

	devices := f.walk("devices", "platform: mps", true, nil)
	n := 0
	got := f.walk("devices", "platform: mps", true, func() {
		n++
		f.ask(&struct{}{}, fmt.Sprintf(`mutation { upsertDevice(input: { name: "AAA %d", platform: mps, kind: "apple-silicon",
			fp32FlopPerS: 1e13, memoryBytes: 6.4e10, memoryBandwidthBytesPerS: 4e11, cores: 40, clockHz: 1.4e9 }) { id } }`, n), nil)
	})
	if n == 0 || !slices.Equal(got, devices) {
		t.Errorf("with %d devices added between the pages\n%v\nwithout\n%v", n, got, devices)
	}
}

func TestFilters(t *testing.T) {
	f := newFace(t, Options{})
	f.record(3, 8)
	f.record(2, 16)
	for args, want := range map[string]int{
		``:                         5,
		`filter: { batchSize: 8 }`: 3,
		`filter: { batchSize: 16, platform: CUDA, precision: FP32, mode: "Inference" }`: 2,
		`filter: { model: "bert-base" }`:                                                5, // an alias
		`filter: { platform: cpu }`:                                                     0,
		`filter: { since: "2020-01-01T00:00:00Z" }`:                                     5,
		`filter: { until: "2020-01-01T00:00:00Z" }`:                                     0,
	} {
		if p := f.page("measurements", args+" first: 100"); p.TotalCount != want || len(p.Nodes) != want {
			t.Errorf("measurements(%s): %d of %d, not %d", args, len(p.Nodes), p.TotalCount, want)
		}
	}
}

func TestPageSizes(t *testing.T) {
	f := newFace(t, Options{})
	for args, field := range map[string]string{
		"first: 0": "first", "first: -1": "first", "first: 101": "first", "last: 0": "last", "last: -5": "last", "last: 101": "last",
		"first: 1, last: 1": "last", `after: "nonsense!"`: "after", `before: "nonsense!"`: "before", `first: 3000000000`: "first",
	} {
		for _, list := range []string{"measurements", "devices"} {
			p := f.refused(fmt.Sprintf("{ %s(%s) { totalCount } }", list, args), nil)
			if p.Extensions.Code != "INVALID_ARGUMENT" || p.Extensions.Field != field {
				t.Errorf("%s(%s): %+v", list, args, p)
			}
		}
	}
}

// Only what the request selects is counted; either way it is right.
func TestTotalCountThroughFragments(t *testing.T) {
	f := newFace(t, Options{})
	f.record(3, 8)
	var data struct{ Measurements struct{ TotalCount int } }
	f.ask(&data, `{ measurements(first: 1) { ...F } } fragment F on MeasurementConnection { ... on MeasurementConnection { totalCount } }`, nil)
	if data.Measurements.TotalCount != 3 {
		t.Errorf("totalCount in a fragment is %d", data.Measurements.TotalCount)
	}
	var renamed struct{ Measurements struct{ N int } }
	f.ask(&renamed, `{ measurements(first: 1) { n: totalCount } }`, nil)
	if renamed.Measurements.N != 3 {
		t.Errorf("totalCount under an alias is %d", renamed.Measurements.N)
	}
}
