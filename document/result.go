package document

import (
	"strconv"

	"github.com/perfcast/perfcast/perf"
)

// HardwareBody is the result of a hardware task.
type HardwareBody struct {
	ModelFamily       *string  `json:"model_family" doc:"as given, else inferred from the model's facts"`
	ModelName         string   `json:"model_name"`
	ModelSize         int64    `json:"model_size" doc:"parameters; 0 = not known"`
	ModelSizeCategory string   `json:"model_size_category" doc:"tiny (<10M parameters), small (<100M), medium (<1B), large (<10B), very_large, unknown"`
	BatchSize         int      `json:"batch_size"`
	SequenceLength    int      `json:"sequence_length"`
	Precision         string   `json:"precision"`
	Mode              string   `json:"mode"`
	Primary           *string  `json:"primary_recommendation" doc:"best platform; null when none qualifies"`
	Fallbacks         []string `json:"fallback_options" doc:"the other platforms that qualify, best first"`
	Alternatives      []string `json:"alternative_recommendations" doc:"the same as fallback_options"`
	Compatible        []string `json:"compatible_hardware" doc:"all platforms that qualify, best first"`
	Explanation       string   `json:"explanation"`
	PredictionSource  string   `json:"prediction_source" doc:"basis of the primary recommendation"`
	RecommendationID  string   `json:"recommendation_id"`

	Performance *PerformanceEntry `json:"performance,omitempty" doc:"of the primary recommendation; only when predict_performance was set"`

	Device     string      `json:"device,omitempty" doc:"device of the primary recommendation"`
	Objective  string      `json:"objective,omitempty"`
	Candidates []Candidate `json:"candidates" doc:"every device considered, best first, those ruled out last"`
	Warnings   []Warning   `json:"warnings,omitempty"`
}

// Candidate is one device considered by a recommendation.
type Candidate struct {
	Rank           int      `json:"rank" doc:"from 1; tied candidates share one; 0 = ruled out"`
	Platform       string   `json:"hardware_platform"`
	Device         string   `json:"device"`
	Throughput     float64  `json:"throughput" doc:"samples per second"`
	Latency        float64  `json:"latency" doc:"ms"`
	MemoryUsage    float64  `json:"memory_usage" doc:"MB"`
	Fits           string   `json:"fits"`
	Tied           bool     `json:"tied" doc:"its interval overlaps the best one's"`
	PricePerHour   float64  `json:"price_per_hour,omitempty"`
	CostPerMillion float64  `json:"cost_per_million,omitempty" doc:"currency per million samples"`
	Reason         string   `json:"reason"`
	Violations     []string `json:"violations,omitempty"`
}

// Hardware is the result of a hardware task.
func Hardware(r perf.HardwareResult) HardwareBody {
	rec := &r.Recommendation
	primary, rest := platforms(rec)
	b := HardwareBody{
		ModelFamily: nullable(rec.Family), ModelName: r.Request.Model,
		ModelSize: int64(rec.Params), ModelSizeCategory: SizeCategory(rec.Params),
		BatchSize: r.Request.BatchSize, SequenceLength: r.Request.SequenceLength,
		Precision: string(r.Request.Precision), Mode: string(r.Request.Mode),
		Primary: nullable(primary), Fallbacks: rest, Alternatives: rest, Compatible: compatible(primary, rest),
		Explanation: rec.Reason, PredictionSource: recommendationSource(rec), RecommendationID: rec.ID,
		Objective: string(rec.Objective), Candidates: []Candidate{}, Warnings: warnings(rec.Warnings),
	}
	if p := rec.Primary(); p != nil {
		b.Device = p.Prediction.Device
	}
	for i := range rec.Candidates {
		b.Candidates = append(b.Candidates, candidate(&rec.Candidates[i]))
	}
	if r.Performance != nil {
		e := Entry(r.Performance)
		b.Performance = &e
	}
	return b
}

