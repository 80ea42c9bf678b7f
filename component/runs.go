package component

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

// How a run ended that was ended from outside.
var (
	errCancelled = errors.New("it was cancelled")
	errClosed    = errors.New("the server was stopped")
)

const (
	maxWaiting = 100  // runs that wait for their turn
	keepEnded  = 1000 // ended runs that stay in memory
)

// step is how a job tells how far it is, from 0 to 1, and what it is doing.
type step func(fraction float64, doing string)

// job does the work of the run with an id; its result is the run's.
type job func(ctx context.Context, id string, step step) (result any, err error)

// runs is the work of one component: what runs now, what waits, and what has
// been. With an app, runs are kept in its database; without, in memory.
type runs struct {
	component perf.Component
	app       *app.App // nil = memory only
	now       func() time.Time
	log       *slog.Logger
	turn      chan struct{} // one token for each run that may go on at once

	mu     sync.Mutex
	all    map[string]*live
	order  []string // ids, oldest first
	active int
	closed bool
	group  sync.WaitGroup
}

// live is a run in memory.
type live struct {
	run     perf.Run
	keep    bool          // in the database too
	changed chan struct{} // closed when run changes
	cancel  context.CancelCauseFunc
}

// newRuns makes a component's runs; atOnce of them may go on together. Runs
// that a crash cut off have been ended by the app.
func newRuns(c perf.Component, a *app.App, atOnce int, now func() time.Time, log *slog.Logger) *runs {
	return &runs{component: c, app: a, now: now, log: log, turn: make(chan struct{}, atOnce), all: map[string]*live{}}
}

// clock is the time as it is stored.
func (rs *runs) clock() time.Time { return rs.now().UTC().Truncate(time.Microsecond) }

// start begins a run: r's model, hardware, kind and config say what it is.
func (rs *runs) start(r perf.Run, keep bool, do job) (perf.Run, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	r.ID, r.Component, r.Status, r.Started, r.Step = uuid.NewString(), rs.component, perf.RunInitializing, rs.clock(), "Waiting for its turn"
	l := &live{run: r, keep: keep, changed: make(chan struct{}), cancel: cancel}
	rs.mu.Lock()
	switch {
	case rs.closed:
		rs.mu.Unlock()
		return r, &perf.Error{Code: perf.CodeUnavailable, Message: "the server is stopping"}
	case rs.active >= maxWaiting+cap(rs.turn):
		rs.mu.Unlock()
		return r, &perf.Error{Code: perf.CodeUnavailable, Message: "too many runs are waiting: try again when some have ended"}
	}
	rs.active++
	rs.all[r.ID] = l
	rs.order = append(rs.order, r.ID)
	rs.group.Add(1)
	rs.mu.Unlock()
	rs.save(l, r)
	go func() {
		defer rs.group.Done()
		defer cancel(nil)
		rs.do(ctx, l, do)
	}()
	return r, nil
}

// do waits for the run's turn, runs its job and ends it.
func (rs *runs) do(ctx context.Context, l *live, do job) {
	var result any
	err := func() (err error) {
		select {
		case rs.turn <- struct{}{}:
			defer func() { <-rs.turn }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		rs.change(l, func(r *perf.Run) { r.Status, r.Step = perf.RunRunning, "Starting" })
		defer func() {
			if v := recover(); v != nil {
				rs.log.Error("a run broke off", "component", rs.component, "panic", v)
				err = errors.New("internal error")
			}
		}()
		result, err = do(ctx, l.run.ID, func(fraction float64, doing string) {
			rs.change(l, func(r *perf.Run) { r.Progress, r.Step = min(max(fraction, r.Progress), 1), doing })
		})
		return err
	}()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	body, bad := json.Marshal(result)
	if err == nil {
		err = bad
	}
	rs.mu.Lock()
	end := l.run
	rs.mu.Unlock()
	finish(&end, err, body, rs.clock())
	rs.save(l, end) // before anybody can see that it has ended
	rs.change(l, func(r *perf.Run) { *r = end })
	rs.mu.Lock()
	rs.active--
	rs.forget()
	rs.mu.Unlock()
}

// finish is a run's last state.
func finish(r *perf.Run, err error, result []byte, now time.Time) {
	r.Completed = now
	switch {
	case err == nil:
		r.Status, r.Progress, r.Step, r.Result = perf.RunCompleted, 1, "Completed", result
	case errors.Is(err, errTimeout) || errors.Is(err, context.DeadlineExceeded):
		r.Status, r.Error = perf.RunTimeout, err.Error()
	case errors.Is(err, errCancelled):
		r.Status, r.Error = perf.RunCancelled, err.Error()
	default:
		r.Status, r.Error = perf.RunError, clip(err.Error())
	}
}

// change changes a run and wakes who watches it.
func (rs *runs) change(l *live, f func(*perf.Run)) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	f(&l.run)
	close(l.changed)
	l.changed = make(chan struct{})
}

