package resolvers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

type estimate struct{ Value, Low, High float64 }

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

// This query is fixed: clients are written against it.
const fixedPredict = `query($input: PredictInput!) { predict(input: $input) {
	throughput { value low high } latencyMs { value low high } memoryMb { value low high }
	basis fits bound modelVersion warnings } }`

func TestPredictSaysWhatTheAppSays(t *testing.T) {
	f := newFace(t, Options{})
	input := map[string]any{"model": "bert-base-uncased", "device": "NVIDIA A100 SXM 80GB", "platform": "CUDA", "batchSize": 8,
		"sequenceLength": 256, "precision": "FP16", "mode": "Inference"}
	var got struct {
		Predict struct {
			Throughput, LatencyMs, MemoryMb  estimate
			Basis, Fits, Bound, ModelVersion string
			Warnings                         []string
		}
	}
	f.ask(&got, fixedPredict, map[string]any{"input": input})
	c := app.DefaultConfig()
	c.Model, c.Device, c.Platform, c.BatchSize, c.SequenceLength, c.Precision = "bert-base-uncased", "NVIDIA A100 SXM 80GB", perf.CUDA, 8, 256, perf.FP16
	want, err := f.app.Predict(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	p := got.Predict
	if p.Throughput != estimate(want.Throughput) || p.LatencyMs != estimate(want.LatencyMs()) || p.MemoryMb != estimate(want.MemoryMb()) {
		t.Errorf("estimates %+v, want %+v", p, want)
	}
	if p.Basis != string(want.Basis) || p.Fits != string(want.Fits) || p.Bound != string(want.Bound()) || p.ModelVersion != want.ModelVersion {
		t.Errorf("verdicts %+v, want %+v", p, want)
	}
	if len(p.Warnings) != len(want.Warnings) {
		t.Errorf("warnings %q, want %+v", p.Warnings, want.Warnings)
	}
	for i, w := range want.Warnings {
		if p.Warnings[i] != w.Code+": "+w.Message {
			t.Errorf("warning %q, want %+v", p.Warnings[i], w)
		}
	}
}

func TestDefaultsOfPredict(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Predict struct {
			BatchSize, SequenceLength, Devices, TensorParallel int
			Precision, Mode, Platform                          string
			TtftMs                                             *estimate
			WarningDetails                                     []struct{ Code string }
		}
	}
	f.ask(&got, `{ predict(input: { model: "bert-base-uncased", platform: cuda }) { batchSize sequenceLength devices tensorParallel
		precision mode platform ttftMs { value } warningDetails { code } } }`, nil)
	p := got.Predict
	if p.BatchSize != 1 || p.SequenceLength != 128 || p.Precision != "fp32" || p.Mode != "inference" || p.Devices != 1 || p.TensorParallel != 1 || p.Platform != "cuda" {
		t.Errorf("defaults: %+v", p)
	}
	if p.TtftMs != nil {
		t.Errorf("an encoder has a time to first token: %+v", p.TtftMs)
	}
	if !slices.Contains(p.WarningDetails, struct{ Code string }{"DEVICE_ASSUMED"}) {
		t.Errorf("no word of the device being assumed: %+v", p.WarningDetails)
	}
}

func TestRatesOfALanguageModelAreApart(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Predict struct {
			TtftMs, TpotMs, EndToEndMs, RequestsPerSecond, OutputTokensPerSecond, OutputTokensPerSecondPerDevice estimate
			Devices                                                                                              int
			MemoryPartsMb                                                                                        struct{ Weights, KvCache float64 }
			MaxBatch, MaxSequence                                                                                int
		}
	}
	f.ask(&got, `{ predict(input: { model: "meta-llama/Llama-3.1-8B", device: "NVIDIA H100 SXM 80GB", precision: bf16, runtime: "vllm",
		sequenceLength: 512, outputLength: 128, concurrency: 16, tensorParallel: 2 }) { devices maxBatch maxSequence memoryPartsMb { weights kvCache }
		ttftMs { value } tpotMs { value } endToEndMs { value } requestsPerSecond { value } outputTokensPerSecond { value }
		outputTokensPerSecondPerDevice { value } } }`, nil)
	p := got.Predict
	if p.Devices != 2 {
		t.Fatalf("tensorParallel 2 runs on %d devices", p.Devices)
	}
	if !near(p.OutputTokensPerSecond.Value, 128*p.RequestsPerSecond.Value) || !near(p.OutputTokensPerSecond.Value, 2*p.OutputTokensPerSecondPerDevice.Value) {
		t.Errorf("rates do not agree: %+v", p)
	}
	if p.TtftMs.Value <= 0 || p.TpotMs.Value <= 0 || p.EndToEndMs.Value <= p.TtftMs.Value || p.MemoryPartsMb.Weights <= 0 || p.MemoryPartsMb.KvCache <= 0 || p.MaxSequence <= 0 {
		t.Errorf("parts are missing: %+v", p)
	}
}

