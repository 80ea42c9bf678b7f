// Package task runs work in the background and lets others watch it.
//
//	Start -> pending -> running (steps) -> completed
//	                                    -> failed (error, cancelled, interrupted)
//
// A task's whole history of states is kept while it is in memory, so a watcher
// that comes late still sees every step. The runner knows nothing of storage:
// final states leave through the Persist hook, together with the records the
// work produced (A), so that a task and its results are durable as one. A task
// is only called completed after Persist said so.
package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perfcast/perfcast/perf"
)

// Why a task's context was cancelled; the texts end up in "Task failed: ...".
var (
	ErrCancelled   = errors.New("cancelled")
	ErrInterrupted = errors.New("interrupted by a shutdown; retry it")
)

// Messages of the states that every task goes through.
const (
	MessageCreated   = "Task created"
	MessageCompleted = "Task completed successfully"
)

// Step reports progress in [0, 1] and what is being done.
type Step func(progress float64, message string)

// Work is what a task does. It returns the result's document and the records
// to persist with the final state. It must return soon after ctx is done.
type Work[A any] func(ctx context.Context, step Step) (result json.RawMessage, records A, err error)

// Options of a Runner.
type Options[A any] struct {
	// Persist makes a state durable, with the records of its work.
	Persist func(ctx context.Context, t perf.Task, records A) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Grace is how long Start waits for the task to end, so that a short one
	// is written once; a longer one is persisted as pending first.
	Grace time.Duration
	// Keep is how many ended tasks stay in memory.
	Keep int
	// Limit is how many tasks may be unfinished at once.
	Limit int
}

// Runner runs tasks. Its methods may be called concurrently.
type Runner[A any] struct {
	opt    Options[A]
	ctx    context.Context
	cancel context.CancelCauseFunc
	live   sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	entries map[string]*entry
	ended   []string // ring of ended ids, oldest first
	running int
}

// New starts a Runner with the options given.
func New[A any](opt Options[A]) *Runner[A] {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Runner[A]{opt: opt, ctx: ctx, cancel: cancel, entries: map[string]*entry{}}
}

// NewID is a fresh task id: the kind and a UUIDv4.
func NewID(kind perf.TaskKind) string { return string(kind) + "-" + uuid.NewString() }

// Start runs work as a task and returns its state once it has ended or, past
// the grace time, once its existence is durable.
func (r *Runner[A]) Start(kind perf.TaskKind, input json.RawMessage, work Work[A]) (perf.Task, error) {
	now := r.opt.Now()
	e := newEntry(perf.Task{ID: NewID(kind), Kind: kind, Status: perf.TaskPending, Message: MessageCreated,
		Created: now, Updated: now, Input: input})
	if err := r.admit(e); err != nil {
		return perf.Task{}, err
	}
	ctx, cancel := context.WithCancelCause(r.ctx)
	e.cancel = cancel
	go r.run(ctx, e, work)

	grace := time.NewTimer(r.opt.Grace)
	defer grace.Stop()
	select {
	case <-e.done:
		return e.latest(), nil
	case <-grace.C:
	}
	if err := r.persistUnfinished(e); err != nil {
		cancel(ErrCancelled)
		return perf.Task{}, err
	}
	return e.latest(), nil
}

func (r *Runner[A]) admit(e *entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return &perf.Error{Code: perf.CodeUnavailable, Message: "the server is shutting down; try again in a moment"}
	}
	if r.opt.Limit > 0 && r.running >= r.opt.Limit {
		return &perf.Error{Code: perf.CodeUnavailable, Message: fmt.Sprintf("%d tasks are unfinished, the most allowed; try again in a moment", r.running)}
	}
	r.running++
	r.live.Add(1)
	r.entries[e.id] = e
	return nil
}

