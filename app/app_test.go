package app_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/perf"
)

func config(model string, p perf.Platform) perf.Config {
	c := app.DefaultConfig()
	c.Model, c.Platform = model, p
	return c
}

func ptr[T any](x T) *T { return &x }

func TestPredictSaysWhichDeviceItAssumed(t *testing.T) {
	a := apptest.New(t)
	p, err := a.Predict(context.Background(), config("bert-base-uncased", perf.CUDA))
	if err != nil {
		t.Fatal(err)
	}
	if p.Device == "" || len(p.Warnings) < 2 || p.Warnings[0].Code != app.DeviceAssumed || !strings.Contains(p.Warnings[1].Message, "throughput runs from") {
		t.Fatalf("device %q, warnings %+v", p.Device, p.Warnings)
	}
}

func TestFleetStandsBehindThePlatform(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	_, err := a.SetFleet(ctx, []perf.FleetEntry{{Device: "NVIDIA T4", Count: 1, PricePerHour: 0.5, Aliases: []string{"g4dn.xlarge"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{"", "g4dn.xlarge"} {
		c := config("bert-base-uncased", perf.CUDA)
		c.Device = device
		p, err := a.Predict(ctx, c)
		if err != nil || p.Device != "NVIDIA T4" || len(p.Warnings) > 0 && p.Warnings[0].Code == app.DeviceAssumed {
			t.Fatalf("device %q: %q, %v, %v", device, p.Device, p.Warnings, err)
		}
	}
	rec, err := a.Recommend(ctx, app.HardwareRequest{Config: config("bert-base-uncased", "")})
	if err != nil || len(rec.Candidates) != 1 || rec.Device != "NVIDIA T4" || rec.Candidates[0].CostPerMillion <= 0 {
		t.Fatalf("%+v, %v", rec, err)
	}
}

func TestARuntimeAnswersToItsUsualNames(t *testing.T) {
	a := apptest.New(t)
	for name, want := range map[string]string{"PyTorch": "pytorch-eager", "torch.compile": "torch-compile", "ort": "onnxruntime", "TensorRT": "tensorrt"} {
		c := config("bert-base-uncased", perf.CUDA)
		c.Device, c.Runtime = "NVIDIA T4", name
		if p, err := a.Predict(context.Background(), c); err != nil || p.Runtime != want {
			t.Errorf("%s is %q, %v; want %s", name, p.Runtime, err, want)
		}
	}
}

func TestWhatDoesNotFitIsNeverRecommended(t *testing.T) {
	a := apptest.New(t)
	c := config("meta-llama/Llama-3.1-70B", "")
	rec, err := a.Recommend(context.Background(), app.HardwareRequest{Config: c, Devices: []string{"NVIDIA T4"}})
	if err != nil || rec.Primary() != nil || rec.Candidates[0].Prediction.Latency.Value <= 0 || !strings.Contains(rec.Reason, "needs") {
		t.Fatalf("%+v, %v", rec, err)
	}
}

func TestRecordComparesWithTheAnswerFromBefore(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	c := config("bert-base-uncased", perf.CUDA)
	before, err := a.Predict(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	latency := before.Latency.Value * 1.5
	res, err := a.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &latency}})
	if err != nil {
		t.Fatal(err)
	}
	r := res[0]
	if r.Prediction == nil || r.Prediction.Latency != before.Latency || len(r.Errors) != 1 || r.Errors[0].RelativeError < 0.33 || r.Errors[0].RelativeError > 0.34 {
		t.Fatalf("%+v", r)
	}
	after, err := a.Predict(ctx, c)
	if err != nil || after.Basis != perf.BasisMeasured || after.Latency.Value != latency || after.ModelVersion == before.ModelVersion {
		t.Fatalf("after: %v %v %v, %v", after.Basis, after.Latency, after.ModelVersion, err)
	}
	// The stored comparison is found again, and not made twice.
	res, err = a.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &latency}})
	if err != nil || res[0].Prediction.ID != r.Prediction.ID {
		t.Fatalf("compared with %v, want %v, %v", res[0].Prediction, r.Prediction.ID, err)
	}
	// The same batch and platform in another precision is another configuration.
	c.Precision = perf.FP16
	res, err = a.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &latency, PredictionID: r.Prediction.ID}})
	if err != nil || res[0].Prediction.ID == r.Prediction.ID {
		t.Fatalf("an fp16 measurement was scored against an fp32 prediction: %v", err)
	}
	acc, err := a.Analyze(ctx, app.AnalysisRequest{Metric: perf.MetricLatency})
	if err != nil || len(acc) != 1 || acc[0].Count != 3 {
		t.Fatalf("analysis %+v, %v", acc, err)
	}
}

