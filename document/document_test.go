package document

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/perf"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var moment = time.Date(2026, 11, 23, 6, 34, 19, 519376000, time.UTC)

func TestMain(m *testing.M) {
	flag.Parse()
	time.Local = time.FixedZone("UTC+2", 2*60*60) // timestamps are local: fix which
	os.Exit(m.Run())
}

func prediction() perf.Prediction {
	ttft := perf.Estimate{Value: 0.012, Low: 0.010, High: 0.015}
	return perf.Prediction{
		ID: "pred-1", Time: moment,
		Config: perf.Config{
			Model: "bert-base-uncased", Family: "embedding", Platform: perf.CUDA, Device: "NVIDIA A100 SXM 80GB", Runtime: "pytorch-eager",
			Precision: perf.FP16, Mode: perf.Inference, BatchSize: 8, SequenceLength: 128, Devices: 1,
		},
		Latency:    perf.Estimate{Value: 0.008, Low: 0.004, High: 0.016},
		Throughput: perf.Estimate{Value: 1000, Low: 500, High: 2000},
		Memory:     perf.Estimate{Value: 1.25e9, Low: 1e9, High: 1.5e9},
		TTFT:       &ttft, Fits: perf.FitYes, MaxBatch: 4096,
		Shares:     perf.Shares{Compute: 0.5, MemoryBandwidth: 0.25, Overhead: 0.25},
		Attainable: 0.002, Basis: perf.BasisNeighbour, Distance: perf.DistanceCovered, ModelVersion: "abc+meas-1",
		Evidence: []perf.Evidence{{ID: "meas-1", Weight: 0.5}, {Source: "corpus", Count: 3}},
		Warnings: []perf.Warning{{Code: "DEVICE_ASSUMED", Message: "no fleet: took the default"}},
	}
}

func recommendation() perf.Recommendation {
	cuda, cuda2, rocm, cpu := prediction(), prediction(), prediction(), prediction()
	cuda2.Device = "NVIDIA H100"
	rocm.Platform, rocm.Device = perf.ROCm, "AMD Instinct MI300X"
	cpu.Platform, cpu.Device, cpu.Fits = perf.CPU, "a small one", perf.FitNo
	return perf.Recommendation{
		ID: "rec-1", Time: moment, Config: cuda.Config, Params: 109482240, Objective: perf.ObjectiveThroughput,
		Candidates: []perf.Candidate{
			{Rank: 1, Prediction: cuda, Score: 1, Reason: "fastest"},
			{Rank: 2, Prediction: cuda2, Score: 0.9, Reason: "slower"},
			{Rank: 2, Prediction: rocm, Score: 0.9, Tied: true, Reason: "as fast within the error", PricePerHour: 2, CostPerMillion: 0.5},
			{Prediction: cpu, Reason: "does not fit", Violations: []string{"memory"}},
		},
		Reason: "cuda is fastest",
	}
}

func measured() perf.MeasurementResult {
	throughput, latency, p := 123.45, perf.Seconds(7.89), prediction()
	return perf.MeasurementResult{
		Measurement: perf.Measurement{
			ID: "meas-2", Time: moment, Config: p.Config, Throughput: &throughput, Latency: &latency, Source: "benchmark",
			PredictionID: p.ID, Environment: map[string]string{"torch": "2.4"},
		},
		Prediction: &p,
		Errors: []perf.PredictionError{
			{Time: moment, PredictionID: p.ID, MeasurementID: "meas-2", Config: p.Config, Metric: perf.MetricThroughput,
				Predicted: 1000, Low: 500, High: 2000, Actual: 800, AbsoluteError: 200, RelativeError: 0.25, Basis: perf.BasisLearned},
			{Time: moment, PredictionID: p.ID, MeasurementID: "meas-2", Config: p.Config, Metric: perf.MetricLatency,
				Predicted: 0.008, Low: 0.004, High: 0.006, Actual: 0.010, AbsoluteError: 0.002, RelativeError: 0.2, Basis: perf.BasisLearned},
		},
	}
}

