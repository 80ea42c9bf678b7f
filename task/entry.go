package task

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// keepSteps bounds a task's history: past it, a running state replaces the
// running state before it.
const keepSteps = 64

// entry is one task in memory: its history and those who wait for more of it.
type entry struct {
	id     string
	cancel context.CancelCauseFunc
	done   chan struct{} // closed with the final state

	// writing orders the persisting of the unfinished and the final state;
	// final is guarded by it.
	writing sync.Mutex
	final   bool

	mu      sync.Mutex
	history []perf.Task
	total   int           // states there ever were; the last of history is the total-th
	changed chan struct{} // closed and replaced at every change
}

func newEntry(t perf.Task) *entry {
	return &entry{id: t.ID, done: make(chan struct{}), history: []perf.Task{t}, total: 1, changed: make(chan struct{})}
}

func (e *entry) latest() perf.Task {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.history[len(e.history)-1]
}

func (e *entry) advance(now time.Time, s perf.TaskStatus, progress float64, message string, result json.RawMessage) {
	t := e.latest()
	t.Status, t.Progress, t.Message, t.Updated, t.Result = s, progress, message, now, result
	e.append(t)
}

func (e *entry) append(t perf.Task) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.history) - 1
	if e.history[last].Status.Done() {
		return // a step reported after the end
	}
	if len(e.history) >= keepSteps && t.Status == perf.TaskRunning {
		e.history[last] = t
	} else {
		e.history = append(e.history, t)
	}
	e.total++
	if t.Status.Done() {
		close(e.done)
	}
	close(e.changed)
	e.changed = make(chan struct{})
}

// from is the state to send to a watcher that saw the first n states, how many
// it has seen (or skipped) then, and a channel that tells of the next change;
// ok is false when there is none yet.
func (e *entry) from(n int) (t perf.Task, seen int, ok bool, changed <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := len(e.history) - 1
	switch {
	case n < last:
		return e.history[n], n + 1, true, e.changed
	case n < e.total:
		return e.history[last], e.total, true, e.changed
	}
	return perf.Task{}, n, false, e.changed
}

func (e *entry) watch(ctx context.Context) <-chan perf.Task {
	out := make(chan perf.Task)
	go func() {
		defer close(out)
		for n := 0; ; {
			t, seen, ok, changed := e.from(n)
			if !ok {
				select {
				case <-changed:
					continue
				case <-ctx.Done():
					return
				}
			}
			select {
			case out <- t:
			case <-ctx.Done():
				return
			}
			if t.Status.Done() {
				return
			}
			n = seen
		}
	}()
	return out
}
