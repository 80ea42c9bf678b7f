package rest

import (
	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// Configuration is what the requests about one model have in common.
type Configuration struct {
	ModelName      string         `json:"model_name" text:"filled" maxlen:"200" doc:"a model of the catalogue, under any of its names" example:"\"bert-base-uncased\""`
	ModelFamily    *string        `json:"model_family,omitempty" text:"plain" maxlen:"128" doc:"kept and echoed as given; inferred where it is left out" example:"\"embedding\""`
	BatchSize      int            `json:"batch_size,omitempty" default:"1" min:"1" max:"1000000" doc:"samples in one step" example:"8"`
	SequenceLength int            `json:"sequence_length,omitempty" default:"128" min:"1" max:"10000000" doc:"input tokens of one sample" example:"128"`
	Mode           perf.Mode      `json:"mode,omitempty" default:"inference" example:"\"inference\""`
	Precision      perf.Precision `json:"precision,omitempty" default:"fp32" example:"\"fp16\""`
	Execution
}

func (c *Configuration) config() perf.Config {
	return perf.Config{
		Model: c.ModelName, Family: optional(c.ModelFamily), BatchSize: c.BatchSize, SequenceLength: c.SequenceLength,
		Mode: c.Mode, Precision: c.Precision, Runtime: optional(c.Runtime), RuntimeVersion: optional(c.RuntimeVersion),
		OutputLength: c.OutputLength, Concurrency: c.Concurrency, Threads: c.Threads,
	}
}

// Execution is how the software runs the model: keys of ours, all optional.
type Execution struct {
	Runtime        *string `json:"runtime,omitempty" text:"plain" maxlen:"64" doc:"software that runs the model, such as vllm or onnxruntime; the usual one where it is left out" example:"\"onnxruntime\""`
	RuntimeVersion *string `json:"runtime_version,omitempty" text:"plain" maxlen:"128" doc:"as the runtime prints it"`
	OutputLength   int     `json:"output_length,omitempty" default:"0" min:"0" max:"10000000" doc:"generated tokens of one request; 0 = a forward pass alone"`
	Concurrency    int     `json:"concurrency,omitempty" default:"0" min:"0" max:"1000000" doc:"requests in flight on a serving engine; 0 = one batch at a time"`
	Threads        int     `json:"threads,omitempty" default:"0" min:"0" max:"10000" doc:"CPU threads of the runtime; 0 = as many as it takes by itself: all cores, one in TensorFlow Lite"`
}

// PredictHardwareRequest asks which hardware to take.
type PredictHardwareRequest struct {
	Configuration
	AvailableHardware  *[]perf.Platform `json:"available_hardware,omitempty" maxlen:"64" doc:"what to choose from; null or []: the fleet, or else what this host has" example:"[\"cuda\",\"cpu\",\"rocm\"]"`
	PredictPerformance bool             `json:"predict_performance,omitempty" doc:"predict the performance of the primary recommendation too" example:"true"`
	Devices            *[]string        `json:"devices,omitempty" text:"filled" maxlen:"64" itemlen:"200" doc:"devices to choose from, by name"`
	Objective          *perf.Objective  `json:"objective,omitempty" doc:"what to maximise; throughput where it is left out"`
	MaxLatencyMs       *float64         `json:"max_latency_ms,omitempty" over:"0" max:"1000000000000" doc:"longest acceptable step, ms"`
	MaxMemoryMB        *float64         `json:"max_memory_mb,omitempty" over:"0" max:"1000000000000" doc:"most memory on one device, MB"`
	MinThroughput      *float64         `json:"min_throughput,omitempty" over:"0" max:"1000000000000" doc:"least samples per second"`
	MaxPricePerHour    *float64         `json:"max_price_per_hour,omitempty" over:"0" max:"1000000000000" doc:"in the fleet's currency"`
}

func (r PredictHardwareRequest) job() app.Job {
	return app.HardwareRequest{
		Config: r.config(), Available: items(r.AvailableHardware), Devices: items(r.Devices), Predict: r.PredictPerformance,
		Constraints: perf.Constraints{
			MaxLatency: perf.Seconds(optional(r.MaxLatencyMs)), MaxMemory: perf.Bytes(optional(r.MaxMemoryMB)),
			MinThroughput: optional(r.MinThroughput), MaxPricePerHour: optional(r.MaxPricePerHour),
		},
		Objective: optional(r.Objective), UserID: document.DefaultUser,
	}
}

// PredictPerformanceRequest asks how fast a model runs.
type PredictPerformanceRequest struct {
	Configuration
	Hardware openapi.OneOrMany[perf.Platform] `json:"hardware" maxlen:"64" doc:"one platform or several" example:"[\"cuda\",\"cpu\"]"`
	Device   *string                          `json:"device,omitempty" text:"plain" maxlen:"200" doc:"device of the platform, by name; the platform's own choice where it is left out"`
}

func (r PredictPerformanceRequest) job() app.Job {
	job := app.PerformanceRequest{Config: r.config()}
	for _, p := range r.Hardware {
		job.Targets = append(job.Targets, app.Target{Platform: p, Device: optional(r.Device)})
	}
	return job
}

// RecordMeasurementRequest records what was really observed.
type RecordMeasurementRequest struct {
	ModelName             string             `json:"model_name" text:"filled" maxlen:"200" doc:"a model, known or not: an unknown one's measurements are kept, without a comparison" example:"\"bert-base-uncased\""`
	HardwarePlatform      perf.Platform      `json:"hardware_platform" example:"\"cuda\""`
	ModelFamily           *string            `json:"model_family,omitempty" text:"plain" maxlen:"128" example:"\"embedding\""`
	BatchSize             int                `json:"batch_size,omitempty" default:"1" min:"1" max:"1000000" example:"8"`
	SequenceLength        int                `json:"sequence_length,omitempty" default:"128" min:"1" max:"10000000" example:"128"`
	Precision             perf.Precision     `json:"precision,omitempty" default:"fp32" example:"\"fp16\""`
	Mode                  perf.Mode          `json:"mode,omitempty" default:"inference" example:"\"inference\""`
	Throughput            *float64           `json:"throughput,omitempty" min:"0" max:"1000000000000" doc:"samples per second" example:"123.45"`
	Latency               *float64           `json:"latency,omitempty" min:"0" max:"1000000000000" doc:"ms" example:"7.89"`
	MemoryUsage           *float64           `json:"memory_usage,omitempty" min:"0" max:"1000000000000" doc:"peak on one device, MB" example:"1024.5"`
	PredictionID          *string            `json:"prediction_id,omitempty" text:"plain" maxlen:"200" doc:"the prediction to compare with; the one of the same configuration where it is left out"`
	Source                string             `json:"source,omitempty" default:"api" text:"plain" maxlen:"128" example:"\"benchmark\""`
	Device                *string            `json:"device,omitempty" text:"plain" maxlen:"200" doc:"device of the platform, by name; the platform's own choice where it is left out"`
	TTFTMs                *float64           `json:"ttft_ms,omitempty" min:"0" max:"1000000000000" doc:"time to first token, ms"`
	TPOTMs                *float64           `json:"tpot_ms,omitempty" min:"0" max:"1000000000000" doc:"time per output token, the first excluded, ms"`
	OutputTokensPerSecond *float64           `json:"output_tokens_per_second,omitempty" min:"0" max:"1000000000000" doc:"of the whole system"`
	Environment           *map[string]string `json:"environment,omitempty" doc:"what it was measured in: versions, driver, host"`
	Execution
}

func (r RecordMeasurementRequest) job() app.Job {
	m := perf.Measurement{
		Config: perf.Config{
			Model: r.ModelName, Family: optional(r.ModelFamily), Platform: r.HardwarePlatform, Device: optional(r.Device),
			BatchSize: r.BatchSize, SequenceLength: r.SequenceLength, Precision: r.Precision, Mode: r.Mode,
			Runtime: optional(r.Runtime), RuntimeVersion: optional(r.RuntimeVersion),
			OutputLength: r.OutputLength, Concurrency: r.Concurrency, Threads: r.Threads,
		},
		Throughput: r.Throughput, Latency: converted(r.Latency, perf.Seconds), Memory: converted(r.MemoryUsage, perf.Bytes),
		TTFT: converted(r.TTFTMs, perf.Seconds), TPOT: converted(r.TPOTMs, perf.Seconds),
		OutputTokensPerSec: r.OutputTokensPerSecond, Source: r.Source, PredictionID: optional(r.PredictionID),
		Environment: optional(r.Environment),
	}
	return app.MeasurementRequest{Measurement: m}
}

// AnalyzePredictionsRequest asks how good predictions have been.
type AnalyzePredictionsRequest struct {
	ModelName        *string        `json:"model_name,omitempty" text:"plain" maxlen:"200" example:"\"bert-base-uncased\""`
	Metric           *string        `json:"metric,omitempty" text:"plain" maxlen:"128" doc:"throughput, latency, memory_usage, ...; all where it is left out" example:"\"throughput\""`
	HardwarePlatform *perf.Platform `json:"hardware_platform,omitempty" example:"\"cuda\""`
	Days             *int           `json:"days,omitempty" min:"-100000" max:"100000" doc:"look back so many days; 0 = no bound; negative = an empty window" example:"30"`
}

func (r AnalyzePredictionsRequest) job() app.Job {
	return app.AnalysisRequest{
		Model: optional(r.ModelName), Platform: optional(r.HardwarePlatform), Metric: perf.Metric(optional(r.Metric)), Days: optional(r.Days),
	}
}

// RecordFeedbackRequest says how a recommendation turned out.
type RecordFeedbackRequest struct {
	RecommendationID string  `json:"recommendation_id" text:"filled" maxlen:"200" example:"\"rec-0198c6f2-7a51-7c31-9d52-5f1f7e0b6a11\""`
	Accepted         bool    `json:"accepted" example:"true"`
	Feedback         *string `json:"feedback,omitempty" maxlen:"2500" example:"\"runs as said\""`
}

func (r RecordFeedbackRequest) job() app.Job {
	return app.FeedbackRequest{RecommendationID: r.RecommendationID, Accepted: r.Accepted, Text: optional(r.Feedback)}
}

// StoreModelRequest stores a prediction model, or a label for a foreign one.
type StoreModelRequest struct {
	ModelType           string        `json:"model_type" text:"filled" maxlen:"128" example:"\"gradient_boosting\""`
	TargetMetric        string        `json:"target_metric" text:"filled" maxlen:"128" example:"\"throughput\""`
	SerializedModelPath string        `json:"serialized_model_path" maxlen:"4096" doc:"a label; never opened" example:"\"models/throughput-cuda\""`
	HardwarePlatform    perf.Platform `json:"hardware_platform" example:"\"cuda\""`
	Features            []string      `json:"features" text:"filled" itemlen:"200" example:"[\"batch_size\",\"sequence_length\"]"`
	ModelFamily         *string       `json:"model_family,omitempty" text:"plain" maxlen:"128" example:"\"embedding\""`
	TrainingScore       *float64      `json:"training_score,omitempty" min:"-1000000000000" max:"1000000000000" example:"0.95"`
	ValidationScore     *float64      `json:"validation_score,omitempty" min:"-1000000000000" max:"1000000000000" example:"0.93"`
	TestScore           *float64      `json:"test_score,omitempty" min:"-1000000000000" max:"1000000000000" example:"0.92"`
	Artefact            *[]byte       `json:"artefact,omitempty" doc:"a perfcast model artefact, base64"`
}

func (r StoreModelRequest) job() app.Job {
	return app.ModelRequest{Model: perf.PredictionModel{
		ModelType: r.ModelType, TargetMetric: r.TargetMetric, Path: r.SerializedModelPath, Platform: r.HardwarePlatform,
		Features: r.Features, Family: optional(r.ModelFamily), TrainingScore: r.TrainingScore,
		ValidationScore: r.ValidationScore, TestScore: r.TestScore, Artefact: optional(r.Artefact),
	}}
}

// GenerateMatrixRequest asks for the predictions of every combination.
type GenerateMatrixRequest struct {
	ModelConfigs      []ModelConfig    `json:"model_configs" maxlen:"200" example:"[{\"name\":\"bert-base-uncased\",\"category\":\"embedding\"}]"`
	HardwarePlatforms []perf.Platform  `json:"hardware_platforms" maxlen:"64" example:"[\"cuda\",\"cpu\"]"`
	BatchSizes        []int            `json:"batch_sizes" min:"1" max:"1000000" maxlen:"64" example:"[1,8]"`
	PrecisionOptions  []perf.Precision `json:"precision_options,omitempty" maxlen:"16" default:"fp32" example:"[\"fp32\",\"fp16\"]"`
	Mode              perf.Mode        `json:"mode,omitempty" default:"inference" example:"\"inference\""`
}

// ModelConfig is one model of a matrix.
type ModelConfig struct {
	Name     string `json:"name" text:"filled" maxlen:"200"`
	Category string `json:"category,omitempty" text:"plain" maxlen:"128" doc:"the model's family, in the caller's words"`
}

func (r GenerateMatrixRequest) job() app.Job {
	job := app.MatrixRequest{Platforms: r.HardwarePlatforms, Batches: r.BatchSizes, Precisions: r.PrecisionOptions, Mode: r.Mode}
	for _, m := range r.ModelConfigs {
		job.Models = append(job.Models, perf.MatrixModel{Name: m.Name, Category: m.Category})
	}
	return job
}

// GenerateSampleDataRequest asks for sample data, clearly marked as such.
type GenerateSampleDataRequest struct {
	NumModels int `json:"num_models,omitempty" default:"5" min:"0" max:"1000000" doc:"there are ten at most" example:"5"`
}

func (r GenerateSampleDataRequest) job() app.Job { return app.SampleRequest{NumModels: r.NumModels} }

// optional is what p points to, or the zero value.
func optional[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func items[T any](p *[]T) []T { return optional(p) }

func converted(p *float64, f func(float64) float64) *float64 {
	if p == nil {
		return nil
	}
	v := f(*p)
	return &v
}
