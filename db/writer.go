package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perfcast/perfcast/perf"
)

const (
	// maxGroup bounds the batches of one frame, so that a flood does not make
	// the first of them wait for all.
	maxGroup = 500
	// DuckDB gets what is in the journal when there are so many rows, or after
	// so long, or when a reader asks. Larger groups hardly make a row cheaper.
	applyRows = 4096
	linger    = 200 * time.Millisecond
	// maxOpen is how many rows may be ahead of DuckDB before writers wait.
	maxOpen = 4 * applyRows
)

// job is one batch on its way to the disk.
type job struct {
	*encoded
	taken atomic.Bool // by the writer, or by a caller who gave up
	done  chan error
}

// writer puts batches into the journal, a group at a time, and acknowledges
// them; behind it the applier puts them into DuckDB. All fields below jobs are
// the writer goroutine's own.
type writer struct {
	mu     sync.RWMutex // held to send on jobs, and exclusively to close it
	closed bool

	progress progress
	urgent   chan struct{} // a reader waits for what is not in DuckDB yet
	stopped  chan struct{} // closed when the last job is answered and in DuckDB, or can't be

	jobs    chan *job
	applier *applier
	seq     map[*relation]int64 // the last one given out
	ids     *ids
	open    *segment // takes the next frame
	other   *segment // is empty, or the applier's
	broken  error    // the journal can't be written any more
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

// close lets no further batch in and returns when all before are answered and
// in DuckDB, or with the reason why they can't be; they are in the journal then.
func (w *writer) close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.jobs)
		close(w.applier.closing)
	}
	w.mu.Unlock()
	<-w.stopped
	_, err, _ := w.progress.get()
	return err
}

// removeJournal ends the journal, which must be empty.
func (w *writer) removeJournal() error { return errors.Join(w.open.remove(), w.other.remove()) }

// run commits what comes in, as much at a time as is waiting, and hands full
// segments over to the applier.
func (w *writer) run() {
	defer close(w.stopped)
	go w.applier.run(&w.progress)
	defer close(w.applier.work)
	var late <-chan time.Time // when what is in the open segment has lain there long enough
	idle, due, closed := true, false, false
	for {
		due = due && len(w.open.batches) > 0
		if idle && (due || w.open.size >= applyRows) {
			w.applier.work <- w.open
			w.open, w.other = w.other, w.open
			idle, due, late = false, false, nil
		}
		if closed && idle {
			return
		}
		jobs := w.jobs
		if closed || !idle && w.open.size >= maxOpen {
			jobs = nil
		}
		select {
		case j, ok := <-jobs:
			if closed = !ok; closed {
				due = true
				continue
			}
			w.commit(w.gather(j))
			if late == nil && len(w.open.batches) > 0 {
				late = time.After(linger)
			}
		case <-late:
			due, late = true, nil
		case <-w.urgent:
			due = true
		case ok := <-w.applier.done:
			if !ok {
				return // while closing: what is left stays in the journal
			}
			idle = true
		}
	}
}

// gather takes the first job and what waits behind it.
func (w *writer) gather(first *job) []*job {
	var group []*job
	for j, ok := first, true; ok; {
		if j.taken.CompareAndSwap(false, true) {
			group = append(group, j)
		}
		if len(group) >= maxGroup {
			break
		}
		select {
		case j, ok = <-w.jobs:
		default:
			ok = false
		}
	}
	return group
}

// commit makes a group durable as one frame and answers its jobs. A batch with
// an id that exists is refused alone.
func (w *writer) commit(group []*job) {
	before := maps.Clone(w.seq)
	var jobs []*job
	var batches []*encoded
	for _, j := range group {
		if err := w.admit(j.encoded); err != nil {
			j.done <- err
			continue
		}
		jobs, batches = append(jobs, j), append(batches, j.encoded)
	}
	if len(jobs) == 0 {
		return
	}
	number := w.progress.acknowledged.Load() + 1
	broken, err := w.open.append(number, batches)
	if err != nil {
		err = fmt.Errorf("db: write: %w", err)
		if broken {
			w.broken = err
		}
		w.seq = before
		for _, j := range jobs {
			w.ids.remove(j.rows)
			j.done <- err
		}
		return
	}
	w.progress.acknowledged.Store(number)
	for _, j := range jobs {
		j.publish()
		j.done <- nil
	}
}

// admit checks what DuckDB would refuse, and numbers the rows.
func (w *writer) admit(e *encoded) error {
	if w.broken != nil {
		return w.broken
	}
	if _, err, _ := w.progress.get(); err != nil {
		return err
	}
	if err := w.ids.add(e); err != nil {
		return err
	}
	for i := range e.rows {
		r := &e.rows[i]
		w.seq[r.rel]++
		e.number(r, w.seq[r.rel])
	}
	return nil
}

// settle returns when all that was acknowledged before is in DuckDB.
func (w *writer) settle(ctx context.Context) error {
	want := w.progress.acknowledged.Load()
	for {
		applied, err, changed := w.progress.get()
		if applied >= want || err != nil {
			return err
		}
		select {
		case w.urgent <- struct{}{}:
		default: // another reader has asked already
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// progress says how far things are, in frames.
type progress struct {
	acknowledged atomic.Int64

	mu      sync.Mutex
	applied int64
	failed  error         // why DuckDB does not take more, for now
	changed chan struct{} // closed and replaced at every change
}

func (p *progress) get() (applied int64, failed error, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied, p.failed, p.changed
}

func (p *progress) set(applied int64, failed error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applied, p.failed = applied, failed
	close(p.changed)
	p.changed = make(chan struct{})
}
