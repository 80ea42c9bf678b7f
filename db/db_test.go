package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

var ctx = context.Background()

// open opens a database and closes it with the test.
func open(t testing.TB, path string, o db.Options) *db.DB {
	t.Helper()
	d, err := db.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// must is the value of a call that must succeed.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func code(err error) perf.Code {
	if err == nil {
		return ""
	}
	return perf.AsError(err).Code
}

// TestRefused: what can't be stored is refused with the column's name, and
// nothing of its batch stays.
func TestRefused(t *testing.T) {
	d := open(t, "", db.Options{})
	nan, at := math.NaN(), time.Now()
	good := perf.Prediction{ID: "good", Time: at}
	for field, b := range map[string]db.Batch{
		"latency_s":             {Measurements: []perf.Measurement{{ID: "m", Time: at, Latency: &nan}}},
		"throughput_high_per_s": {Predictions: []perf.Prediction{{ID: "p", Time: at, Throughput: perf.Estimate{High: math.Inf(1)}}}},
		"ttft_low_s":            {Predictions: []perf.Prediction{{ID: "p", Time: at, TTFT: &perf.Estimate{Low: nan}}}},
		"shares":                {Predictions: []perf.Prediction{{ID: "p", Time: at, Shares: perf.Shares{Compute: nan}}}},
		"model_name":            {Predictions: []perf.Prediction{{ID: "p", Time: at, Config: perf.Config{Model: "a\xffb"}}}},
		"prediction_id":         {Predictions: []perf.Prediction{{Time: at}}},
		"created_at":            {Predictions: []perf.Prediction{{ID: "p"}}},
		"result":                {Tasks: []perf.Task{{ID: "t", Created: at, Updated: at, Result: json.RawMessage(`{`)}}},
	} {
		b.Predictions = append([]perf.Prediction{good}, b.Predictions...)
		err := d.Write(ctx, b)
		if e := perf.AsError(err); err == nil || e.Code != perf.CodeInvalid || e.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if _, err := d.Prediction(ctx, "good"); code(err) != perf.CodeNotFound {
		t.Errorf("a refused batch left something: %v", err)
	}
}

// TestStates: the newest state of a task counts, its place in the list stays.
func TestStates(t *testing.T) {
	d := open(t, "", db.Options{})
	at := time.Now().UTC().Truncate(time.Microsecond)
	state := func(id string, s perf.TaskStatus, age time.Duration) perf.Task {
		return perf.Task{ID: id, Status: s, Created: at.Add(-age), Updated: at}
	}
	for _, k := range []perf.Task{
		state("old", perf.TaskPending, time.Hour), state("done", perf.TaskRunning, time.Minute),
		state("old", perf.TaskRunning, time.Hour), state("new", perf.TaskPending, 0), state("done", perf.TaskCompleted, time.Minute),
	} {
		if err := d.Write(ctx, db.Batch{Tasks: []perf.Task{k}}); err != nil {
			t.Fatal(err)
		}
	}
	page := must(d.Tasks(ctx, db.Query{Limit: 10, Count: true}))(t)
	var got []string
	for _, r := range page.Rows {
		got = append(got, fmt.Sprintf("%d %s %s", r.Seq, r.Value.ID, r.Value.Status))
	}
	want := []string{"4 new pending", "2 done completed", "1 old running"}
	if diff := cmp.Diff(want, got); diff != "" || page.Total != 3 {
		t.Errorf("total %d, tasks (-want +got):\n%s", page.Total, diff)
	}
	got = nil
	for _, r := range must(d.UnfinishedTasks(ctx))(t) {
		got = append(got, r.Value.ID)
	}
	if strings.Join(got, " ") != "old new" {
		t.Errorf("unfinished: %v", got)
	}
}

// TestDeleteRuns removes all states of a run and no other.
func TestDeleteRuns(t *testing.T) {
	d := open(t, "", db.Options{})
	at := time.Now()
	b := db.Batch{Runs: []perf.Run{{ID: "a", Started: at, Status: perf.RunRunning}, {ID: "b", Started: at}, {ID: "a", Started: at, Status: perf.RunCompleted}}}
	for _, b := range []db.Batch{b, {DeleteRuns: []string{"a", "never was"}}} {
		if err := d.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Run(ctx, "a"); code(err) != perf.CodeNotFound {
		t.Errorf("the run is still there: %v", err)
	}
	if r := must(d.Run(ctx, "b"))(t); r.Value.ID != "b" {
		t.Errorf("another run is gone: %v", r)
	}
}

// TestFeedback: the newest feedback counts, whether the recommendation lies in
// the window or not, and can be filtered by.
func TestFeedback(t *testing.T) {
	for _, size := range []int{1, 100} {
		d := open(t, "", db.Options{Window: size})
		at := time.Now()
		var b db.Batch
		for i := range 5 {
			b.Recommendations = append(b.Recommendations, perf.Recommendation{ID: fmt.Sprint("rec-", i), Time: at.Add(time.Duration(i) * time.Second)})
		}
		for i, accepted := range []bool{false, true} {
			b.Feedback = append(b.Feedback, perf.Feedback{Time: at, RecommendationID: "rec-0", Accepted: accepted, Text: fmt.Sprint("word ", i)})
		}
		if err := d.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		r := must(d.Recommendation(ctx, "rec-0"))(t).Value
		if r.WasAccepted == nil || !*r.WasAccepted || r.Feedback != "word 1" {
			t.Errorf("window %d: got %v %q", size, r.WasAccepted, r.Feedback)
		}
		for value, want := range map[any]int{true: 1, false: 0, nil: 4} {
			page := must(d.Recommendations(ctx, db.Query{Limit: 10}.Where("was_accepted", db.Eq, value)))(t)
			if len(page.Rows) != want {
				t.Errorf("window %d: %d rows with was_accepted = %v, want %d", size, len(page.Rows), value, want)
			}
		}
	}
}

// TestConfirmAndPromote: the two changes to rows that exist.
func TestConfirmAndPromote(t *testing.T) {
	for _, size := range []int{1, 100} {
		d := open(t, "", db.Options{Window: size})
		at := time.Now()
		b := db.Batch{Errors: []perf.PredictionError{{Time: at, MeasurementID: "m0", Metric: perf.MetricLatency, Actual: 1, Quarantined: true}}}
		for i := range 4 {
			b.Measurements = append(b.Measurements, perf.Measurement{ID: fmt.Sprint("m", i), Time: at.Add(time.Duration(i)), Quarantined: true, Reason: "fast"})
			b.Models = append(b.Models, perf.PredictionModel{ID: fmt.Sprint("model-", i), Time: at, Active: i == 0, Artefact: []byte{byte(i)}})
		}
		if err := d.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
		if n := len(must(d.Accuracy(ctx, db.Scope{}))(t)); n != 0 {
			t.Errorf("quarantined errors are counted")
		}
		if err := d.Write(ctx, db.Batch{Confirm: []string{"m0", "m3"}, Promote: "model-2"}); err != nil {
			t.Fatal(err)
		}
		page := must(d.Measurements(ctx, db.Query{Limit: 10}.Where("quarantined", db.Eq, false)))(t)
		if len(page.Rows) != 2 || page.Rows[0].Value.Reason != "" {
			t.Errorf("window %d: confirmed %v", size, page.Values())
		}
		if n := len(must(d.Accuracy(ctx, db.Scope{}))(t)); n != 1 {
			t.Errorf("a confirmed error is not counted")
		}
		m := must(d.ActiveModel(ctx))(t).Value
		if m.ID != "model-2" || m.Artefact[0] != 2 {
			t.Errorf("active: %s %v", m.ID, m.Artefact)
		}
		if must(d.Model(ctx, "model-0"))(t).Value.Active {
			t.Error("two models are active")
		}
	}
}

// TestFleet: a fleet is replaced whole, by an empty one too.
func TestFleet(t *testing.T) {
	d := open(t, "", db.Options{})
	if _, set, err := d.Fleet(ctx); set || err != nil {
		t.Errorf("a new database has a fleet: %v", err)
	}
	for _, f := range [][]perf.FleetEntry{{{Device: "a", Count: 1}, {Device: "b", Count: 2}}, {{Device: "c", Count: 1}}, {}} {
		if err := d.Write(ctx, db.Batch{Fleet: f}); err != nil {
			t.Fatal(err)
		}
		got, set, err := d.Fleet(ctx)
		if diff := cmp.Diff(f, got, cmpopts.EquateEmpty()); diff != "" || !set || err != nil {
			t.Errorf("%v %v %s", set, err, diff)
		}
	}
}

// TestLatestPrediction finds the newest of exactly the configuration.
func TestLatestPrediction(t *testing.T) {
	path := t.TempDir() + "/a.duckdb"
	d := open(t, path, db.Options{Window: 2})
	config := func(batch int) perf.Config { return perf.Config{Model: "bert", Device: "A100", BatchSize: batch} }
	var b db.Batch
	for i := range 30 {
		b.Predictions = append(b.Predictions, perf.Prediction{ID: fmt.Sprint("p", i), Time: time.Now(), Config: config(i % 10), Sample: i >= 20})
	}
	if err := d.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	look := func(d *db.DB) {
		t.Helper()
		for i := range 10 {
			if r, err := d.LatestPrediction(ctx, config(i)); err != nil || r.Value.ID != fmt.Sprint("p", 10+i) {
				t.Errorf("batch %d: %s %v", i, r.Value.ID, err)
			}
		}
		other := config(1)
		other.Precision = perf.FP16
		if _, err := d.LatestPrediction(ctx, other); code(err) != perf.CodeNotFound {
			t.Errorf("another precision: %v", err)
		}
	}
	look(d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	look(open(t, path, db.Options{}))
}

// TestLearnable yields all but samples, in order, across pages.
func TestLearnable(t *testing.T) {
	d := open(t, "", db.Options{})
	const n = 25_000
	var b db.Batch
	for i := range n {
		b.Measurements = append(b.Measurements, perf.Measurement{ID: fmt.Sprint("m", i), Time: time.Now(), Sample: i%5 == 0})
	}
	if err := d.Write(ctx, b); err != nil {
		t.Fatal(err)
	}
	count, last := 0, int64(0)
	for r, err := range d.Learnable(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Value.Sample || r.Seq <= last {
			t.Fatalf("row %d after %d, sample %v", r.Seq, last, r.Value.Sample)
		}
		count, last = count+1, r.Seq
	}
	if count != n*4/5 {
		t.Errorf("%d rows, want %d", count, n*4/5)
	}
}

// TestNewID: ids are unique and sort by time.
func TestNewID(t *testing.T) {
	last := ""
	for range 10_000 {
		id := db.NewID("pred")
		if id <= last || !strings.HasPrefix(id, "pred-") {
			t.Fatalf("%s after %s", id, last)
		}
		last = id
	}
}

// TestAfterClose: nothing is accepted, nothing hangs.
func TestAfterClose(t *testing.T) {
	d := must(db.Open("", db.Options{}))(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	err := d.Write(ctx, db.Batch{Feedback: []perf.Feedback{{Time: time.Now(), RecommendationID: "r"}}})
	if code(err) != perf.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	d = open(t, "", db.Options{})
	if err := d.Write(cancelled, db.Batch{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