func TestSweepIsTheProductInOrder(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Sweep []struct {
			Platform, Precision       string
			BatchSize, SequenceLength int
			Throughput                estimate
		}
	}
	f.ask(&got, `{ sweep(input: { model: "bert-base-uncased" }, platforms: [cuda, CPU], batchSizes: [1, 8], sequenceLengths: [64, 128], precisions: [fp32, FP16]) {
		platform batchSize sequenceLength precision throughput { value } } }`, nil)
	var order []string
	for _, p := range got.Sweep {
		order = append(order, fmt.Sprint(p.Platform, p.BatchSize, p.SequenceLength, p.Precision))
		if p.Throughput.Value <= 0 {
			t.Errorf("no throughput: %+v", p)
		}
	}
	var want []string
	for _, platform := range []string{"cuda", "cpu"} {
		for _, batch := range []int{1, 8} {
			for _, length := range []int{64, 128} {
				for _, precision := range []string{"fp32", "fp16"} {
					want = append(want, fmt.Sprint(platform, batch, length, precision))
				}
			}
		}
	}
	if !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
}

func TestRecommendKeepsItsConstraints(t *testing.T) {
	f := newFace(t, Options{})
	f.ask(&struct{}{}, `mutation { setFleet(entries: [
		{ device: "NVIDIA A100 SXM 80GB", count: 4, pricePerHour: 3.5, aliases: ["p4de.24xlarge"] }, { device: "NVIDIA T4", platform: cuda, pricePerHour: 0.5 }]) { device } }`, nil)
	type rec struct {
		Recommend struct {
			ID           string
			Primary      *struct{ Device, Platform, Reason string }
			Alternatives []struct{ Device string }
			Candidates   []struct {
				Rank         int
				Device       string
				PricePerHour float64
				Violations   []string
			}
			Constraints struct{ MaxLatencyMs, MaxCostPerHour, MaxMemoryMb float64 }
			Objective   string
		}
	}
	ask := func(args string) rec {
		t.Helper()
		var r rec
		f.ask(&r, `{ recommend(input: { model: "bert-base-uncased", batchSize: 8 }`+args+`) { id primary { device platform reason } alternatives { device }
			candidates { rank device pricePerHour violations } constraints { maxLatencyMs maxCostPerHour maxMemoryMb } objective } }`, nil)
		return r
	}
	free := ask(`, objective: latency`).Recommend
	if len(free.Candidates) != 2 || free.Primary == nil || len(free.Alternatives) != 1 || free.Objective != "latency" {
		t.Fatalf("from a fleet of two: %+v", free)
	}
	cheap := ask(`, constraints: { maxCostPerHour: 1, maxLatencyMs: 100000, maxMemoryMb: 1e6 }`).Recommend
	if cheap.Primary == nil || !strings.Contains(cheap.Primary.Device, "T4") || cheap.Constraints.MaxLatencyMs != 100000 || cheap.Constraints.MaxMemoryMb != 1e6 {
		t.Errorf("at most 1 an hour: %+v", cheap)
	}
	none := ask(`, constraints: { maxLatencyMs: 0.0001 }`).Recommend
	if none.Primary != nil || none.Candidates[0].Rank != 0 || len(none.Candidates[0].Violations) == 0 {
		t.Errorf("a tenth of a microsecond: %+v", none)
	}
	if free.ID == none.ID {
		t.Error("two recommendations that were not stored share an id")
	}
}

