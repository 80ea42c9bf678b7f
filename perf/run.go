package perf

import (
	"encoding/json"
	"time"
)

// Component is one of the gateway's parts that run work of their own.
type Component string

// The components whose runs are kept.
const (
	ComponentTest      Component = "test"
	ComponentGenerator Component = "generator"
	ComponentBenchmark Component = "benchmark"
)

// Components lists the components whose runs are kept.
var Components = []Component{ComponentTest, ComponentGenerator, ComponentBenchmark}

// RunStatus is where a component's run stands.
//
//	initializing -> running -> completed | error | timeout | cancelled
type RunStatus string

// The states.
const (
	RunInitializing RunStatus = "initializing"
	RunRunning      RunStatus = "running"
	RunCompleted    RunStatus = "completed"
	RunError        RunStatus = "error"
	RunTimeout      RunStatus = "timeout"
	RunCancelled    RunStatus = "cancelled"
)

// RunStatuses lists the states.
var RunStatuses = []RunStatus{RunInitializing, RunRunning, RunCompleted, RunError, RunTimeout, RunCancelled}

// Done reports whether the state is terminal.
func (s RunStatus) Done() bool { return s != RunInitializing && s != RunRunning }

// Run is the state of a component's run at one moment: a test run, a generator
// task or a benchmark run. A plain value, like Task.
type Run struct {
	ID        string // UUIDv4
	Component Component
	Model     string   // canonical catalogue name, or the caller's own; empty = several or none
	Hardware  []string // as the request names it: platforms or devices
	Kind      string   // test_type, template_type, suite: the component's own word
	Status    RunStatus
	Progress  float64 // in [0, 1]
	Step      string  // what it is doing now
	Started   time.Time
	Completed time.Time       // zero until terminal
	Error     string          // why it did not complete
	Config    json.RawMessage // the request
	Result    json.RawMessage // the documented REST body of a completed run
}
