package db_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
	"pgregory.net/rapid"
)

// summarise is the accuracy of errors of one metric, from the definitions.
func summarise(es []perf.PredictionError) perf.Accuracy {
	n := float64(len(es))
	mean := func(f func(perf.PredictionError) float64) float64 {
		sum := 0.0
		for _, e := range es {
			sum += f(e)
		}
		return sum / n
	}
	of := func(f func(perf.PredictionError) float64) []float64 {
		var xs []float64
		for _, e := range es {
			xs = append(xs, f(e))
		}
		slices.Sort(xs)
		return xs
	}
	absolute := func(e perf.PredictionError) float64 { return e.AbsoluteError }
	relative := func(e perf.PredictionError) float64 { return e.RelativeError }
	actual := func(e perf.PredictionError) float64 { return e.Actual }
	square := func(x float64) float64 { return x * x }

	rel, abs, act := of(relative), of(absolute), of(actual)
	a := perf.Accuracy{
		Metric: es[0].Metric, Count: len(es),
		MeanAbsoluteError: mean(absolute), MeanRelativeError: mean(relative),
		MedianRelative:   (rel[(len(rel)-1)/2] + rel[len(rel)/2]) / 2,
		MinAbsoluteError: abs[0], MaxAbsoluteError: abs[len(abs)-1],
		MeanPredicted: mean(func(e perf.PredictionError) float64 { return e.Predicted }), MeanActual: mean(actual),
		Bias: mean(func(e perf.PredictionError) float64 { return e.Predicted - e.Actual }),
		Coverage: mean(func(e perf.PredictionError) float64 {
			if e.Low <= e.Actual && e.Actual <= e.High {
				return 1
			}
			return 0
		}),
	}
	if n > 1 {
		s := math.Sqrt(mean(func(e perf.PredictionError) float64 { return square(e.AbsoluteError - a.MeanAbsoluteError) }) * n / (n - 1))
		a.StdAbsoluteError = &s
	}
	if act[0] < act[len(act)-1] {
		r := 1 - mean(func(e perf.PredictionError) float64 { return square(e.Predicted - e.Actual) })/
			mean(func(e perf.PredictionError) float64 { return square(e.Actual - a.MeanActual) })
		a.RSquared = &r
	}
	return a
}

// TestAccuracy: the SQL agrees with the definitions in every scope and group.
func TestAccuracy(t *testing.T) {
	d := open(t, "", db.Options{})
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		model := fmt.Sprint("model-", round) // every case has rows of its own
		var es []perf.PredictionError
		for i := range rapid.IntRange(1, 30).Draw(rt, "errors") {
			value := rapid.Float64Range(0.1, 10)
			e := perf.PredictionError{
				Time:          epoch.Add(time.Duration(rapid.IntRange(0, 71).Draw(rt, "hour")) * time.Hour),
				MeasurementID: fmt.Sprint(round, "-", i),
				Config:        perf.Config{Model: model, Device: rapid.SampledFrom(someDevices).Draw(rt, "device"), Platform: perf.CUDA},
				Metric:        rapid.SampledFrom(perf.Metrics[:2]).Draw(rt, "metric"),
				Predicted:     value.Draw(rt, "predicted"), Actual: value.Draw(rt, "actual"),
				Basis:       perf.BasisLearned,
				Sample:      rapid.IntRange(0, 4).Draw(rt, "sample") == 0,
				Quarantined: rapid.IntRange(0, 4).Draw(rt, "quarantined") == 0,
			}
			e.Low, e.High = e.Predicted*0.7, e.Predicted*1.3
			e.AbsoluteError = math.Abs(e.Predicted - e.Actual)
			e.RelativeError = e.AbsoluteError / e.Actual
			es = append(es, e)
		}
		if err := d.Write(ctx, db.Batch{Errors: es}); err != nil {
			rt.Fatal(err)
		}
		s := db.Scope{Model: model, Sample: rapid.Bool().Draw(rt, "samples"), Quarantined: rapid.Bool().Draw(rt, "quarantine")}
		if rapid.Bool().Draw(rt, "since") {
			s.Since, s.Until = epoch.Add(24*time.Hour), epoch.Add(48*time.Hour)
		}
		if rapid.Bool().Draw(rt, "one device") {
			s.Device = someDevices[0]
		}
		groups := map[[3]string][]perf.PredictionError{}
		for _, e := range es {
			if e.Sample && !s.Sample || e.Quarantined && !s.Quarantined || s.Device != "" && e.Device != s.Device ||
				!s.Since.IsZero() && (e.Time.Before(s.Since) || !e.Time.Before(s.Until)) {
				continue
			}
			k := [3]string{e.Device, e.Time.Format(time.DateOnly), string(e.Metric)}
			groups[k] = append(groups[k], e)
		}
		got := must(d.Accuracy(ctx, s, db.ByDevice, db.ByDay))(t)
		if len(got) != len(groups) {
			rt.Fatalf("%d groups, want %d", len(got), len(groups))
		}
		for _, g := range got {
			want := summarise(groups[[3]string{g.Keys[0], g.Keys[1], string(g.Metric)}])
			if diff := cmp.Diff(want, g.Accuracy, cmpopts.EquateApprox(1e-6, 1e-9)); diff != "" {
				rt.Fatalf("%v (-definition +sql):\n%s", g.Keys, diff)
			}
		}
	})
	if _, err := d.Accuracy(ctx, db.Scope{}, "1; DROP TABLE tasks"); code(err) != perf.CodeInvalid {
		t.Errorf("a bad dimension: %v", err)
	}
}