func TestRecordComparesAndIsLearned(t *testing.T) {
	f := newFace(t, Options{})
	var out struct {
		RecordMeasurement struct {
			Measurement struct {
				ID, Device                  string
				LatencyMs, MemoryMb, TtftMs *float64
				Environment                 map[string]string
				PredictionID                string
				Prediction                  *struct{ ID string }
			}
			Prediction *struct {
				ID        string
				LatencyMs estimate
				MemoryMb  estimate
			}
			Errors []struct {
				Metric, Unit                                               string
				Predicted, Low, High, Actual, AbsoluteError, RelativeError float64
			}
		}
	}
	f.ask(&out, `mutation { recordMeasurement(input: { model: "bert-base-uncased", platform: cuda, batchSize: 8, latencyMs: 7.89, memoryMb: 1024.5,
		environment: { driver: "550.54", cores: 8 } }) { measurement { id device latencyMs memoryMb ttftMs environment predictionId prediction { id } }
		prediction { id latencyMs { value low high } memoryMb { value low high } } errors { metric unit predicted low high actual absoluteError relativeError } } }`, nil)
	r := out.RecordMeasurement
	if *r.Measurement.LatencyMs != 7.89 || *r.Measurement.MemoryMb != 1024.5 || r.Measurement.TtftMs != nil || r.Measurement.Environment["cores"] != "8" {
		t.Errorf("measurement %+v", r.Measurement)
	}
	if r.Prediction == nil || r.Measurement.PredictionID != r.Prediction.ID || r.Measurement.Prediction.ID != r.Prediction.ID {
		t.Fatalf("it was compared with no prediction: %+v", r)
	}
	if len(r.Errors) != 2 || r.Errors[0].Metric != "latency" || r.Errors[0].Unit != "ms" || r.Errors[1].Metric != "memory_usage" || r.Errors[1].Unit != "MB" {
		t.Fatalf("comparisons %+v", r.Errors)
	}
	e := r.Errors[0]
	if e.Actual != 7.89 || !near(e.Predicted, r.Prediction.LatencyMs.Value) || !near(e.Low, r.Prediction.LatencyMs.Low) || !near(e.AbsoluteError, math.Abs(e.Predicted-7.89)) || !near(e.RelativeError, e.AbsoluteError/7.89) {
		t.Errorf("latency: %+v against %+v", e, r.Prediction)
	}
	var lists struct {
		Comparisons struct {
			Nodes []struct {
				Metric        string
				Actual        float64
				MeasurementID string
			}
		}
		Accuracy []struct {
			Keys     []string
			Accuracy struct {
				Metric, Unit string
				Count        int
				MeanActual   float64
			}
		}
	}
	f.ask(&lists, `{ comparisons(metric: latency) { nodes { metric actual measurementId } }
		accuracy(groupBy: [model, platform]) { keys accuracy { metric unit count meanActual } } }`, nil)
	if n := lists.Comparisons.Nodes; len(n) != 1 || n[0].Actual != 7.89 || n[0].MeasurementID != r.Measurement.ID {
		t.Errorf("comparisons %+v", n)
	}
	if a := lists.Accuracy; len(a) != 2 || !slices.Equal(a[0].Keys, []string{"bert-base-uncased", "cuda"}) || a[0].Accuracy.Unit != "ms" || a[0].Accuracy.MeanActual != 7.89 || a[1].Accuracy.MeanActual != 1024.5 {
		t.Errorf("accuracy %+v", a)
	}
}

func TestUnknownModelIsRecordedWithoutComparison(t *testing.T) {
	f := newFace(t, Options{})
	var out struct {
		RecordMeasurement struct {
			Measurement struct {
				Model      string
				Unknown    bool
				ModelFacts *struct{ Name string }
			}
			Prediction *struct{ ID string }
			Errors     []any
		}
	}
	f.ask(&out, `mutation { recordMeasurement(input: { model: "house-model-7", platform: cuda, latencyMs: 3 }) {
		measurement { model unknown modelFacts { name } } prediction { id } errors { metric } } }`, nil)
	if r := out.RecordMeasurement; r.Measurement.Model != "house-model-7" || !r.Measurement.Unknown || r.Measurement.ModelFacts != nil || r.Prediction != nil || r.Errors == nil || len(r.Errors) != 0 {
		t.Errorf("%+v", r)
	}
}

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

