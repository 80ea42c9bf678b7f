package db_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
	"pgregory.net/rapid"
)

var (
	someModels  = []string{"bert", "gpt2", "Résnet%", "a_b", ""}
	someDevices = []string{"A100", "H100"}
	epoch       = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func drawMeasurement(t *rapid.T, id string) perf.Measurement {
	m := perf.Measurement{
		ID:   id,
		Time: epoch.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "second")) * time.Second),
		Config: perf.Config{
			Model:     rapid.SampledFrom(someModels).Draw(t, "model"),
			Device:    rapid.SampledFrom(someDevices).Draw(t, "device"),
			BatchSize: rapid.IntRange(-1, 3).Draw(t, "batch"),
		},
		Quarantined: rapid.Bool().Draw(t, "quarantined"),
	}
	if rapid.Bool().Draw(t, "measured") {
		x := rapid.SampledFrom([]float64{-1, 0, 0.5, 1e300, 1e-300}).Draw(t, "latency")
		m.Latency = &x
	}
	return m
}

func drawFilter(t *rapid.T) db.Filter {
	order := []db.Op{db.Eq, db.Ne, db.Lt, db.Le, db.Gt, db.Ge}
	op := rapid.SampledFrom(order).Draw(t, "op")
	switch rapid.IntRange(0, 6).Draw(t, "filter") {
	case 0:
		return db.Filter{Column: "model_name", Op: op, Value: rapid.SampledFrom(someModels).Draw(t, "value")}
	case 1:
		return db.Filter{Column: "model_name", Op: db.In, Value: rapid.SliceOfN(rapid.SampledFrom(someModels), 0, 3).Draw(t, "values")}
	case 2:
		return db.Filter{Column: "batch_size", Op: op, Value: rapid.IntRange(-1, 3).Draw(t, "value")}
	case 3:
		return db.Filter{Column: "latency_s", Op: op, Value: rapid.SampledFrom([]any{-1, 0.0, "0.5", "1e300"}).Draw(t, "value")}
	case 4:
		return db.Filter{Column: "latency_s", Op: rapid.SampledFrom(order[:2]).Draw(t, "null op"), Value: nil}
	case 5:
		return db.Filter{Column: "created_at", Op: op, Value: epoch.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "value")) * time.Second)}
	}
	return db.Filter{Column: "quarantined", Op: op, Value: rapid.SampledFrom([]any{true, "false"}).Draw(t, "value")}
}

func drawSort(t *rapid.T) []db.Sort {
	columns := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"created_at", "model_name", "latency_s", "batch_size", "quarantined", "seq"}), 0, 3, rapid.ID).Draw(t, "sort")
	var sort []db.Sort
	for _, c := range columns {
		sort = append(sort, db.Sort{Column: c, Desc: rapid.Bool().Draw(t, "desc")})
	}
	return sort
}

func ids(p *db.Page[perf.Measurement]) []string {
	var out []string
	for _, r := range p.Rows {
		out = append(out, r.Value.ID)
	}
	return out
}

// TestWindowAnswersAsDuckDB: a small window, a window over everything and
// plain SQL give the same pages, whatever is written in between.
func TestWindowAnswersAsDuckDB(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		small, whole := must(db.Open("", db.Options{Window: 4}))(t), must(db.Open("", db.Options{}))(t)
		defer func() { _, _ = small.Close(), whole.Close() }()
		n := 0
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			var b db.Batch
			for range rapid.IntRange(0, 8).Draw(rt, "rows") {
				n++
				b.Measurements = append(b.Measurements, drawMeasurement(rt, fmt.Sprintf("m%03d", n)))
			}
			if n > 0 && rapid.Bool().Draw(rt, "confirm") {
				b.Confirm = []string{fmt.Sprintf("m%03d", rapid.IntRange(1, n).Draw(rt, "confirmed"))}
			}
			for _, d := range []*db.DB{small, whole} {
				if err := d.Write(ctx, b); err != nil {
					rt.Fatal(err)
				}
			}
			q := db.Query{Limit: rapid.IntRange(0, 6).Draw(rt, "limit"), Count: true}
			for range rapid.IntRange(0, 2).Draw(rt, "filters") {
				q.Filters = append(q.Filters, drawFilter(rt))
			}
			for range 3 { // pages
				byWindow := must(whole.Measurements(ctx, q))(t)
				mixed := must(small.Measurements(ctx, q))(t)
				bySQL := must(small.Rows(ctx, "measurements", q, "measurement_id"))(t)
				var sqlIDs []string
				for _, r := range bySQL.Rows {
					sqlIDs = append(sqlIDs, r[0].(string))
				}
				if diff := cmp.Diff(sqlIDs, ids(byWindow)); diff != "" {
					rt.Fatalf("window (-sql +window):\n%s", diff)
				}
				if diff := cmp.Diff(byWindow.Values(), mixed.Values()); diff != "" {
					rt.Fatalf("small window (-whole +small):\n%s", diff)
				}
				if byWindow.HasNext != mixed.HasNext || bySQL.HasNext != mixed.HasNext || byWindow.Total != mixed.Total {
					rt.Fatalf("next %v %v %v, total %d %d", byWindow.HasNext, mixed.HasNext, bySQL.HasNext, byWindow.Total, mixed.Total)
				}
				if len(byWindow.Rows) == 0 {
					break
				}
				last := len(byWindow.Rows) - 1
				if byWindow.Cursor(last) != mixed.Cursor(last) || bySQL.Last != mixed.Cursor(last) {
					rt.Fatalf("cursors differ")
				}
				q.After = byWindow.Cursor(last)
			}
		}
	})
}