func TestAnAbsurdMeasurementIsQuarantinedUntilRepeated(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	c := config("bert-base-uncased", perf.CUDA)
	before, _ := a.Predict(ctx, c)
	slow := before.Latency.High * 100
	m := app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &slow}}
	res, err := a.Record(ctx, m)
	if err != nil || !res[0].Measurement.Quarantined || res[0].Measurement.Reason == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	if p, _ := a.Predict(ctx, c); p.Basis == perf.BasisMeasured {
		t.Fatal("a quarantined measurement answers")
	}
	if _, err := a.Record(ctx, m); err != nil {
		t.Fatal(err)
	}
	if p, _ := a.Predict(ctx, c); p.Basis != perf.BasisMeasured {
		t.Fatal("a repeated measurement does not answer")
	}
	first, err := a.MeasurementByID(ctx, res[0].Measurement.ID)
	if err != nil || first.Quarantined {
		t.Fatalf("the first one is still in quarantine: %+v, %v", first, err)
	}
}

func TestAHeldMeasurementAnswersOnceConfirmed(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	c := config("bert-base-uncased", perf.CUDA)
	before, _ := a.Predict(ctx, c)
	slow := before.Latency.High * 100
	res, err := a.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &slow}})
	if err != nil || !res[0].Measurement.Quarantined {
		t.Fatalf("%+v, %v", res, err)
	}
	if _, err := a.Confirm(ctx, "meas-none"); perf.AsError(err).Code != perf.CodeNotFound {
		t.Errorf("confirming what is not there: %v", err)
	}
	id := res[0].Measurement.ID
	for range 2 { // the second changes nothing
		if m, err := a.Confirm(ctx, id); err != nil || m.Quarantined {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	p, _ := a.Predict(ctx, c)
	stored, err := a.MeasurementByID(ctx, id)
	if err != nil || stored.Quarantined || p.Basis != perf.BasisMeasured || p.Latency.Value != slow {
		t.Errorf("%+v, %v, %s %g", stored, err, p.Basis, p.Latency.Value)
	}
}

func TestUnknownModelIsStoredWithoutComparison(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	c := config("nobody/has-this-model", perf.CUDA)
	if _, err := a.Predict(ctx, c); perf.AsError(err).Code != perf.CodeUnknown {
		t.Fatalf("predicting an unknown model: %v", err)
	}
	res, err := a.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: ptr(0.1)}})
	if err != nil || !res[0].Measurement.Unknown || res[0].Prediction != nil || len(res[0].Errors) != 0 {
		t.Fatalf("%+v, %v", res, err)
	}
}

func TestTasksAndMeasurementsSurviveARestart(t *testing.T) {
	ctx := context.Background()
	path := t.TempDir() + "/perf.duckdb"
	a, stop := apptest.Open(t, path)
	c := config("resnet-50", perf.CUDA)
	before, err := a.Predict(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	latency := before.Latency.Value * 1.2
	task, err := a.Start(app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &latency}})
	if err != nil {
		t.Fatal(err)
	}
	task, err = a.Task(ctx, task.ID, 5e9)
	if err != nil || task.Status != perf.TaskCompleted {
		t.Fatalf("%+v, %v", task, err)
	}
	want, _ := a.Predict(ctx, c)
	stop()
	a, stop = apptest.Open(t, path)
	defer stop()
	again, err := a.Task(ctx, task.ID, 0)
	if err != nil || string(again.Result) != string(task.Result) {
		t.Fatalf("after the restart: %+v, %v", again, err)
	}
	got, err := a.Predict(ctx, c)
	if err != nil || got.Latency != want.Latency || got.ModelVersion != want.ModelVersion || got.Basis != perf.BasisMeasured {
		t.Fatalf("after the restart %v %v, before %v %v, %v", got.Latency, got.ModelVersion, want.Latency, want.ModelVersion, err)
	}
}

// What was learned of requests that left things open is the same after a
// restart: equal versions answer equally.
func TestARestartChangesNoAnswer(t *testing.T) {
	path := t.TempDir() + "/a.duckdb"
	ctx := context.Background()
	a, stop := apptest.Open(t, path)
	for _, c := range []perf.Config{
		{Model: "resnet-50", Device: "NVIDIA A100 SXM 80GB", BatchSize: 8, SequenceLength: 128},
		{Model: "openai/whisper-small", Device: "NVIDIA A100 SXM 80GB", BatchSize: 1, SequenceLength: 128},
		{Model: "stable-diffusion-xl", Device: "NVIDIA A100 SXM 80GB", BatchSize: 1, SequenceLength: 128, Steps: 30},
	} {
		p, err := a.Predict(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: ptr(1.3 * p.Latency.Value)}}); err != nil {
			t.Fatal(err)
		}
	}
	ask := func() (out []perf.Prediction) {
		for _, c := range []perf.Config{
			{Model: "resnet-50", Device: "NVIDIA A100 SXM 80GB", BatchSize: 64, SequenceLength: 128},
			{Model: "openai/whisper-small", Device: "NVIDIA A100 SXM 80GB", BatchSize: 1, SequenceLength: 1500, Precision: perf.FP16},
			{Model: "stable-diffusion-xl", Device: "NVIDIA A100 SXM 80GB", BatchSize: 1, SequenceLength: 128, Steps: 30},
		} {
			p, err := a.Predict(ctx, c)
			if err != nil {
				t.Fatal(err)
			}
			p.Time = time.Time{}
			out = append(out, p)
		}
		return out
	}
	before := ask()
	if before[2].Basis != perf.BasisMeasured {
		t.Errorf("the measured image is %s", before[2].Basis)
	}
	stop()
	a, stop = apptest.Open(t, path)
	defer stop()
	if diff := cmp.Diff(before, ask()); diff != "" {
		t.Errorf("after the restart:\n%s", diff)
	}
}

