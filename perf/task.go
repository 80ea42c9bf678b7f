package perf

import (
	"encoding/json"
	"time"
)

// TaskStatus is where a task stands. Completed and Failed are terminal.
//
//	pending -> running -> completed
//	                   -> failed      (also: cancelled, interrupted by a crash)
type TaskStatus string

// The states.
const (
	TaskPending   TaskStatus = "pending"
	TaskRunning   TaskStatus = "running"
	TaskCompleted TaskStatus = "completed"
	TaskFailed    TaskStatus = "failed"
)

// Done reports whether the state is terminal.
func (s TaskStatus) Done() bool { return s == TaskCompleted || s == TaskFailed }

// TaskKind names what a task does; it is the prefix of its id.
type TaskKind string

// The kinds of the documented API.
const (
	TaskHardware    TaskKind = "hardware"
	TaskPerformance TaskKind = "performance"
	TaskMeasurement TaskKind = "measurement"
	TaskAnalysis    TaskKind = "analysis"
	TaskFeedback    TaskKind = "feedback"
	TaskModel       TaskKind = "model"
	TaskMatrix      TaskKind = "matrix"
	TaskSample      TaskKind = "sample"
)

// Task is the state of a piece of work at one moment: a plain value.
type Task struct {
	ID       string // kind + "-" + UUIDv4
	Kind     TaskKind
	Status   TaskStatus
	Progress float64 // in [0, 1]
	Message  string
	Created  time.Time
	Updated  time.Time
	Input    json.RawMessage // the request, for a retry
	Result   json.RawMessage // the documented REST body of a completed task
}