// TestGolden shows every body as clients see it.
func TestGolden(t *testing.T) {
	p, rec := prediction(), recommendation()
	none := recommendation()
	none.Candidates = none.Candidates[3:]
	bare := measured()
	bare.Prediction, bare.Errors = nil, nil
	bare.Measurement = perf.Measurement{ID: "meas-3", Time: moment.Truncate(time.Second), Config: perf.Config{Model: "mine", Platform: perf.QNN,
		BatchSize: 1, SequenceLength: 128, Precision: perf.FP32, Mode: perf.Inference}, Source: "api", Unknown: true}
	std, score, yes := 0.002, 0.97, true
	accepted := rec
	accepted.WasAccepted, accepted.Feedback, accepted.UserID = &yes, "works", "me"
	int4 := p
	int4.BatchSize, int4.Precision, int4.Sample = 16, perf.Int4, true
	bodies := map[string]any{
		"hardware":         Hardware(perf.HardwareResult{Request: p.Config, Recommendation: rec, Performance: &p}),
		"hardware_none":    Hardware(perf.HardwareResult{Request: perf.Config{Model: "mine"}, Recommendation: none}),
		"performance":      Performance(perf.PerformanceResult{Request: perf.Config{Model: "BERT", BatchSize: 8}, Predictions: []perf.Prediction{p, rec.Candidates[2].Prediction}}),
		"performance_none": Performance(perf.PerformanceResult{}),
		"measurement":      Measurement(measured()),
		"measurement_bare": Measurement(bare),
		"analysis": Analysis([]perf.Accuracy{
			{Metric: perf.MetricThroughput, Count: 1, MeanAbsoluteError: 200, MeanRelativeError: 0.25, MedianRelative: 0.25, MinAbsoluteError: 200, MaxAbsoluteError: 200, MeanPredicted: 1000, MeanActual: 800, Bias: 200, Coverage: 1},
			{Metric: perf.MetricLatency, Count: 3, MeanAbsoluteError: 0.002, MeanRelativeError: 0.05, StdAbsoluteError: &std, MeanPredicted: 0.01, MeanActual: 0.012, Bias: -0.002, RSquared: &score},
		}),
		"analysis_none": Analysis(nil),
		"matrix": Matrix(perf.MatrixResult{Time: moment, Mode: perf.Inference, Platforms: []perf.Platform{perf.CUDA}, Batches: []int{8, 16},
			Precisions: []perf.Precision{perf.FP16, perf.Int4}, Stored: 2, Models: []perf.MatrixModel{
				{Name: "bert-base-uncased", Category: "embedding", Predictions: []perf.Prediction{p, int4}},
				{Name: "nobody's", Error: "no facts"}}}),
		"feedback":        Feedback("rec-1", false),
		"stored_model":    StoredModel(perf.PredictionModel{ID: "model-1"}),
		"sample":          Sample(12),
		"recommendations": Recommendations([]perf.Recommendation{accepted, none}),
		"predictions":     Predictions([]perf.Prediction{p, int4}),
		"measurements":    Measurements([]perf.Measurement{measured().Measurement, bare.Measurement}),
		"models": Models([]perf.PredictionModel{
			{ID: "model-1", Time: moment, ModelType: "gbdt", TargetMetric: "throughput", Platform: perf.CUDA, Features: []string{"batch_size"}, TestScore: &score, ArtefactBytes: 8, Active: true},
			{ID: "model-2", Time: moment, Path: "models/m.pkl"}}),
		"feature_importance": FeatureImportances([]perf.FeatureImportance{{Time: moment, ModelID: "model-1", Feature: "batch_size", Score: 0.5, Rank: 1, Method: "native"}, {Feature: "b"}}),
		"list_none":          Measurements(nil),
		"accepted":           Accepted(perf.Task{ID: "sample-1", Status: perf.TaskCompleted}),
		"task_running":       Task(perf.Task{ID: "sample-1", Status: perf.TaskRunning, Progress: 0.3, Message: "Generating sample data", Updated: moment}),
		"task_failed":        Task(perf.Task{Status: perf.TaskFailed, Message: "Task failed: cancelled", Updated: moment, Result: json.RawMessage(`{"partial":1}`)}),
		"message_completed":  Message(perf.Task{ID: "sample-1", Status: perf.TaskCompleted, Progress: 1, Message: "Task completed successfully", Updated: moment, Result: json.RawMessage(`{"num_models":3}`)}),
	}
	for name, body := range bodies {
		got, err := json.MarshalIndent(body, "", "  ")
		if err != nil {
			t.Fatal(name, err)
		}
		got = append(got, '\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != string(got) {
			t.Errorf("%s differs from %s (%v), got:\n%s", name, file, err, got)
		}
		if strings.Contains(string(got), `"error":`) {
			t.Errorf("%s has a key \"error\", which clients read as a failure", name)
		}
	}
	files, _ := filepath.Glob("testdata/*.json")
	if len(files) != len(bodies) {
		t.Errorf("%d golden files for %d bodies", len(files), len(bodies))
	}
}