// TestOverview counts rows and finds the newest; an empty table has no time.
func TestOverview(t *testing.T) {
	path := t.TempDir() + "/a.duckdb"
	d := open(t, path, db.Options{})
	if err := d.Write(ctx, db.Batch{Feedback: []perf.Feedback{{Time: epoch}, {Time: epoch.Add(-time.Hour)}}}); err != nil {
		t.Fatal(err)
	}
	infos := must(d.Overview(ctx))(t)
	if len(infos) != len(db.Tables()) {
		t.Errorf("%d tables of %d", len(infos), len(db.Tables()))
	}
	for _, info := range infos {
		if want := info.Name == "feedback"; want != (info.Rows == 2) || want != info.Newest.Equal(epoch) {
			t.Errorf("%+v", info)
		}
	}
	if file, wal := d.Size(); file+wal == 0 {
		t.Error("the file has no size")
	}
	if err := d.Checkpoint(ctx); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + ".wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after a checkpoint DuckDB's log is there: %v", err)
	}
}

// TestRows: chosen columns come as values that render well.
func TestRows(t *testing.T) {
	d := open(t, "", db.Options{})
	x := 0.25
	err := d.Write(ctx, db.Batch{Measurements: []perf.Measurement{
		{ID: "m1", Time: epoch, Latency: &x, Environment: map[string]string{"driver": "550"}},
		{ID: "m2", Time: epoch.Add(time.Second), Quarantined: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	g := must(d.Rows(ctx, "measurements", db.Query{Limit: 5, Count: true}, "measurement_id", "latency_s", "environment", "created_at", "quarantined", "seq"))(t)
	got := fmt.Sprintf("%d %v", g.Total, g.Rows[:1]) + fmt.Sprintf("%s %v", g.Rows[1][2], g.Rows[1][3:])
	want := `2 [[m2 <nil> <nil> 2026-01-01 00:00:01 +0000 UTC true 2]]{"driver":"550"} [2026-01-01 00:00:00 +0000 UTC false 1]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, table := range db.Tables() {
		if _, err := d.Rows(ctx, table, db.Query{Limit: 3, Count: true}); err != nil {
			t.Errorf("%s: %v", table, err)
		}
		if _, err := db.Columns(table); err != nil {
			t.Errorf("%s: %v", table, err)
		}
	}
}
