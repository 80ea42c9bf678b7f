package app

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/perf"
)

// SampleRequest asks for data to look at: real predictions, with measurements
// made up around them. Everything is marked as sample data, which is left out
// of accuracy and learning.
type SampleRequest struct {
	NumModels int // capped at the number of sampleModels
}

// sampleModels are the documented ones.
var sampleModels = []struct{ name, family string }{
	{"bert-base-uncased", "embedding"}, {"gpt2", "text_generation"}, {"t5-small", "text_generation"}, {"llama-7b", "text_generation"},
	{"vit-base-patch16-224", "vision"}, {"resnet-50", "vision"}, {"whisper-small", "audio"},
	{"clip-vit-base-patch32", "multimodal"}, {"roberta-base", "embedding"}, {"stable-diffusion-v1-5", "diffusion"},
}

var (
	samplePlatforms  = []perf.Platform{perf.CPU, perf.CUDA, perf.ROCm, perf.MPS, perf.OpenVINO, perf.WebGPU, perf.WebNN}
	sampleBatches    = []int{1, 4, 8, 16, 32}
	samplePrecisions = []perf.Precision{perf.FP32, perf.FP16, perf.Int8}
	sampleFeatures   = []string{"batch_size", "sequence_length", "model_size", "precision", "hardware_peak", "memory_bandwidth", "arithmetic_intensity", "cores"}
)

// sampleNoise is the standard deviation of the made-up measurements' logarithm
// around their predictions.
const sampleNoise = 0.15

func (SampleRequest) kind() perf.TaskKind { return perf.TaskSample }

func (r SampleRequest) validate(*App) error {
	if r.NumModels < 0 {
		return perf.Invalid("num_models", "must not be negative")
	}
	return nil
}

func (r SampleRequest) run(ctx context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing sample data generation")
	step(0.3, "Generating sample data")
	s := sampler{App: a, ctx: ctx, rng: rand.New(rand.NewPCG(uint64(a.now().UnixNano()), 1))}
	n := min(r.NumModels, len(sampleModels))
	for i, m := range sampleModels[:n] {
		if err := s.model(m.name, m.family, i); err != nil {
			return outcome{}, err
		}
		step(0.3+0.7*float64(i+1)/float64(n), "Generating sample data")
	}
	if n > 0 {
		s.registry()
	}
	return outcome{result: document.Sample(r.NumModels), records: s.batch}, nil
}

// sampler collects sample data into one batch.
type sampler struct {
	*App
	ctx   context.Context
	rng   *rand.Rand
	batch db.Batch
}

// model adds, for one model, predictions and measurements on three platforms at
// two batch sizes, and for the first models a recommendation with feedback.
func (s *sampler) model(name, family string, i int) error {
	c := DefaultConfig()
	c.Model, c.Family = name, family
	for _, platform := range s.rng.Perm(len(samplePlatforms))[:3] {
		for _, batch := range s.rng.Perm(len(sampleBatches))[:2] {
			c.Platform, c.BatchSize = samplePlatforms[platform], sampleBatches[batch]
			c.Precision = samplePrecisions[s.rng.IntN(len(samplePrecisions))]
			if err := s.pair(c); err != nil {
				return err
			}
		}
	}
	if i >= 3 {
		return nil
	}
	c.Platform = ""
	rec, err := s.recommend(HardwareRequest{Config: c, UserID: document.DefaultUser})
	if err != nil {
		return err
	}
	rec.ID, rec.Sample = db.NewID("rec"), true
	s.batch.Recommendations = append(s.batch.Recommendations, rec)
	s.batch.Feedback = append(s.batch.Feedback, perf.Feedback{Time: s.clock(), RecommendationID: rec.ID, Accepted: s.rng.Float64() < 0.8, Text: "sample feedback"})
	return nil
}

// pair adds a prediction, a measurement made up around it, and the comparison.
func (s *sampler) pair(c perf.Config) error {
	p, err := s.Predict(s.ctx, c)
	if err != nil {
		return err
	}
	p.ID, p.Source, p.Sample = db.NewID("pred"), "sample", true
	noisy := func(x float64) *float64 {
		y := x * math.Exp(sampleNoise*s.rng.NormFloat64())
		return &y
	}
	latency := noisy(p.Latency.Value)
	throughput := p.Throughput.Value * p.Latency.Value / *latency
	m := perf.Measurement{ID: db.NewID("meas"), Time: s.clock(), Config: p.Config, Latency: latency, Throughput: &throughput,
		Memory: noisy(p.Memory.Value), Source: "sample", PredictionID: p.ID, Sample: true}
	s.batch.Predictions = append(s.batch.Predictions, p)
	s.batch.Measurements = append(s.batch.Measurements, m)
	s.batch.Errors = append(s.batch.Errors, compare(p, m)...)
	return nil
}

// registry adds six prediction models with eight feature importances each.
func (s *sampler) registry() {
	for i := range 6 {
		score := func() *float64 { x := 0.8 + 0.15*s.rng.Float64(); return &x }
		m := perf.PredictionModel{ID: db.NewID("model"), Time: s.clock(), ModelType: "sample", TargetMetric: string(perf.Metrics[i%3]),
			Platform: samplePlatforms[i/3], Family: "embedding", Features: sampleFeatures,
			TrainingScore: score(), ValidationScore: score(), TestScore: score(), Sample: true}
		s.batch.Models = append(s.batch.Models, m)
		left := 1.0
		for rank, f := range sampleFeatures {
			share := left * (0.3 + 0.2*s.rng.Float64())
			left -= share
			s.batch.Importances = append(s.batch.Importances, perf.FeatureImportance{Time: m.Time, ModelID: m.ID, Feature: f,
				Score: share, Rank: rank + 1, Method: "sample", Sample: true})
		}
	}
}