func candidate(c *perf.Candidate) Candidate {
	p := &c.Prediction
	return Candidate{
		Rank: c.Rank, Platform: string(p.Platform), Device: p.Device,
		Throughput: p.Throughput.Value, Latency: p.LatencyMs().Value, MemoryUsage: p.MemoryMb().Value,
		Fits: string(p.Fits), Tied: c.Tied, PricePerHour: c.PricePerHour, CostPerMillion: c.CostPerMillion,
		Reason: c.Reason, Violations: c.Violations,
	}
}

// platforms are the documented view of a recommendation: platforms, each named
// once, where we rank devices. primary is empty when nothing qualifies.
func platforms(r *perf.Recommendation) (primary string, rest []string) {
	rest = []string{}
	p := r.Primary()
	if p == nil {
		return "", rest
	}
	primary = string(p.Prediction.Platform)
	seen := map[string]bool{primary: true}
	for _, c := range r.Alternatives() {
		if name := string(c.Prediction.Platform); !seen[name] {
			seen[name] = true
			rest = append(rest, name)
		}
	}
	return primary, rest
}

func compatible(primary string, rest []string) []string {
	if primary == "" {
		return rest
	}
	return append([]string{primary}, rest...)
}

func recommendationSource(r *perf.Recommendation) string {
	switch p := r.Primary(); {
	case r.Sample:
		return "sample"
	case p != nil:
		return string(p.Prediction.Basis)
	}
	return "none"
}

// PerformanceEntry is the prediction for one platform.
type PerformanceEntry struct {
	Throughput      float64 `json:"throughput" doc:"samples (requests) per second; for a language model one sample is a forward pass over sequence_length tokens"`
	Latency         float64 `json:"latency" doc:"one step over the whole batch, ms"`
	MemoryUsage     float64 `json:"memory_usage" doc:"on each device, MB (10^6 bytes)"`
	Source          string  `json:"source" doc:"what the answer rests on"`
	PredictionID    *string `json:"prediction_id" doc:"null when the prediction was not stored"`
	ConfidenceScore float64 `json:"confidence_score" doc:"probability that a measurement comes within a factor of 1.25 of the throughput"`
	Detail
}

// Entry is a prediction without the configuration it is for.
func Entry(p *perf.Prediction) PerformanceEntry {
	return PerformanceEntry{
		Throughput: p.Throughput.Value, Latency: p.LatencyMs().Value, MemoryUsage: p.MemoryMb().Value,
		Source: source(p), PredictionID: nullable(p.ID), ConfidenceScore: Confidence(p.Throughput), Detail: detail(p),
	}
}

// PerformanceBody is the result of a performance task.
type PerformanceBody struct {
	ModelName      string                      `json:"model_name"`
	ModelFamily    *string                     `json:"model_family" doc:"as given; never inferred here"`
	BatchSize      int                         `json:"batch_size"`
	SequenceLength int                         `json:"sequence_length"`
	Mode           string                      `json:"mode"`
	Precision      string                      `json:"precision"`
	Predictions    map[string]PerformanceEntry `json:"predictions" doc:"by platform"`
	PredictionID   *string                     `json:"prediction_id" doc:"id of the first prediction; null when there is none"`
	PredictionIDs  []string                    `json:"prediction_ids" doc:"ids of all predictions, also where several devices share a platform"`
}

// Performance is the result of a performance task.
func Performance(r perf.PerformanceResult) PerformanceBody {
	c := r.Request
	b := PerformanceBody{
		ModelName: c.ModelName(), ModelFamily: nullable(c.Family), BatchSize: c.BatchSize, SequenceLength: c.SequenceLength,
		Mode: string(c.Mode), Precision: string(c.Precision), Predictions: make(map[string]PerformanceEntry, len(r.Predictions)),
		PredictionIDs: []string{},
	}
	for i := range r.Predictions {
		p := &r.Predictions[i]
		b.Predictions[string(p.Platform)] = Entry(p)
		b.PredictionIDs = append(b.PredictionIDs, p.ID)
		if i == 0 {
			b.PredictionID = nullable(p.ID)
		}
	}
	return b
}