// TestKeys holds the bodies against the keys of the contract, in its order.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		documented string
		body       any
	}{
		{"model_family model_name model_size model_size_category batch_size sequence_length precision mode primary_recommendation fallback_options alternative_recommendations compatible_hardware explanation prediction_source recommendation_id performance", HardwareBody{}},
		{"throughput latency memory_usage source prediction_id", PerformanceEntry{}},
		{"model_name model_family batch_size sequence_length mode precision predictions", PerformanceBody{}},
		{"measurement_id prediction_id measurement errors prediction", MeasurementBody{}},
		{"timestamp model_name model_family hardware_platform batch_size sequence_length precision mode throughput latency memory_usage measurement_source measurement_id metadata", MeasurementEntry{}},
		{"prediction_id measurement_id model_name hardware_platform metric predicted_value actual_value absolute_error relative_error metadata timestamp", ErrorEntry{}},
		{"count mean_absolute_error mean_relative_error std_absolute_error min_absolute_error max_absolute_error mean_predicted mean_actual bias r_squared", MetricStats{}},
		{"count metrics overall_mean_relative_error", OverallStats{}},
		{"timestamp mode models hardware_platforms batch_sizes precision_options stored_predictions", MatrixBody{}},
		{"throughput latency_mean memory_usage", MatrixCell{}},
		{"id timestamp user_id model_name model_family batch_size sequence_length precision mode primary_recommendation fallback_options compatible_hardware reason recommendation_id was_accepted user_feedback metadata", RecommendationRow{}},
		{"model_size model_size_category prediction_source", RecommendationMetadata{}},
		{"id timestamp model_name model_family hardware_platform batch_size sequence_length precision mode throughput latency memory_usage confidence_score prediction_source prediction_id metadata", PredictionRow{}},
		{"id timestamp model_name model_family hardware_platform batch_size sequence_length precision mode throughput latency memory_usage measurement_source measurement_id metadata", MeasurementRow{}},
		{"id timestamp model_type target_metric hardware_platform model_family serialized_model features_list training_score validation_score test_score model_id metadata", ModelRow{}},
		{"id timestamp model_id feature_name importance_score rank method metadata", FeatureImportanceRow{}},
		{"task_id status progress message timestamp result", TaskMessage{}},
	} {
		want := strings.Fields(c.documented)
		got := keys(reflect.TypeOf(c.body))
		if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
			t.Errorf("%T: keys %v, want first %v", c.body, got, want)
		}
	}
}

func keys(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		if f.Anonymous {
			out = append(out, keys(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

func TestConfidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.Float64Range(1e-3, 1e6).Draw(t, "low")
		narrow := low * rapid.Float64Range(1, 50).Draw(t, "narrow")
		wide := narrow * rapid.Float64Range(1.01, 50).Draw(t, "wider")
		c, d := Confidence(perf.Estimate{Value: low, Low: low, High: narrow}), Confidence(perf.Estimate{Value: low, Low: low, High: wide})
		if c < 0 || c > 1 || d < 0 || d > c {
			t.Fatalf("confidence %v for the narrow interval, %v for the wider", c, d)
		}
	})
	// An interval of x/÷ 1.25 holds 90 %: so does a factor of 1.25.
	if c := Confidence(perf.Estimate{Value: 1, Low: 1 / 1.25, High: 1.25}); math.Abs(c-0.9) > 1e-12 {
		t.Errorf("confidence %v, want 0.9", c)
	}
	if c := Confidence(perf.Estimate{}); c != 0 {
		t.Errorf("confidence %v without an estimate", c)
	}
}

func TestRowIDs(t *testing.T) {
	seen := map[int64]string{}
	for _, parts := range [][]string{{"a"}, {"b"}, {"a", "b"}, {"ab"}, {"a", "b", ""}, {""}} {
		id := RowID(parts...)
		if id < 0 || id >= 1<<53 {
			t.Errorf("%q: %d does not fit 53 bits", parts, id)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %s share %d", parts, other, id)
		}
		seen[id] = strings.Join(parts, "|")
	}
}

// TestTaskEncode: a task's body is what encoding/json makes of it.
func TestTaskEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var result json.RawMessage
		if rapid.Bool().Draw(t, "result") {
			var err error
			if result, err = json.Marshal(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "value")); err != nil {
				t.Fatal(err)
			}
		}
		b := TaskBody{Status: "completed", Progress: rapid.Float64Range(0, 1).Draw(t, "progress"), Message: rapid.String().Draw(t, "message"), Result: result}
		got, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if want, err := json.Marshal(b); err != nil || string(got) != string(want) {
			t.Errorf("got  %s\nwant %s, %v", got, want, err)
		}
	})
}