func (r *Runner[A]) run(ctx context.Context, e *entry, work Work[A]) {
	defer r.live.Done()
	step := func(progress float64, message string) {
		e.advance(r.opt.Now(), perf.TaskRunning, min(max(progress, 0), 1), message, nil)
	}
	result, records, err := guarded(ctx, step, work)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	r.finish(e, result, records, err)
	e.cancel(nil)
	r.retire(e)
}

// guarded turns a panic of the work into an error: one bad task must not take
// the server along.
func guarded[A any](ctx context.Context, step Step, work Work[A]) (result json.RawMessage, records A, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a task: %v", p)
		}
	}()
	return work(ctx, step)
}

// finish makes the final state durable, then public. Persisting outlives the
// task's own context: a cancelled task is recorded too.
func (r *Runner[A]) finish(e *entry, result json.RawMessage, records A, err error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	final := e.latest()
	final.Updated = r.opt.Now()
	if err == nil {
		final.Status, final.Progress, final.Message, final.Result = perf.TaskCompleted, 1, MessageCompleted, result
		err = r.opt.Persist(context.WithoutCancel(r.ctx), final, records)
	}
	if err != nil {
		var none A
		final = failed(final, err)
		// Nothing more can be done if this fails too: the restart finds the
		// task unfinished and ends it as interrupted.
		_ = r.opt.Persist(context.WithoutCancel(r.ctx), final, none)
	}
	e.final = true
	e.append(final)
}

func failed(t perf.Task, err error) perf.Task {
	t.Status, t.Progress, t.Result = perf.TaskFailed, 0, nil
	t.Message = "Task failed: " + failure(err)
	return t
}

func failure(err error) string {
	if errors.Is(err, ErrCancelled) || errors.Is(err, ErrInterrupted) {
		return err.Error()
	}
	return perf.AsError(err).Error()
}

func (r *Runner[A]) persistUnfinished(e *entry) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if e.final {
		return nil
	}
	var none A
	return r.opt.Persist(r.ctx, e.latest(), none)
}

// retire moves an ended task to the ring of those kept.
func (r *Runner[A]) retire(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	r.ended = append(r.ended, e.id)
	for len(r.ended) > r.opt.Keep {
		delete(r.entries, r.ended[0])
		r.ended = r.ended[1:]
	}
}

func (r *Runner[A]) entry(id string) (*entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.entries[id]
	return e, ok
}

// Get is the latest state of a task in memory.
func (r *Runner[A]) Get(id string) (perf.Task, bool) {
	e, ok := r.entry(id)
	if !ok {
		return perf.Task{}, false
	}
	return e.latest(), true
}

// Await is Get, but waits up to d for the task to end, or until ctx is done.
func (r *Runner[A]) Await(ctx context.Context, id string, d time.Duration) (perf.Task, bool) {
	e, ok := r.entry(id)
	if !ok {
		return perf.Task{}, false
	}
	select {
	case <-e.done: // as most are by now: no timer for them
		return e.latest(), true
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-e.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	return e.latest(), true
}

// Watch streams every state of a task from its creation to its end; the
// channel is then closed. It is closed early when ctx is done.
func (r *Runner[A]) Watch(ctx context.Context, id string) (<-chan perf.Task, bool) {
	e, ok := r.entry(id)
	if !ok {
		return nil, false
	}
	return e.watch(ctx), true
}

// Cancel asks a task to stop; it then ends as failed. It returns the state at
// the time of asking, and false for a task not in memory.
func (r *Runner[A]) Cancel(id string) (perf.Task, bool) {
	e, ok := r.entry(id)
	if !ok {
		return perf.Task{}, false
	}
	t := e.latest()
	if !t.Status.Done() {
		e.cancel(ErrCancelled)
	}
	return t, true
}

// Close refuses new tasks, gives the running ones until ctx is done to end by
// themselves, then interrupts them and waits for them.
func (r *Runner[A]) Close(ctx context.Context) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	ended := make(chan struct{})
	go func() { r.live.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	r.cancel(ErrInterrupted)
	<-ended
}
