package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/task"
)

// step reports a task's progress.
type step = task.Step

// outcome is what a job ends with: a perf.…Result and the records to store.
type outcome struct {
	result  any
	records db.Batch
}

// Job is a request that runs as a task: one of the …Request structs of this
// package.
type Job interface {
	kind() perf.TaskKind
	// validate refuses bad input before a task exists; it changes nothing.
	validate(a *App) error
	run(ctx context.Context, a *App, step step) (outcome, error)
}

// Start runs a job as a task and returns its state: the final one when it ends
// within a short grace time. Either way what is returned is durable. Bad input
// is an error, and no task is made.
func (a *App) Start(j Job) (perf.Task, error) {
	if err := j.validate(a); err != nil {
		return perf.Task{}, err
	}
	input, err := json.Marshal(j)
	if err != nil {
		return perf.Task{}, fmt.Errorf("encoding a %s request: %w", j.kind(), err)
	}
	return a.tasks.Start(j.kind(), input, func(ctx context.Context, step step) (json.RawMessage, db.Batch, error) {
		out, err := j.run(ctx, a, step)
		if err != nil {
			if perf.AsError(err).Code == perf.CodeInternal && ctx.Err() == nil {
				a.log.Error("task failed", "kind", j.kind(), "error", err)
			}
			return nil, db.Batch{}, err
		}
		body, err := json.Marshal(body(out.result))
		return body, out.records, err
	})
}

// body is the documented REST body of a result.
func body(result any) any {
	switch r := result.(type) {
	case perf.HardwareResult:
		return document.Hardware(r)
	case perf.PerformanceResult:
		return document.Performance(r)
	case perf.MeasurementResult:
		return document.Measurement(r)
	case []perf.Accuracy:
		return document.Analysis(r)
	case perf.MatrixResult:
		return document.Matrix(r)
	case perf.PredictionModel:
		return document.StoredModel(r)
	}
	return result // it is a document already
}

// persist is the task runner's hook: a state and the records of its work become
// durable as one.
func (a *App) persist(ctx context.Context, t perf.Task, b db.Batch) error {
	b.Tasks = append(b.Tasks, t)
	return a.write(ctx, b)
}

// jobs makes an empty request of each kind, for retries.
var jobs = map[perf.TaskKind]func() Job{
	perf.TaskHardware:    func() Job { return &HardwareRequest{} },
	perf.TaskPerformance: func() Job { return &PerformanceRequest{} },
	perf.TaskMeasurement: func() Job { return &MeasurementRequest{} },
	perf.TaskAnalysis:    func() Job { return &AnalysisRequest{} },
	perf.TaskFeedback:    func() Job { return &FeedbackRequest{} },
	perf.TaskModel:       func() Job { return &ModelRequest{} },
	perf.TaskMatrix:      func() Job { return &MatrixRequest{} },
	perf.TaskSample:      func() Job { return &SampleRequest{} },
}

// Task is the latest state of a task, after waiting up to wait for its end.
func (a *App) Task(ctx context.Context, id string, wait time.Duration) (perf.Task, error) {
	if t, ok := a.tasks.Await(ctx, id, wait); ok {
		return t, nil
	}
	row, err := a.db.Task(ctx, id)
	if err != nil {
		return perf.Task{}, err
	}
	return row.Value, nil
}

// WatchTask streams every state of a task from its first, and closes after the
// end or when ctx is done. A task from before a restart has only its end.
func (a *App) WatchTask(ctx context.Context, id string) (<-chan perf.Task, error) {
	if ch, ok := a.tasks.Watch(ctx, id); ok {
		return ch, nil
	}
	row, err := a.db.Task(ctx, id)
	if err != nil {
		return nil, err
	}
	ch := make(chan perf.Task, 1)
	ch <- row.Value
	close(ch)
	return ch, nil
}

// CancelTask asks a running task to stop, waits a moment for it, and returns
// its state. A task that has ended already stays as it is.
func (a *App) CancelTask(ctx context.Context, id string) (perf.Task, error) {
	if _, ok := a.tasks.Cancel(id); !ok {
		return a.Task(ctx, id, 0)
	}
	return a.Task(ctx, id, 250*time.Millisecond)
}

// RetryTask starts a failed task's request again, as a new task.
func (a *App) RetryTask(ctx context.Context, id string) (perf.Task, error) {
	t, err := a.Task(ctx, id, 0)
	if err != nil {
		return perf.Task{}, err
	}
	if t.Status != perf.TaskFailed {
		return perf.Task{}, &perf.Error{Code: perf.CodeConflict, Field: "id", Message: fmt.Sprintf("the task is %s; only a failed one can be retried", t.Status)}
	}
	fresh, ok := jobs[t.Kind]
	if !ok {
		return perf.Task{}, &perf.Error{Code: perf.CodeConflict, Field: "id", Message: fmt.Sprintf("tasks of kind %q cannot be retried", t.Kind)}
	}
	j := fresh()
	if err := json.Unmarshal(t.Input, j); err != nil {
		return perf.Task{}, fmt.Errorf("decoding the request of task %s: %w", id, err)
	}
	return a.Start(j)
}

// endInterrupted ends the tasks and runs that a crash or kill cut off.
func (a *App) endInterrupted(ctx context.Context) error {
	tasks, err := a.db.UnfinishedTasks(ctx)
	if err != nil {
		return err
	}
	runs, err := a.db.UnfinishedRuns(ctx)
	if err != nil || len(tasks)+len(runs) == 0 {
		return err
	}
	var b db.Batch
	for _, row := range tasks {
		t := row.Value
		t.Status, t.Progress, t.Updated = perf.TaskFailed, 0, a.clock()
		t.Message = "Task failed: the server stopped before it ended; retry it"
		b.Tasks = append(b.Tasks, t)
	}
	for _, row := range runs {
		r := row.Value
		r.Status, r.Error, r.Completed = perf.RunError, "the server stopped before it ended", a.clock()
		b.Runs = append(b.Runs, r)
	}
	return a.db.Write(ctx, b)
}
