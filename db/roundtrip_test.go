package db_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

// fill gives every field of v, at any depth, a value of its own, so that a
// field that is not stored shows.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, *n%60, *n*1000, time.UTC)))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(fmt.Sprintf(`{"n":%d,"s":"é\u0000"}`, *n))))
		return
	case []byte:
		v.SetBytes([]byte{0, byte(*n), 255})
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d 'é\"", *n))
	case reflect.Int:
		v.SetInt(int64(*n) + 1<<40)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 1.0/3)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{fmt.Sprint("k", *n): "v"}))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" { // derived, not stored
				fill(v.Field(i), n)
			}
		}
	default:
		panic(v.Type())
	}
}

func filled[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

// everyNoun is a record of every noun with all its fields set, and one with
// none but id and time.
func everyNoun() db.Batch {
	at := time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)
	return db.Batch{
		Predictions:     []perf.Prediction{filled[perf.Prediction](), {ID: "bare", Time: at}},
		Measurements:    []perf.Measurement{filled[perf.Measurement](), {ID: "bare", Time: at}},
		Recommendations: []perf.Recommendation{filled[perf.Recommendation](), {ID: "bare", Time: at}},
		Tasks:           []perf.Task{filled[perf.Task](), {ID: "bare", Created: at, Updated: at}},
		Runs:            []perf.Run{filled[perf.Run](), {ID: "bare", Started: at}},
		Models:          []perf.PredictionModel{filled[perf.PredictionModel](), {ID: "bare", Time: at}},
		Errors:          []perf.PredictionError{filled[perf.PredictionError]()},
		Importances:     []perf.FeatureImportance{filled[perf.FeatureImportance]()},
		Feedback:        []perf.Feedback{filled[perf.Feedback]()},
		Devices:         []perf.Device{filled[perf.Device]()},
		CatalogModels:   []perf.Model{filled[perf.Model]()},
		Fleet:           []perf.FleetEntry{filled[perf.FleetEntry]()},
	}
}

// TestRoundTrip stores every noun and reads the same back, before and after a
// restart, and after a kill that left it in the journal.
func TestRoundTrip(t *testing.T) {
	path := t.TempDir() + "/a.duckdb"
	d := open(t, path, db.Options{})
	batch := everyNoun()
	prediction, measurement, recommendation := batch.Predictions[0], batch.Measurements[0], batch.Recommendations[0]
	task, run, model := batch.Tasks[0], batch.Runs[0], batch.Models[0]
	if err := d.Write(ctx, batch); err != nil {
		t.Fatal(err)
	}
	recommendation.WasAccepted, recommendation.Feedback = nil, "" // come from feedback, not with the record

	check := func(what string, got, want any, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-stored +read):\n%s", what, diff)
		}
	}
	read := func(t *testing.T, d *db.DB) {
		p, err := d.Prediction(ctx, prediction.ID)
		check("prediction", p.Value, prediction, err)
		m, err := d.Measurement(ctx, measurement.ID)
		check("measurement", m.Value, measurement, err)
		r, err := d.Recommendation(ctx, recommendation.ID)
		check("recommendation", r.Value, recommendation, err)
		k, err := d.Task(ctx, task.ID)
		check("task", k.Value, task, err)
		u, err := d.Run(ctx, run.ID)
		check("run", u.Value, run, err)
		o, err := d.Model(ctx, model.ID)
		check("model", o.Value, model, err)

		p, err = d.Prediction(ctx, "bare")
		check("bare prediction", p.Value, batch.Predictions[1], err)
		m, err = d.Measurement(ctx, "bare")
		check("bare measurement", m.Value, batch.Measurements[1], err)
		r, err = d.Recommendation(ctx, "bare")
		check("bare recommendation", r.Value, batch.Recommendations[1], err)
		k, err = d.Task(ctx, "bare")
		check("bare task", k.Value, batch.Tasks[1], err)
		u, err = d.Run(ctx, "bare")
		check("bare run", u.Value, batch.Runs[1], err)

		es, err := d.Errors(ctx, db.Query{Limit: 10})
		check("errors", es.Values(), batch.Errors, err)
		is, err := d.Importances(ctx, db.Query{Limit: 10})
		check("importances", is.Values(), batch.Importances, err)
		fs, err := d.Feedback(ctx, db.Query{Limit: 10})
		check("feedback", fs.Values(), batch.Feedback, err)
		ds, err := d.Devices(ctx)
		check("devices", ds, batch.Devices, err)
		cs, err := d.CatalogModels(ctx)
		check("catalogue models", cs, batch.CatalogModels, err)
		fl, set, err := d.Fleet(ctx)
		check("fleet", fl, batch.Fleet, err)
		if !set {
			t.Error("the fleet was set")
		}
		ms, err := d.Models(ctx, db.Query{Limit: 1, Last: true})
		if err != nil || len(ms.Rows) != 1 || ms.Rows[0].Value.Artefact != nil {
			t.Errorf("a list of models must leave artefacts out: %v %v", ms, err)
		}
	}
	read(t, d)
	t.Run("after a restart", func(t *testing.T) {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		// A window of one row makes the other come from DuckDB.
		read(t, open(t, path, db.Options{Window: 1}))
	})
	t.Run("after a kill", func(t *testing.T) {
		path := t.TempDir() + "/a.duckdb"
		c, lines := startChild(t, path, "every noun")
		said := lines.Scan() && lines.Text() == "ok"
		_ = c.Process.Kill()
		_ = c.Wait()
		if !said {
			t.Fatalf("the child says %q", lines.Text())
		}
		if b, err := os.ReadFile(path + ".journal-a"); err != nil || !bytes.Contains(b, []byte(model.ID)) {
			t.Errorf("it is not in the journal: %v", err)
		}
		read(t, open(t, path, db.Options{Window: 1}))
	})
}
