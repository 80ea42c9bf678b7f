package document

import (
	"encoding/json"

	"github.com/perfcast/perfcast/perf"
)

// AcceptedBody answers every POST: exactly these two keys.
type AcceptedBody struct {
	TaskID string `json:"task_id" doc:"kind of task, a hyphen and a UUID"`
	Status string `json:"status" doc:"always pending"`
}

// Accepted answers the POST that created a task. The status is always pending,
// even of a task that has ended meanwhile: clients compare it.
func Accepted(t perf.Task) AcceptedBody {
	return AcceptedBody{TaskID: t.ID, Status: string(perf.TaskPending)}
}

// TaskBody is the state of a task. It never has a key "error", which clients
// read as the failure of the request itself.
type TaskBody struct {
	Status    string          `json:"status" doc:"pending, running, completed or failed"`
	Progress  float64         `json:"progress" doc:"from 0 to 1"`
	Message   string          `json:"message"`
	Timestamp string          `json:"timestamp"`
	Result    json.RawMessage `json:"result,omitempty" doc:"of a completed task"`
}

// Encode is the body as JSON. The result is JSON already, and long: it is put in
// as it is, where encoding/json would read it through and copy it.
func (b TaskBody) Encode() ([]byte, error) {
	result := b.Result
	b.Result = nil
	text, err := json.Marshal(b)
	if err != nil || len(result) == 0 {
		return text, err
	}
	const key = `,"result":`
	out := make([]byte, 0, len(text)+len(key)+len(result))
	out = append(append(out, text[:len(text)-1]...), key...)
	return append(append(out, result...), '}'), nil
}

// Task is the body of GET task/{task_id}.
func Task(t perf.Task) TaskBody {
	b := TaskBody{Status: string(t.Status), Progress: t.Progress, Message: t.Message, Timestamp: Timestamp(t.Updated)}
	if t.Status == perf.TaskCompleted {
		b.Result = t.Result
	}
	return b
}

// TaskMessage is one WebSocket message: a state of a task.
type TaskMessage struct {
	TaskID string `json:"task_id"`
	TaskBody
}

// Message is the WebSocket message for a state of a task.
func Message(t perf.Task) TaskMessage { return TaskMessage{TaskID: t.ID, TaskBody: Task(t)} }