func TestFactsCanBeAddedAndCorrected(t *testing.T) {
	f := newFace(t, Options{})
	var device struct {
		UpsertDevice struct {
			ID, Name                 string
			Custom                   bool
			MemoryMb, UsableMemoryMb float64
		}
	}
	f.ask(&device, `mutation { upsertDevice(input: { name: "Acme X1", platform: CUDA, kind: "datacenter-gpu", fp32FlopPerS: 2e13, fp16FlopPerS: 4e13,
		memoryBytes: 4e10, memoryBandwidthBytesPerS: 1e12, cores: 100, clockHz: 1.5e9 }) { id name custom memoryMb usableMemoryMb } }`, nil)
	if d := device.UpsertDevice; !d.Custom || d.MemoryMb != 40_000 || d.UsableMemoryMb >= d.MemoryMb {
		t.Errorf("device: %+v", d)
	}
	f.ask(&struct{}{}, `{ predict(input: { model: "bert-base-uncased", device: "acme x1" }) { device } }`, nil)

	var model struct {
		UpsertModel struct {
			ID, Name, Family string
			Layers           int
			Custom           bool
			Params           float64
		}
	}
	f.ask(&model, `mutation { upsertModel(input: { name: "acme-7b", family: "text_generation", kind: "decoder", params: 7e9, layers: 32, hidden: 4096,
		intermediate: 11008, heads: 32, kvHeads: 32, vocab: 32000, gatedMlp: true }) { id name family layers custom } }`, nil)
	if m := model.UpsertModel; !m.Custom || m.Layers != 32 {
		t.Errorf("model: %+v", m)
	}
	f.ask(&struct{}{}, `{ predict(input: { model: "acme-7b", platform: cuda, precision: bf16, outputLength: 10 }) { tpotMs { value } } }`, nil)

	const config = `{ "model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
		"intermediate_size": 8192, "vocab_size": 128256, "max_position_embeddings": 131072 }`
	for name, value := range map[string]any{"acme-1b": config, "acme-1b-object": json.RawMessage(config)} {
		f.ask(&model, `mutation($in: ModelInput!) { upsertModel(input: $in) { name layers params custom } }`,
			map[string]any{"in": map[string]any{"name": name, "configJson": value}})
		if m := model.UpsertModel; m.Name != name || m.Layers != 16 || m.Params < 1e9 || m.Params > 2e9 {
			t.Errorf("from a config.json: %+v", m)
		}
	}
	if p := f.refused(`mutation { upsertModel(input: { name: "x", configJson: { model_type: "llama", hidden_size: 2048 } }) { id } }`, nil); p.Extensions.Field != "configJson.num_hidden_layers" {
		t.Errorf("a config.json without layers: %+v", p)
	}

	impossible := f.refused(`mutation { upsertDevice(input: { name: "Acme X2", platform: cuda, fp32FlopPerS: 2e13, memoryBytes: 4e10, memoryBandwidthBytesPerS: 0 }) { id } }`, nil)
	if impossible.Extensions.Code != "INVALID_ARGUMENT" || impossible.Extensions.Field != "memoryBandwidthBytesPerS" {
		t.Errorf("a device without bandwidth: %+v", impossible)
	}
}

func TestStoredModels(t *testing.T) {
	f := newFace(t, Options{})
	stored := f.completed(`storeModel(input: { modelType: "xgboost", targetMetric: "latency", platform: cuda, path: "/tmp/model.pkl", features: ["batch_size"], testScore: 0.9 })`)
	var id struct {
		ModelID string `json:"model_id"`
	}
	if err := json.Unmarshal(stored.Result, &id); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Node struct {
			ModelType, Path          string
			Active                   bool
			TestScore, TrainingScore *float64
		}
		PredictionModels struct{ Nodes []struct{ ID string } }
	}
	f.ask(&got, `query($id: ID!) { node(id: $id) { ... on PredictionModel { modelType path active testScore trainingScore } }
		predictionModels(platform: cuda, targetMetric: "latency") { nodes { id } } }`, map[string]any{"id": id.ModelID})
	if n := got.Node; n.ModelType != "xgboost" || n.Path != "/tmp/model.pkl" || n.Active || *n.TestScore != 0.9 || n.TrainingScore != nil || len(got.PredictionModels.Nodes) != 1 {
		t.Errorf("%+v", got)
	}
	if p := f.refused(fmt.Sprintf(`mutation { promoteModel(id: %q) { id } }`, id.ModelID), nil); p.Extensions.Code == "INTERNAL" {
		t.Errorf("promoting a label: %+v", p)
	}
	foreign := base64.StdEncoding.EncodeToString([]byte("\x80\x04a pickle"))
	if p := f.refused(fmt.Sprintf(`mutation { storeModel(input: { modelType: "x", targetMetric: "latency", platform: cuda, features: ["a"], artefact: %q }) { id } }`, foreign), nil); p.Extensions.Code != "INVALID_ARGUMENT" || p.Extensions.Field != "artefact" {
		t.Errorf("a foreign artefact: %+v", p)
	}
}