// save keeps a state: the first and the last, as each is a row.
func (rs *runs) save(l *live, r perf.Run) {
	if rs.app == nil || !l.keep {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := rs.app.SaveRun(ctx, r); err != nil {
		rs.log.Error("a run could not be stored", "component", rs.component, "run", r.ID, "error", err)
	}
}

// forget lets the oldest ended runs go. The caller holds mu.
func (rs *runs) forget() {
	for len(rs.order) > keepEnded+rs.active {
		i := slices.IndexFunc(rs.order, func(id string) bool { return rs.all[id].run.Status.Done() })
		if i < 0 {
			return
		}
		delete(rs.all, rs.order[i])
		rs.order = slices.Delete(rs.order, i, i+1)
	}
}

// get is a run's newest state, and what is closed when there is a newer one
// (nil for one that has ended); CodeNotFound if there is none.
func (rs *runs) get(ctx context.Context, id string) (perf.Run, <-chan struct{}, error) {
	rs.mu.Lock()
	if l, ok := rs.all[id]; ok {
		defer rs.mu.Unlock()
		if l.run.Status.Done() {
			return l.run, nil, rs.present(l.run)
		}
		return l.run, l.changed, nil
	}
	rs.mu.Unlock()
	if rs.app == nil {
		return perf.Run{}, nil, perf.NotFound("there is no run %s", id)
	}
	r, err := rs.app.Run(ctx, id)
	if err == nil {
		err = rs.present(r)
	}
	return r, nil, err
}

// present is an error for a run that is not this component's.
func (rs *runs) present(r perf.Run) error {
	if r.Component != rs.component {
		return perf.NotFound("there is no run %s", r.ID)
	}
	return nil
}

// cancel ends a run; it reports whether it was going on.
func (rs *runs) cancel(ctx context.Context, id string) (bool, error) {
	r, _, err := rs.get(ctx, id)
	if err != nil || r.Status.Done() {
		return false, err
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.all[id].cancel(errCancelled)
	return true, nil
}

// remove deletes an ended run.
func (rs *runs) remove(ctx context.Context, id string) error {
	r, _, err := rs.get(ctx, id)
	if err != nil {
		return err
	}
	if !r.Status.Done() {
		return errGoingOn
	}
	if rs.app != nil {
		if err := rs.app.DeleteRun(ctx, id); err != nil {
			return err
		}
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if _, ok := rs.all[id]; ok {
		delete(rs.all, id)
		rs.order = slices.DeleteFunc(rs.order, func(x string) bool { return x == id })
	}
	return nil
}

var errGoingOn = &perf.Error{Code: perf.CodeConflict, Message: "the run is still going on: cancel it first"}

// detach takes an ended run out of its batch.
func (rs *runs) detach(ctx context.Context, r perf.Run) error {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(r.Config, &config); err != nil {
		return err
	}
	delete(config, "batch_id")
	delete(config, "batch_description")
	var err error
	if r.Config, err = json.Marshal(config); err != nil {
		return err
	}
	rs.mu.Lock()
	l := rs.all[r.ID]
	if l != nil {
		l.run.Config = r.Config
	}
	rs.mu.Unlock()
	if rs.app == nil || l != nil && !l.keep {
		return nil
	}
	return rs.app.SaveRun(ctx, r)
}

// filter chooses runs; zero fields choose all.
type filter struct {
	models []string // the run's own model; "" is a run of several or none
	status string
	kind   string
	text   string // somewhere in the request
	since  time.Time
	limit  int
}

func (f *filter) keeps(r *perf.Run) bool {
	return (len(f.models) == 0 || slices.Contains(f.models, r.Model)) && (f.status == "" || f.status == string(r.Status)) &&
		(f.kind == "" || f.kind == r.Kind) && (f.text == "" || containsFold(string(r.Config), f.text)) && !r.Started.Before(f.since)
}

// list is the newest runs that a filter keeps.
func (rs *runs) list(ctx context.Context, f filter) ([]perf.Run, error) {
	byID := map[string]perf.Run{}
	if rs.app != nil {
		q := app.Query{Limit: f.limit}.Where("component", app.Eq, string(rs.component))
		if len(f.models) > 0 {
			q = q.Where("model_name", app.In, f.models)
		}
		if f.kind != "" {
			q = q.Where("kind", app.Eq, f.kind)
		}
		if f.text != "" {
			q = q.Where("config", app.Contains, f.text)
		}
		if !f.since.IsZero() {
			q = q.Where("started_at", app.Ge, f.since)
		}
		if f.status != "" && f.status != string(perf.RunRunning) && f.status != string(perf.RunInitializing) {
			q = q.Where("status", app.Eq, f.status) // of runs that go on, the database holds an older state
		}
		page, err := rs.app.Runs(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Values() {
			byID[r.ID] = r
		}
	}
	rs.mu.Lock()
	for id, l := range rs.all {
		byID[id] = l.run
	}
	rs.mu.Unlock()
	out := []perf.Run{}
	for _, r := range byID {
		if f.keeps(&r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b perf.Run) int {
		if c := b.Started.Compare(a.Started); c != 0 {
			return c
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out[:min(len(out), f.limit)], nil
}

// close cancels every run and waits for their ends.
func (rs *runs) close() {
	rs.mu.Lock()
	rs.closed = true
	for _, l := range rs.all {
		l.cancel(errClosed)
	}
	rs.mu.Unlock()
	rs.group.Wait()
}