func TestEveryJobEndsWithItsDocument(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	c := config("bert-base-uncased", "")
	start := func(j app.Job) map[string]any {
		t.Helper()
		task, err := a.Start(j)
		if err != nil {
			t.Fatal(err)
		}
		if task, err = a.Task(ctx, task.ID, 60e9); err != nil || task.Status != perf.TaskCompleted {
			t.Fatalf("%T ended as %s: %s, %v", j, task.Status, task.Message, err)
		}
		var body map[string]any
		if err := json.Unmarshal(task.Result, &body); err != nil {
			t.Fatal(err)
		}
		if _, bad := body["error"]; bad {
			t.Fatalf("%T: the result has the key error", j)
		}
		return body
	}
	c.BatchSize, c.Precision = 32, perf.FP16
	hw := start(app.HardwareRequest{Config: c, Available: []perf.Platform{perf.CUDA, perf.CPU}, Predict: true})
	if hw["primary_recommendation"] != "cuda" || hw["performance"] == nil {
		t.Fatalf("hardware: %v", hw)
	}
	start(app.PerformanceRequest{Config: c, Targets: []app.Target{{Platform: perf.CPU}, {Platform: perf.CUDA}}})
	start(app.AnalysisRequest{})
	for id, want := range map[string]bool{hw["recommendation_id"].(string): true, "rec-none": false} {
		if fb := start(app.FeedbackRequest{RecommendationID: id, Accepted: true}); fb["success"] != want {
			t.Fatalf("feedback on %s: %v", id, fb)
		}
	}
	rec, err := a.RecommendationByID(ctx, hw["recommendation_id"].(string))
	if err != nil || rec.WasAccepted == nil || !*rec.WasAccepted {
		t.Fatalf("%+v, %v", rec, err)
	}
	start(app.ModelRequest{Model: perf.PredictionModel{ModelType: "xgboost", TargetMetric: "throughput", Platform: perf.CUDA, Features: []string{"batch_size"}}})
	start(app.MatrixRequest{Models: []perf.MatrixModel{{Name: "bert-base-uncased"}, {Name: "no-such-model"}}, Platforms: []perf.Platform{perf.CUDA, perf.CPU},
		Batches: []int{1, 8}, Precisions: []perf.Precision{perf.FP32, perf.FP16}, Mode: perf.Inference})
	start(app.SampleRequest{NumModels: 12})
	acc, err := a.Analyze(ctx, app.AnalysisRequest{})
	if err != nil || len(acc) != 0 {
		t.Fatalf("sample data counts in the accuracy: %+v, %v", acc, err)
	}
}

func TestBadInputChangesNothing(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	for field, change := range map[string]func(*perf.Config){
		"batch_size":      func(c *perf.Config) { c.BatchSize = 0 },
		"sequence_length": func(c *perf.Config) { c.SequenceLength = -1 },
		"model_name":      func(c *perf.Config) { c.Model = strings.Repeat("x", 10_000) },
		"precision":       func(c *perf.Config) { c.Precision = "fp17" },
		"mode":            func(c *perf.Config) { c.Mode = "dreaming" },
		"runtime":         func(c *perf.Config) { c.Runtime = "abacus" },
		"device":          func(c *perf.Config) { c.Device = "NVIDIA A1000000" },
		"tensor_parallel": func(c *perf.Config) { c.TensorParallel, c.Devices = 3, 4 },
	} {
		c := config("bert-base-uncased", perf.CUDA)
		change(&c)
		for _, j := range []app.Job{app.PerformanceRequest{Config: c, Targets: []app.Target{{Platform: c.Platform, Device: c.Device}}}, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: ptr(1.0)}}} {
			if _, err := a.Start(j); err == nil || perf.AsError(err).Field != field {
				t.Errorf("%T with a bad %s: %v", j, field, err)
			}
		}
	}
	o, err := a.Overview(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range o.Tables {
		if table.Rows != 0 {
			t.Errorf("%s has %d rows", table.Name, table.Rows)
		}
	}
}

func TestTheCallersNameIsShownAgain(t *testing.T) {
	a := apptest.New(t)
	ctx := context.Background()
	ids := map[string]string{}
	for _, name := range []string{"resnet-50", "resnet50", "microsoft/resnet-50"} {
		res, err := a.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: config(name, perf.CUDA), Latency: ptr(0.01)}})
		if err != nil {
			t.Fatal(err)
		}
		m := res[0].Measurement
		if m.ModelName() != name || m.Model != "microsoft/resnet-50" {
			t.Errorf("%s is shown as %s and stored as %s", name, m.ModelName(), m.Model)
		}
		ids[res[0].Prediction.ID] = name
	}
	if len(ids) != 1 {
		t.Errorf("one configuration under three names was compared with %d predictions", len(ids))
	}
}