// FeedbackBody is the result of a feedback task.
type FeedbackBody struct {
	Success          bool   `json:"success" doc:"false when there is no such recommendation"`
	RecommendationID string `json:"recommendation_id"`
}

// Feedback is the result of a feedback task; found says whether there is such a
// recommendation.
func Feedback(recommendationID string, found bool) FeedbackBody {
	return FeedbackBody{Success: found, RecommendationID: recommendationID}
}

// StoredModelBody is the result of a model task.
type StoredModelBody struct {
	ModelID string `json:"model_id"`
}

// StoredModel is the result of a model task.
func StoredModel(m perf.PredictionModel) StoredModelBody { return StoredModelBody{ModelID: m.ID} }

// SampleBody is the result of a sample task.
type SampleBody struct {
	NumModels int `json:"num_models" doc:"as asked for, even above the ten models there are"`
}

// Sample is the result of a sample task that was asked for n models.
func Sample(n int) SampleBody { return SampleBody{NumModels: n} }

// MatrixBody is the result of a matrix task.
type MatrixBody struct {
	Timestamp         string                 `json:"timestamp"`
	Mode              string                 `json:"mode"`
	Models            map[string]MatrixModel `json:"models" doc:"by name"`
	HardwarePlatforms []string               `json:"hardware_platforms"`
	BatchSizes        []int                  `json:"batch_sizes"`
	PrecisionOptions  []string               `json:"precision_options"`
	StoredPredictions int                    `json:"stored_predictions"`
}

// MatrixModel is one model's part of a matrix.
type MatrixModel struct {
	Name        string                                      `json:"name"`
	Category    string                                      `json:"category"`
	Predictions map[string]map[string]map[string]MatrixCell `json:"predictions" doc:"by platform, then batch size as text, then precision"`
	Reason      string                                      `json:"reason,omitempty" doc:"why the model could not be predicted"`
}

// MatrixCell is one prediction of a matrix.
type MatrixCell struct {
	Throughput   float64 `json:"throughput" doc:"samples per second"`
	LatencyMean  float64 `json:"latency_mean" doc:"ms"`
	MemoryUsage  float64 `json:"memory_usage" doc:"MB"`
	PredictionID string  `json:"prediction_id,omitempty"`
	Device       string  `json:"device,omitempty"`
	Fits         string  `json:"fits,omitempty" doc:"memory verdict"`
}

// Matrix is the result of a matrix task.
func Matrix(r perf.MatrixResult) MatrixBody {
	b := MatrixBody{
		Timestamp: Timestamp(r.Time), Mode: string(r.Mode), Models: make(map[string]MatrixModel, len(r.Models)),
		HardwarePlatforms: texts(r.Platforms), BatchSizes: list(r.Batches), PrecisionOptions: texts(r.Precisions),
		StoredPredictions: r.Stored,
	}
	for _, m := range r.Models {
		b.Models[m.Name] = MatrixModel{Name: m.Name, Category: m.Category, Predictions: cells(m.Predictions), Reason: m.Error}
	}
	return b
}

func cells(ps []perf.Prediction) map[string]map[string]map[string]MatrixCell {
	out := map[string]map[string]map[string]MatrixCell{}
	for i := range ps {
		p := &ps[i]
		batches := out[string(p.Platform)]
		if batches == nil {
			batches = map[string]map[string]MatrixCell{}
			out[string(p.Platform)] = batches
		}
		batch := strconv.Itoa(p.BatchSize)
		if batches[batch] == nil {
			batches[batch] = map[string]MatrixCell{}
		}
		batches[batch][string(p.Precision)] = MatrixCell{
			Throughput: p.Throughput.Value, LatencyMean: p.LatencyMs().Value, MemoryUsage: p.MemoryMb().Value,
			PredictionID: p.ID, Device: p.Device, Fits: string(p.Fits),
		}
	}
	return out
}

// texts are names of any kind as strings, never null in JSON.
func texts[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