// Whatever has an id can be fetched by it.
func TestNodes(t *testing.T) {
	f := newFace(t, Options{})
	f.record(1, 8)
	task := f.completed(`predictHardware(input: { model: "bert-base-uncased" }, availableHardware: [cuda])`)
	f.completed(`generateSampleData(numModels: 1)`)
	var ids struct {
		Measurements, Predictions, PredictionModels, Devices, Models, Recommendations struct{ Nodes []struct{ ID string } }
		Predict                                                                       struct{ ID string }
	}
	f.ask(&ids, `{ measurements(first: 1) { nodes { id } } predictions(first: 1) { nodes { id } } predictionModels(first: 1) { nodes { id } }
		devices(first: 1) { nodes { id } } models(first: 1) { nodes { id } } recommendations(first: 1) { nodes { id } }
		predict(input: { model: "bert-base-uncased", platform: cuda, batchSize: 32 }) { id } }`, nil)
	want := map[string]string{
		ids.Measurements.Nodes[0].ID: "Measurement", ids.Predictions.Nodes[0].ID: "Prediction", ids.PredictionModels.Nodes[0].ID: "PredictionModel",
		ids.Devices.Nodes[0].ID: "Device", ids.Models.Nodes[0].ID: "Model", ids.Recommendations.Nodes[0].ID: "Recommendation",
		ids.Predict.ID: "Prediction", task.ID: "Task",
	}
	var all []string
	for id := range want {
		all = append(all, id)
	}
	missing := []string{"pred-none", "meas-none", "rec-none", "model-none", "device:cuda:none", "model:none", "hardware-none", "none", ""}
	var got struct {
		Nodes []*struct {
			Typename string `json:"__typename"`
			ID       string
		}
		Node *struct{ BatchSize int }
	}
	f.ask(&got, `query($ids: [ID!]!, $asked: ID!) { nodes(ids: $ids) { __typename id } node(id: $asked) { ... on Prediction { batchSize } } }`,
		map[string]any{"ids": append(all, missing...), "asked": ids.Predict.ID})
	for i, id := range all {
		if n := got.Nodes[i]; n == nil || n.ID != id || n.Typename != want[id] {
			t.Errorf("node %s: %+v, want a %s", id, n, want[id])
		}
	}
	for i, id := range missing {
		if n := got.Nodes[len(all)+i]; n != nil {
			t.Errorf("node %q: %+v", id, n)
		}
	}
	if got.Node == nil || got.Node.BatchSize != 32 {
		t.Errorf("a prediction that was not stored, asked again: %+v", got.Node)
	}
}

func TestLookingAround(t *testing.T) {
	f := newFace(t, Options{})
	var got struct {
		Fleet     []struct{ Device string }
		Platforms []string
		Runtimes  []struct{ Name, Title string }
		Overview  struct {
			Status, ModelVersion string
			Tables               []struct {
				Name   string
				Rows   float64
				Newest *string
			}
		}
		Device struct {
			Name, Vendor                           string
			Fp16FlopPerS, MemoryBandwidthBytesPerS float64
		}
		Model struct {
			Name   string
			Params float64
		}
	}
	f.ask(&got, `{ fleet { device } platforms runtimes { name title serves } overview { status modelVersion startedAt learned databaseMb tables { name rows newest } }
		device(name: "a100 sxm 80gb") { name vendor fp16FlopPerS memoryBandwidthBytesPerS } model(name: "bert-base") { name params } }`, nil)
	if got.Fleet == nil || len(got.Fleet) != 0 || !slices.Contains(got.Platforms, "tpu") || !slices.Contains(got.Platforms, "webnn") || len(got.Runtimes) < 5 {
		t.Errorf("%+v", got)
	}
	if o := got.Overview; o.Status != "ok" || o.ModelVersion == "" || len(o.Tables) < 6 {
		t.Errorf("overview %+v", o)
	}
	if got.Device.Name != "NVIDIA A100 SXM 80GB" || got.Device.Fp16FlopPerS != 312e12 || got.Model.Name != "bert-base-uncased" || got.Model.Params < 1e8 {
		t.Errorf("%+v %+v", got.Device, got.Model)
	}
}
