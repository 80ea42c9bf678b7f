// Package app holds perfcast's verbs: predict, recommend, record, analyze and
// what goes with them. Every face (GraphQL, REST, the gateway) decodes a
// request, calls one verb and encodes the answer.
//
// The work that the documented API runs in the background is a Job: a request
// that knows how to run itself. Start runs one as a task; what it produced
// becomes durable together with the task's final state.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/task"
)

// Options are the parts an App is made of.
type Options struct {
	DB        *db.DB
	Catalog   *catalog.Catalog
	Predictor *predictor.Predictor
	Detected  []*perf.Device    // the devices of this host
	Fleet     []perf.FleetEntry // from the operator's file; nil = the stored one
	Now       func() time.Time  // nil = time.Now
	Log       *slog.Logger      // nil = slog.Default()
}

// App is the verbs over one database. Its methods may be called concurrently.
type App struct {
	db       *db.DB
	now      func() time.Time
	log      *slog.Logger
	started  time.Time
	detected []*perf.Device
	tasks    *task.Runner[db.Batch]

	// What answers. Each is replaced as a whole; editing serialises the changes.
	editing   sync.Mutex
	catalog   atomic.Pointer[catalog.Catalog]
	fleet     atomic.Pointer[[]perf.FleetEntry]
	predictor atomic.Pointer[predictor.Predictor]
	builtin   *predictor.Predictor // the one embedded in the program

	ranges       rangeCache
	relearning   relearning
	closed       atomic.Bool
	measurements hub[perf.Measurement]
	predictions  hub[perf.Prediction]
}

// How tasks are run. The grace time covers a group commit on a busy disk; a
// client polls every 500 ms or slower.
const (
	grace     = 100 * time.Millisecond
	keepTasks = 10_000
	maxTasks  = 1_000
)

// New opens an App: it loads what users added to the catalogue, applies every
// recorded measurement, and ends as failed the tasks that a crash cut off.
func New(ctx context.Context, o Options) (*App, error) {
	a := &App{db: o.DB, now: o.Now, log: o.Log, detected: o.Detected, builtin: o.Predictor}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.Default()
	}
	a.started = a.now()
	a.catalog.Store(o.Catalog)
	a.predictor.Store(o.Predictor)
	if err := a.loadFacts(ctx, o.Fleet); err != nil {
		return nil, fmt.Errorf("loading devices and models: %w", err)
	}
	if err := a.loadPredictor(ctx); err != nil {
		return nil, fmt.Errorf("loading measurements: %w", err)
	}
	if err := a.endInterrupted(ctx); err != nil {
		return nil, fmt.Errorf("ending interrupted tasks: %w", err)
	}
	a.tasks = task.New(task.Options[db.Batch]{Persist: a.persist, Now: a.clock, Grace: grace, Keep: keepTasks, Limit: maxTasks})
	return a, nil
}

// Close lets running tasks end until ctx is done, interrupts the rest, and ends
// all subscriptions. The database stays open: it is the caller's.
func (a *App) Close(ctx context.Context) {
	a.tasks.Close(ctx)
	a.closed.Store(true)
	a.measurements.close()
	a.predictions.close()
}

// clock is the time as it is stored: UTC with microseconds.
func (a *App) clock() time.Time { return a.now().UTC().Truncate(time.Microsecond) }

// write makes a batch durable and tells the subscribers. When measurements
// could not be stored, what they taught is unlearned.
func (a *App) write(ctx context.Context, b db.Batch) error {
	if err := a.db.Write(ctx, b); err != nil {
		if len(b.Measurements) > 0 {
			a.relearn()
		}
		if perf.AsError(err).Code == perf.CodeInternal {
			a.log.Error("write failed", "error", err)
		}
		return err
	}
	for _, m := range b.Measurements {
		a.measurements.publish(m)
	}
	for _, p := range b.Predictions {
		a.predictions.publish(p)
	}
	return nil
}
