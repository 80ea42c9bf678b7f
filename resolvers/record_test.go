package resolvers

import (
	"math"
	"slices"
	"strings"
	"testing"
)

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
