package relay

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/perf"
	"pgregory.net/rapid"
)

// A walk over a list, in pages of any size and either direction, meets every
// item once and in order.
func TestSliceWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfNDistinct(rapid.StringN(0, 8, -1), 0, 40, rapid.ID[string]).Draw(t, "items")
		size := rapid.IntRange(1, 10).Draw(t, "size")
		backward := rapid.Bool().Draw(t, "backward")
		var got []string
		page := Page{First: &size}
		if backward {
			page = Page{Last: &size}
		}
		for {
			c, err := Slice(items, strings.Clone, page)
			if err != nil {
				t.Fatal(err)
			}
			if c.TotalCount != len(items) {
				t.Fatalf("totalCount %d of %d", c.TotalCount, len(items))
			}
			more := c.PageInfo.HasNextPage
			page.After = c.PageInfo.EndCursor
			if backward {
				more = c.PageInfo.HasPreviousPage
				page.After, page.Before = nil, c.PageInfo.StartCursor
				got = append(c.Nodes(), got...)
			} else {
				got = append(got, c.Nodes()...)
			}
			if !more {
				break
			}
		}
		if want := slices.Sorted(slices.Values(items)); !slices.Equal(got, want) {
			t.Fatalf("walked %q, want %q", got, want)
		}
	})
}

func TestConfigIDRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := perf.Config{
			Model: rapid.String().Draw(t, "model"), Device: rapid.String().Draw(t, "device"),
			Platform: perf.Platform(rapid.String().Draw(t, "platform")), BatchSize: rapid.Int().Draw(t, "batch"),
		}
		if !json.Valid([]byte(`"` + c.Model + `"`)) {
			return // text that JSON cannot hold as it is; names with such are refused
		}
		got, ok := ParseConfigID(ConfigID(c))
		if !ok || got.Model != c.Model || got.BatchSize != c.BatchSize {
			t.Fatalf("%+v came back as %+v", c, got)
		}
	})
	for _, id := range []string{"", "predict:", "predict:!", "predict:bm9uc2Vuc2U", "pred-1"} {
		if _, ok := ParseConfigID(id); ok {
			t.Errorf("%q was taken for a configuration", id)
		}
	}
}

func TestWordsInAnyCase(t *testing.T) {
	for _, s := range []string{"fp16", "FP16", "Fp16", " fp16 "} {
		if p, err := UnmarshalPrecision(s); p != perf.FP16 || err != nil {
			t.Errorf("precision %q: %q, %v", s, p, err)
		}
	}
	for _, v := range []any{"", "fp17", 16, nil, true, strings.Repeat("x", 10_000), map[string]any{}} {
		_, err := UnmarshalPrecision(v)
		var e *perf.Error
		if !errors.As(err, &e) || e.Code != perf.CodeInvalid || len(e.Message) > 300 {
			t.Errorf("precision %.20v: %v", v, err)
		}
		if _, err := UnmarshalMode(v); err == nil {
			t.Errorf("mode %.20v was accepted", v)
		}
	}
	if p, err := UnmarshalPlatform("CUDA"); p != perf.CUDA || err != nil {
		t.Errorf("platform CUDA: %q, %v", p, err)
	}
}

func TestInt(t *testing.T) {
	for _, v := range []any{json.Number("3000000000"), int64(1 << 31), -1 << 40, "1.5", "x", 1.5, true} {
		if n, err := UnmarshalInt(v); err == nil {
			t.Errorf("%v was read as %d", v, n)
		}
	}
	for _, v := range []any{json.Number("7"), int64(7), 7} {
		if n, err := UnmarshalInt(v); n != 7 || err != nil {
			t.Errorf("%v: %d, %v", v, n, err)
		}
	}
	var b strings.Builder
	MarshalInt(1 << 40).MarshalGQL(&b)
	if b.String() != "2147483647" {
		t.Errorf("a context of 2^40 tokens is written as %s", b.String())
	}
}

func TestEnvironment(t *testing.T) {
	got, err := UnmarshalEnvironment(map[string]any{"driver": "550", "cores": json.Number("16"), "ecc": true})
	if err != nil || got["driver"] != "550" || got["cores"] != "16" || got["ecc"] != "true" {
		t.Errorf("%v, %v", got, err)
	}
	for _, v := range []any{"x", []any{}, map[string]any{"a": map[string]any{}}, map[string]any{"a": nil}} {
		if _, err := UnmarshalEnvironment(v); err == nil {
			t.Errorf("%v was accepted", v)
		}
	}
}
