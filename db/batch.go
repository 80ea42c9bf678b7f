package db

import (
	"database/sql/driver"
	"encoding/binary"
	"slices"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// Batch is a set of records that become durable together or not at all. The
// records carry their own ids and times. What their slices, maps and pointers
// refer to must not change after Write.
type Batch struct {
	Predictions     []perf.Prediction
	Measurements    []perf.Measurement
	Errors          []perf.PredictionError
	Recommendations []perf.Recommendation
	Feedback        []perf.Feedback
	Models          []perf.PredictionModel
	Importances     []perf.FeatureImportance
	Tasks           []perf.Task // states; the newest of a task counts
	Runs            []perf.Run  // states; the newest of a run counts

	Devices       []perf.Device     // added or corrected; the newest of a platform and name counts
	CatalogModels []perf.Model      // added or corrected; the newest of a name counts
	Fleet         []perf.FleetEntry // unless nil, replaces the whole fleet
	Time          time.Time         // of Devices, CatalogModels and Fleet; zero = now

	Confirm    []string // ids of measurements to take out of quarantine
	Promote    string   // id of the prediction model to make the active one
	DeleteRuns []string // ids of components' runs to remove, all their states
}

// row is one encoded record.
type row struct {
	rel    *relation
	values []driver.Value // of rel.columns; seq is filled in by the writer
	seqAt  int            // where in the batch's record the seq goes
	// publish tells the memory about the row once it is durable; may be nil.
	publish func(seq int64)
}

// statement is a change to rows that exist, for what is rare.
type statement struct {
	sql     string
	args    []driver.NamedValue
	publish func()
}

// encoded is a batch ready for the writer.
type encoded struct {
	rows       []row
	statements []statement
	record     []byte // the same for the journal; nil for a database in memory
}

// encode checks a batch and puts it into the form DuckDB takes. It works on
// copies: the caller's records stay as they are.
func (d *DB) encode(b *Batch) (*encoded, error) {
	at := b.Time
	if at.IsZero() {
		at = time.Now()
	}
	e := &encoded{}
	err := firstError(
		func() error { return encode(e, predictions, b.Predictions, d.publishPrediction) },
		func() error { return encode(e, measurements, b.Measurements, d.measurements.add) },
		func() error { return encode(e, errorRows, b.Errors, nil) },
		func() error { return encode(e, recommendations, b.Recommendations, d.recommendations.add) },
		func() error { return encode(e, feedback, b.Feedback, d.publishFeedback) },
		func() error { return encode(e, models, b.Models, nil) },
		func() error { return encode(e, importances, b.Importances, nil) },
		func() error { return encode(e, tasks, b.Tasks, nil) },
		func() error { return encode(e, runs, b.Runs, nil) },
		func() error { return encode(e, devices, date(at, b.Devices), nil) },
		func() error { return encode(e, catalogModels, date(at, b.CatalogModels), nil) },
		func() error {
			if b.Fleet == nil {
				return nil
			}
			return encode(e, fleets, date(at, [][]perf.FleetEntry{b.Fleet}), nil)
		},
		func() error { d.encodeStatements(e, b); return nil },
	)
	if err == nil && d.path != "" {
		e.encodeRecord()
	}
	return e, err
}

// encodeRecord renders the batch for the journal.
func (e *encoded) encodeRecord() {
	size := 0
	for i := range e.rows {
		size += rowSize(e.rows[i].values)
	}
	b := make([]byte, 0, size)
	for i := range e.rows {
		r := &e.rows[i]
		b, r.seqAt = appendRow(b, r.rel.place, r.values[:len(r.rel.stored)])
	}
	for _, s := range e.statements {
		b = appendStatement(b, s)
	}
	e.record = b
}

// number gives a row its seq.
func (e *encoded) number(r *row, seq int64) {
	r.values[0] = seq
	if e.record != nil {
		binary.LittleEndian.PutUint64(e.record[r.seqAt:], uint64(seq))
	}
}

// publish tells the memory what became durable.
func (e *encoded) publish() {
	for _, r := range e.rows {
		if r.publish != nil {
			r.publish(r.values[0].(int64))
		}
	}
	for _, s := range e.statements {
		if s.publish != nil {
			s.publish()
		}
	}
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func date[T any](at time.Time, facts []T) []dated[T] {
	out := make([]dated[T], len(facts))
	for i := range facts {
		out[i] = dated[T]{at, facts[i]}
	}
	return out
}

// encode appends records of one table to e. publish is called with each entry
// once it is durable; it may be nil.
func encode[T any](e *encoded, t *table[T], records []T, publish func(*entry[T])) error {
	e.rows = slices.Grow(e.rows, len(records))
	for i := range records {
		x, err := newEntry(t, t.unjoined(records[i]))
		if err != nil {
			return err
		}
		r := row{rel: &t.relation, values: x.values}
		if publish != nil {
			r.publish = func(seq int64) { x.setSeq(seq); publish(x) }
		}
		e.rows = append(e.rows, r)
	}
	return nil
}

// entry is a record with its columns' values, as they are stored.
type entry[T any] struct {
	row    Row[T]
	values []driver.Value
}

// newEntry encodes a copy of v, which it puts into the form it will be read
// back in. Its key and time must be set.
func newEntry[T any](t *table[T], v T) (*entry[T], error) {
	x := &entry[T]{row: Row[T]{Value: v}, values: make([]driver.Value, 1, len(t.columns))}
	for _, f := range t.fields(&x.row.Value) {
		v, err := value(f)
		if err != nil {
			return nil, err
		}
		if f.column == t.key && v == "" || f.column == t.time && v == nil {
			return nil, perf.Invalid(f.column, "must be set")
		}
		x.values = append(x.values, v)
	}
	return x, nil
}

func (x *entry[T]) setSeq(seq int64) {
	x.row.Seq = seq
	x.values[0] = seq
}

// encodeStatements adds the changes to rows that exist.
func (d *DB) encodeStatements(e *encoded, b *Batch) {
	for _, id := range b.Confirm {
		e.statements = append(e.statements,
			statement{sql: `UPDATE measurements SET quarantined = false, quarantine_reason = '' WHERE measurement_id = ?`, args: args(id),
				publish: func() { d.publishConfirmed(id) }},
			statement{sql: `UPDATE prediction_errors SET quarantined = false WHERE measurement_id = ?`, args: args(id)})
	}
	if b.Promote != "" {
		e.statements = append(e.statements,
			statement{sql: `UPDATE prediction_models SET active = (model_id = ?) WHERE active OR model_id = ?`, args: args(b.Promote, b.Promote)})
	}
	for _, id := range b.DeleteRuns {
		e.statements = append(e.statements, statement{sql: `DELETE FROM runs WHERE run_id = ?`, args: args(id)})
	}
}

func args(values ...any) []driver.NamedValue {
	named := make([]driver.NamedValue, len(values))
	for i, v := range values {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named
}
