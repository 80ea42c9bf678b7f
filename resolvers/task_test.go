package resolvers

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// aTask is a task as clients see it.
type aTask struct {
	ID, Kind, Status, Message string
	Progress                  float64
	Result                    json.RawMessage
	Recommendation            *struct {
		ID       string
		Primary  *struct{ Device string }
		UserID   string
		Feedback string
	}
	Predictions []struct{ ID, Device, Model string }
	Measurement *struct{ ID string }
}

const taskFields = `{ id kind status message progress result recommendation { id userId feedback primary { device } } predictions { id device model } measurement { id } }`

// do runs a mutation that gives a task, and waits for its end.
func (f *face) do(mutation string) aTask {
	f.t.Helper()
	var started map[string]aTask
	f.ask(&started, "mutation { task: "+mutation+" { id status } }", nil)
	states, err := f.app.WatchTask(f.t.Context(), started["task"].ID)
	if err != nil {
		f.t.Fatal(err)
	}
	for range states { // to the end
	}
	var ended map[string]aTask
	f.ask(&ended, `query($id: ID!) { task(id: $id) `+taskFields+` }`, map[string]any{"id": started["task"].ID})
	return ended["task"]
}

func (f *face) completed(mutation string) aTask {
	f.t.Helper()
	task := f.do(mutation)
	if task.Status != "completed" || task.Progress != 1 || len(task.Result) == 0 {
		f.t.Fatalf("%s: %+v", mutation, task)
	}
	return task
}

func TestTasksAndWhatTheyMade(t *testing.T) {
	f := newFace(t, Options{})
	hardware := f.completed(`predictHardware(input: { model: "bert-base-uncased" }, availableHardware: [cuda, cpu], userId: "u1")`)
	if hardware.Kind != "hardware" || hardware.Recommendation == nil || hardware.Recommendation.UserID != "u1" || len(hardware.Predictions) != 1 || hardware.Measurement != nil {
		t.Errorf("hardware: %+v", hardware)
	}
	performance := f.completed(`predictPerformance(input: { model: "bert-base-uncased" }, hardware: [cpu], devices: ["NVIDIA H100 SXM 80GB", "NVIDIA A100 SXM 80GB"])`)
	if got := performance.Predictions; len(got) != 3 || got[1].Device != "NVIDIA H100 SXM 80GB" || got[2].Device != "NVIDIA A100 SXM 80GB" {
		t.Errorf("performance on three devices, two of them of one platform: %+v", got)
	}
	f.record(2, 8)
	if got := f.completed(`analyzePredictions(model: "bert-base-uncased", metric: latency)`); !strings.Contains(string(got.Result), `"latency"`) {
		t.Errorf("analysis: %s", got.Result)
	}
	if got := f.completed(`generateMatrix(models: ["bert-base-uncased", "gpt2"], platforms: [cuda, cpu], batchSizes: [1, 8], precisions: [fp32, fp16])`); !strings.Contains(string(got.Result), `"stored_predictions":16`) {
		t.Errorf("matrix: %s", got.Result)
	}
	f.completed(`generateSampleData(numModels: 2)`)
	var lists struct {
		Tasks struct {
			TotalCount int
			Nodes      []aTask
		}
		Done struct{ TotalCount int }
	}
	f.ask(&lists, `{ tasks(first: 10) { totalCount nodes `+taskFields+` } done: tasks(kind: hardware, status: completed) { totalCount } }`, nil)
	if lists.Tasks.TotalCount != 5 || lists.Done.TotalCount != 1 || lists.Tasks.Nodes[3].ID != performance.ID || len(lists.Tasks.Nodes[3].Predictions) != 3 {
		t.Errorf("tasks: %+v", lists)
	}

	var said struct {
		RecordFeedback struct {
			WasAccepted bool
			Feedback    string
		}
	}
	for _, words := range []string{"no", "good"} {
		f.ask(&said, `mutation($f: FeedbackInput!) { recordFeedback(input: $f) { wasAccepted feedback } }`,
			map[string]any{"f": map[string]any{"recommendationId": hardware.Recommendation.ID, "accepted": words == "good", "text": words}})
	}
	var accepted struct {
		Recommendations struct {
			Nodes []struct{ ID, Feedback string }
		}
	}
	f.ask(&accepted, `{ recommendations(accepted: true, filter: { model: "bert-base-uncased" }) { nodes { id feedback } } }`, nil)
	if n := accepted.Recommendations.Nodes; !said.RecordFeedback.WasAccepted || !slices.ContainsFunc(n, func(r struct{ ID, Feedback string }) bool {
		return r.ID == hardware.Recommendation.ID && r.Feedback == "good"
	}) {
		t.Errorf("feedback: %+v, list %+v", said, n)
	}
}

func TestCancelAndRetry(t *testing.T) {
	f := newFace(t, Options{})
	models := `["bert-base-uncased"` + strings.Repeat(`, "meta-llama/Llama-3.1-8B"`, 999) + `]`
	var started struct{ GenerateMatrix aTask }
	f.ask(&started, `mutation { generateMatrix(models: `+models+`, platforms: [cuda, cpu, rocm, mps], batchSizes: [1, 2, 4, 8, 16, 32], precisions: [fp32, fp16, bf16, int4]) { id status } }`, nil)
	for id := started.GenerateMatrix.ID; ; {
		var ended struct{ CancelTask aTask }
		f.ask(&ended, `mutation($id: ID!) { cancelTask(id: $id) { id status message } }`, map[string]any{"id": id})
		states, err := f.app.WatchTask(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for range states { // to the end
		}
		var after struct{ Task aTask }
		f.ask(&after, `query($id: ID!) { task(id: $id) { status message predictions { id } } }`, map[string]any{"id": id})
		if after.Task.Status != "failed" || after.Task.Message != "Task failed: cancelled" || len(after.Task.Predictions) != 0 {
			t.Errorf("cancelled: %+v", after.Task)
		}
		if id != started.GenerateMatrix.ID {
			break
		}
		var again struct{ RetryTask aTask }
		f.ask(&again, `mutation($id: ID!) { retryTask(id: $id) { id kind status } }`, map[string]any{"id": id})
		if again.RetryTask.ID == id || again.RetryTask.Kind != "matrix" || again.RetryTask.Status == "failed" {
			t.Fatalf("retried: %+v", again.RetryTask)
		}
		id = again.RetryTask.ID
	}
}