// TestPaging: in any order, going forth and back in pages meets every row that
// was there at the start once, in the list's order, with rows inserted between
// the pages.
func TestPaging(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := must(db.Open("", db.Options{Window: 3}))(t)
		defer func() { _ = d.Close() }()
		n := 0
		write := func(rows int) {
			var b db.Batch
			for range rows {
				n++
				b.Measurements = append(b.Measurements, drawMeasurement(rt, fmt.Sprintf("m%03d", n)))
			}
			if err := d.Write(ctx, b); err != nil {
				rt.Fatal(err)
			}
		}
		write(rapid.IntRange(0, 20).Draw(rt, "rows"))
		first := n
		q := db.Query{Sort: drawSort(rt), Limit: 100}
		want := ids(must(d.Measurements(ctx, q))(t))

		q.Limit = rapid.IntRange(1, 7).Draw(rt, "limit")
		q.Last = rapid.Bool().Draw(rt, "back")
		var got []string
		for pages := 0; ; pages++ {
			page := must(d.Measurements(ctx, q))(t)
			if q.Last {
				got = append(ids(page), got...)
				if !page.HasPrevious {
					break
				}
				q.Before = page.Cursor(0)
			} else {
				got = append(got, ids(page)...)
				if !page.HasNext {
					break
				}
				q.After = page.Cursor(len(page.Rows) - 1)
			}
			if pages > 60 {
				rt.Fatal("the pages don't end")
			}
			if pages < 10 {
				write(rapid.IntRange(0, 2).Draw(rt, "more"))
			}
		}
		old := slices.DeleteFunc(got, func(id string) bool { return id > fmt.Sprintf("m%03d", first) })
		if diff := cmp.Diff(want, old); diff != "" {
			rt.Fatalf("rows of the start (-whole list +pages):\n%s", diff)
		}
	})
}

