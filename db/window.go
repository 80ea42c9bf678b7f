package db

import (
	"database/sql/driver"
	"slices"
	"sync"

	"github.com/perfcast/perfcast/perf"
)

// window holds a table's newest rows in memory, by time and then by seq, which
// is the order of a list that asks for no other. The writer adds to it what is
// durable, before it says so.
//
// Invariant: every row outside the window is older than every row in it. That
// is what lets the window answer a list alone.
type window[T any] struct {
	*table[T]
	size int

	mu      sync.RWMutex
	entries []*entry[T] // oldest first; at most 2*size, of which the last size are sure to be kept
	dropped bool        // there are rows outside
}

func newWindow[T any](t *table[T], size int) *window[T] { return &window[T]{table: t, size: size} }

// add puts a row into its place, unless it belongs outside.
func (w *window[T]) add(x *entry[T]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := len(w.entries)
	for i > 0 && w.newer(w.entries[i-1], x) {
		i--
	}
	if i == 0 && w.dropped {
		return
	}
	w.entries = slices.Insert(w.entries, i, x)
	if len(w.entries) > 2*w.size {
		w.entries = slices.Clone(w.entries[len(w.entries)-w.size:])
		w.dropped = true
	}
}

// newer reports whether a comes before b in a list of the newest.
func (w *window[T]) newer(a, b *entry[T]) bool {
	at := w.index[w.time]
	if c := compare(a.values[at], b.values[at]); c != 0 {
		return c > 0
	}
	return a.row.Seq > b.row.Seq
}

// update changes the rows whose column has a value. change gets a copy.
func (w *window[T]) update(column, value string, change func(*T)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.index[column]
	for i, x := range w.entries {
		if x.values[at] != value {
			continue
		}
		v := x.row.Value
		change(&v)
		if y, err := newEntry(w.table, v); err == nil { // it was encoded before
			y.setSeq(x.row.Seq)
			w.entries[i] = y
		}
	}
}

// find is the newest row whose column has a value. Not finding it proves
// nothing unless all is true: then there is none.
func (w *window[T]) find(column string, value driver.Value) (x Row[T], ok, all bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	at := w.index[column]
	for i := len(w.entries) - 1; i >= 0; i-- {
		if w.entries[i].values[at] == value {
			return w.entries[i].row, true, true
		}
	}
	return x, false, !w.dropped
}

// list answers a plan if it can prove that no row outside the window belongs
// into the answer: up to n+1 rows, the last of which says that there are more.
func (w *window[T]) list(p *plan) (rows []Row[T], ok bool) {
	if !p.newest {
		return nil, false
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	at := w.index[w.time]
	rows = make([]Row[T], 0, min(p.limit+1, len(w.entries)))
	for i := len(w.entries) - 1; i >= 0; i-- {
		x := w.entries[i]
		if p.after != nil {
			if c := compare(x.values[at], p.after.values[0]); c > 0 || c == 0 && x.row.Seq >= p.after.seq {
				continue
			}
		}
		if !p.matches(x.values) {
			continue
		}
		rows = append(rows, x.row)
		if len(rows) == p.limit+1 {
			return rows, true
		}
	}
	return rows, !w.dropped
}

// publishPrediction adds a durable prediction to the window and the index.
func (d *DB) publishPrediction(x *entry[perf.Prediction]) {
	d.predictions.add(x)
	if !x.row.Value.Sample {
		d.configs.put(configHash(x.row.Value.Config), x.row.Seq)
	}
}

// publishFeedback changes the recommendation that durable feedback is about.
func (d *DB) publishFeedback(x *entry[perf.Feedback]) {
	f := x.row.Value
	d.recommendations.update("recommendation_id", f.RecommendationID, func(r *perf.Recommendation) {
		r.WasAccepted, r.Feedback = &f.Accepted, f.Text
	})
}

// publishConfirmed takes a measurement out of quarantine.
func (d *DB) publishConfirmed(id string) {
	d.measurements.update("measurement_id", id, func(m *perf.Measurement) {
		m.Quarantined, m.Reason = false, ""
	})
}
