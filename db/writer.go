package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/perfcast/perfcast/perf"
)

const (
	// maxGroup bounds the batches of one transaction, so that a flood does not
	// make the first of them wait for all.
	maxGroup = 500
	// maxPatience bounds the wait for writers who are likely to be back.
	maxPatience = 20 * time.Millisecond
)

// job is one batch on its way to the disk.
type job struct {
	*encoded
	taken atomic.Bool // by the writer, or by a caller who gave up
	done  chan error
}

// writer owns the only connection that writes.
type writer struct {
	conn      *duckdb.Conn
	appenders map[*relation]*duckdb.Appender // opened at first use
	seq       map[*relation]int64            // the last one given out

	jobs    chan *job
	stopped chan struct{} // closed when the last job is answered

	mu     sync.RWMutex // held to send on jobs, and exclusively to close it
	closed bool
}

// Write makes the batch durable. It returns when the batch is on disk and
// every later read will see it, or with an error, and then nothing of it was
// stored: CodeInvalid for a value that can't be stored, CodeConflict for an id
// that exists, CodeUnavailable after Close, or the context's error.
func (d *DB) Write(ctx context.Context, b Batch) error {
	e, err := d.encode(&b)
	if err != nil {
		return err
	}
	return d.writer.write(ctx, e)
}

func (w *writer) write(ctx context.Context, e *encoded) error {
	j := &job{encoded: e, done: make(chan error, 1)}
	if err := w.send(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return ctx.Err() // the writer will pass it over
		}
		return <-j.done // too late to stop: a commit takes milliseconds
	}
}

func (w *writer) send(ctx context.Context, j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return &perf.Error{Code: perf.CodeUnavailable, Message: "the database is shutting down: try again when the server is back"}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.jobs <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets no further batch in and returns when all before are answered.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.jobs)
	}
	w.mu.Unlock()
	<-w.stopped
}

// run commits what comes in, as much at a time as is waiting. A commit costs
// much the same for one batch as for many, and writers who were just answered
// are often back within moments, so it is worth up to a commit's time to
// let them catch up with those who wait already.
func (w *writer) run() {
	defer close(w.stopped)
	expected, patience := 1, time.Duration(0)
	for j := range w.jobs {
		group := w.gather(j, expected, patience)
		start := time.Now()
		w.commit(group)
		expected, patience = len(group)+len(w.jobs), min(maxPatience, time.Since(start))
	}
	w.dropAppenders()
}

// gather takes the first job and what waits behind it, and is patient while
// there are fewer than expected: a lone writer never waits.
func (w *writer) gather(first *job, expected int, patience time.Duration) []*job {
	group := make([]*job, 0, min(maxGroup, expected))
	var tired <-chan time.Time
	for j, open := first, true; open; {
		if j.taken.CompareAndSwap(false, true) {
			group = append(group, j)
		}
		if len(group) >= maxGroup {
			break
		}
		select {
		case j, open = <-w.jobs:
			continue
		default:
		}
		if len(group) >= expected {
			break
		}
		if tired == nil {
			tired = time.After(patience)
		}
		select {
		case j, open = <-w.jobs:
		case <-tired:
			return group
		}
	}
	return group
}

// commit stores a group in one transaction and answers its jobs. A group that
// fails is halved, so that one bad batch fails alone.
func (w *writer) commit(group []*job) {
	if len(group) == 0 {
		return
	}
	err := w.transact(group)
	switch {
	case err == nil:
		for _, j := range group {
			j.publish()
			j.done <- nil
		}
	case len(group) == 1:
		group[0].done <- writeError(err)
	default:
		w.commit(group[:len(group)/2])
		w.commit(group[len(group)/2:])
	}
}

// transact stores a group or leaves everything as it was.
func (w *writer) transact(group []*job) error {
	before := make(map[*relation]int64, len(w.seq))
	for rel, n := range w.seq {
		before[rel] = n
	}
	if err := w.exec("BEGIN TRANSACTION", nil); err != nil {
		return err
	}
	err := w.store(group)
	if err == nil {
		err = w.exec("COMMIT", nil)
	}
	if err != nil {
		w.dropAppenders() // a failed appender keeps its rows
		w.seq = before
		if e := w.exec("ROLLBACK", nil); e != nil && !strings.Contains(e.Error(), "no transaction is active") {
			return errors.Join(err, e)
		}
	}
	return err
}

// store appends the group's rows and runs its statements.
func (w *writer) store(group []*job) error {
	touched := map[*relation]bool{}
	for _, j := range group {
		for i := range j.rows {
			r := &j.rows[i]
			a, err := w.appender(r.rel)
			if err != nil {
				return err
			}
			touched[r.rel] = true
			w.seq[r.rel]++
			r.values[0] = w.seq[r.rel]
			if err := a.AppendRow(r.values[:len(r.rel.stored)]...); err != nil {
				return err
			}
		}
	}
	for rel := range touched {
		if err := w.appenders[rel].Flush(); err != nil {
			return err
		}
	}
	for _, j := range group {
		for _, s := range j.statements {
			if err := w.exec(s.sql, s.args); err != nil {
				return err
			}
		}
	}
	return nil
}

// publish tells the memory what became durable.
func (j *job) publish() {
	for _, r := range j.rows {
		if r.publish != nil {
			r.publish(r.values[0].(int64))
		}
	}
	for _, s := range j.statements {
		if s.publish != nil {
			s.publish()
		}
	}
}

func (w *writer) appender(rel *relation) (*duckdb.Appender, error) {
	if a := w.appenders[rel]; a != nil {
		return a, nil
	}
	a, err := duckdb.NewAppenderWithColumns(w.conn, "", "", rel.table, rel.stored)
	if err != nil {
		return nil, err
	}
	w.appenders[rel] = a
	return a, nil
}

func (w *writer) dropAppenders() {
	for rel, a := range w.appenders {
		_ = a.Clear() // their rows belong to a transaction that is over
		_ = a.Close()
		delete(w.appenders, rel)
	}
}

func (w *writer) exec(query string, args []driver.NamedValue) error {
	_, err := w.conn.ExecContext(context.Background(), query, args)
	return err
}

var duplicate = regexp.MustCompile(`(?i)duplicate key "(?:\w+: )?([^"]*)"`)

// writeError says what a caller can do about a failed batch.
func writeError(err error) error {
	if m := duplicate.FindStringSubmatch(err.Error()); m != nil {
		return &perf.Error{Code: perf.CodeConflict, Message: fmt.Sprintf("a record with the id %q exists already", m[1])}
	}
	return fmt.Errorf("db: write: %w", err)
}