// TestBadQueries are refused by name, and nothing of a caller's text reaches
// the SQL.
func TestBadQueries(t *testing.T) {
	d := open(t, "", db.Options{})
	x := 1.0
	err := d.Write(ctx, db.Batch{Measurements: []perf.Measurement{{ID: "m1", Time: epoch, Latency: &x, Config: perf.Config{Model: "it's; DROP TABLE measurements"}}}})
	if err != nil {
		t.Fatal(err)
	}
	where := func(column string, op db.Op, v any) db.Query { return db.Query{Limit: 1}.Where(column, op, v) }
	page := must(d.Measurements(ctx, db.Query{Limit: 1}))(t)
	for name, q := range map[string]db.Query{
		"limit below 0":          {Limit: -1},
		"limit above":            {Limit: db.MaxLimit + 1},
		"column":                 where("nonsense", db.Eq, "x"),
		"column with a quote":    where(`model_name" = '' OR "model_name`, db.Eq, "x"),
		"column of another":      where("kind", db.Eq, "x"),
		"column in another case": where("MODEL_NAME", db.Eq, "x"),
		"operator":               where("model_name", "= '' OR true --", "x"),
		"number":                 where("latency_s", db.Gt, "1 OR 1=1"),
		"NaN":                    where("latency_s", db.Gt, "NaN"),
		"integer":                where("batch_size", db.Eq, "1.5"),
		"boolean":                where("sample", db.Eq, "maybe"),
		"time":                   where("created_at", db.Ge, "yesterday"),
		"pattern on a number":    where("latency_s", db.Like, "1%"),
		"nested value":           where("environment", db.Gt, "x"),
		"null":                   where("latency_s", db.Gt, nil),
		"no list":                where("model_name", db.In, "x"),
		"long list":              where("model_name", db.In, make([]string, 1001)),
		"sort":                   {Limit: 1, Sort: []db.Sort{{Column: "1; DROP TABLE measurements"}}},
		"sort by nested":         {Limit: 1, Sort: []db.Sort{{Column: "environment"}}},
		"garbage cursor":         {Limit: 1, After: "AAAA"},
		"not base64":             {Limit: 1, After: "ü"},
		"cursor of another sort": {Limit: 1, After: page.Cursor(0), Sort: []db.Sort{{Column: "latency_s"}}},
		"before, too":            {Limit: 1, Before: "AAAA"},
	} {
		if _, err := d.Measurements(ctx, q); code(err) != perf.CodeInvalid {
			t.Errorf("%s: list: %v", name, err)
		}
		if _, err := d.Rows(ctx, "measurements", q); code(err) != perf.CodeInvalid {
			t.Errorf("%s: rows: %v", name, err)
		}
	}
	if _, err := d.Rows(ctx, "sqlite_master", db.Query{}); code(err) != perf.CodeNotFound {
		t.Errorf("table: %v", err)
	}
	if _, err := d.Rows(ctx, "measurements", db.Query{}, "seq", "1; SELECT 1"); code(err) != perf.CodeInvalid {
		t.Errorf("chosen column: %v", err)
	}
	if _, err := d.Rows(ctx, "prediction_models", db.Query{}, "artefact"); code(err) != perf.CodeInvalid {
		t.Errorf("binary column: %v", err)
	}
	for _, value := range []string{"it's; DROP TABLE measurements", "' OR ''='", `" OR ""="`, "%"} {
		want := 0
		if value[0] == 'i' {
			want = 1
		}
		if got := must(d.Measurements(ctx, where("model_name", db.Eq, value)))(t); len(got.Rows) != want {
			t.Errorf("%q: %d rows", value, len(got.Rows))
		}
		if got := must(d.Measurements(ctx, where("model_name", db.Contains, value)))(t); len(got.Rows) != want {
			t.Errorf("containing %q: %d rows", value, len(got.Rows))
		}
	}
}

// TestLike: text is matched without regard to case, in nested values too.
func TestLike(t *testing.T) {
	d := open(t, "", db.Options{})
	b := db.Batch{Measurements: []perf.Measurement{
		{ID: "m1", Time: epoch, Config: perf.Config{Model: "Meta/LLaMA-7b"}, Environment: map[string]string{"driver": "550.1"}},
		{ID: "m2", Time: epoch, Config: perf.Config{Model: "100%"}},
	}}
	if err := d.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		column string
		op     db.Op
		value  string
		want   []string
	}{
		{"model_name", db.Like, "%llama%", []string{"m1"}},
		{"model_name", db.Like, "llama", nil},
		{"model_name", db.Contains, "/ll", []string{"m1"}},
		{"model_name", db.Contains, "0%", []string{"m2"}},
		{"environment", db.Contains, "550.", []string{"m1"}},
	} {
		got := ids(must(d.Measurements(ctx, db.Query{Limit: 9}.Where(c.column, c.op, c.value)))(t))
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %s %q: %v, want %v", c.column, c.op, c.value, got, c.want)
		}
	}
}

// FuzzCursor: no text makes a list panic or fail otherwise than as bad input.
func FuzzCursor(f *testing.F) {
	d := open(f, "", db.Options{})
	x := 1.0
	if err := d.Write(ctx, db.Batch{Measurements: []perf.Measurement{{ID: "m1", Time: epoch, Latency: &x}}}); err != nil {
		f.Fatal(err)
	}
	sort := []db.Sort{{Column: "latency_s"}, {Column: "created_at", Desc: true}}
	f.Add(must(d.Measurements(ctx, db.Query{Limit: 1, Sort: sort}))(f).Cursor(0))
	f.Add("eyJvIjoiIn0")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := d.Measurements(ctx, db.Query{Limit: 1, Sort: sort, After: s}); err != nil && code(err) != perf.CodeInvalid {
			t.Errorf("%q: %v", s, err)
		}
	})
}
