package document

import "github.com/perfcast/perfcast/perf"

// Detail is what we say about a prediction beyond the documented keys.
type Detail struct {
	Device                string    `json:"device,omitempty" doc:"device the platform was resolved to"`
	Runtime               string    `json:"runtime,omitempty" doc:"software the model is run by"`
	TTFTMs                *float64  `json:"ttft_ms,omitempty" doc:"language models: time to first token, ms"`
	TPOTMs                *float64  `json:"tpot_ms,omitempty" doc:"language models: time per output token, the first excluded, ms"`
	OutputTokensPerSecond *float64  `json:"output_tokens_per_second,omitempty" doc:"language models: output tokens of the whole system per second"`
	Interval              *Interval `json:"interval,omitempty"`
	Basis                 string    `json:"basis,omitempty" doc:"what the answer rests on: measured, neighbour, learned or physical"`
	Distance              string    `json:"distance,omitempty" doc:"how far the request is from the data: well_covered, extrapolated or far"`
	Fits                  string    `json:"fits,omitempty" doc:"memory verdict: fits, tight or does_not_fit"`
	Bound                 string    `json:"bound,omitempty" doc:"what a step spends most of its time on: compute, memory_bandwidth, overhead or communication"`
	Shares                *Shares   `json:"shares,omitempty"`
	AttainableMs          float64   `json:"attainable_ms,omitempty" doc:"physical bound of the latency, ms"`
	MaxBatch              int       `json:"max_batch,omitempty" doc:"largest batch that fits with all else equal, under concurrency the most requests in flight"`
	MaxSequence           int       `json:"max_sequence,omitempty" doc:"longest context that fits with all else equal, tokens"`
	MemoryParts           *Parts    `json:"memory_parts,omitempty"`
	ModelVersion          string    `json:"model_version,omitempty" doc:"predictor artefact and last measurement applied"`
	Evidence              []string  `json:"evidence,omitempty" doc:"ids of the recorded measurements that moved the answer"`
	Provenance            []Origin  `json:"provenance,omitempty" doc:"the public measurements of the same design on the same device that the answer rests on"`
	Assumptions           []string  `json:"assumptions,omitempty" doc:"what was assumed where the request said nothing"`
	Warnings              []Warning `json:"warnings,omitempty"`
	Sample                bool      `json:"sample,omitempty" doc:"generated sample data, kept out of accuracy and learning"`
}

// Interval is the 90 % interval of a prediction, in the units of the documented
// keys.
type Interval struct {
	Level          float64 `json:"level" doc:"probability that the true value lies inside"`
	ThroughputLow  float64 `json:"throughput_low" doc:"samples per second"`
	ThroughputHigh float64 `json:"throughput_high" doc:"samples per second"`
	LatencyLow     float64 `json:"latency_low" doc:"ms"`
	LatencyHigh    float64 `json:"latency_high" doc:"ms"`
	MemoryLow      float64 `json:"memory_usage_low" doc:"MB"`
	MemoryHigh     float64 `json:"memory_usage_high" doc:"MB"`
}

// Shares are the parts of a step's time, which sum to 1.
type Shares struct {
	Compute         float64 `json:"compute"`
	MemoryBandwidth float64 `json:"memory_bandwidth"`
	Overhead        float64 `json:"overhead"`
	Communication   float64 `json:"communication"`
}

// Parts are what the memory of one device is taken by, in MB (10^6 bytes).
type Parts struct {
	Weights     float64 `json:"weights"`
	KVCache     float64 `json:"kv_cache"`
	Activations float64 `json:"activations"`
	Gradients   float64 `json:"gradients"`
	Optimizer   float64 `json:"optimizer"`
	Runtime     float64 `json:"runtime"`
}

// Origin is a group of public measurements.
type Origin struct {
	Source  string  `json:"source" doc:"repository, path and commit"`
	Model   string  `json:"model"`
	Device  string  `json:"device"`
	Runtime string  `json:"runtime,omitempty"`
	Count   int     `json:"count"`
	Weight  float64 `json:"weight" doc:"share in the answer, from 0 to 1"`
}

// Warning is something to know about a successful answer.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func warnings(ws []perf.Warning) []Warning {
	var out []Warning
	for _, w := range ws {
		out = append(out, Warning(w))
	}
	return out
}

func detail(p *perf.Prediction) Detail {
	latency, memory := p.LatencyMs(), p.MemoryMb()
	d := Detail{
		Device: p.Device, Runtime: p.Runtime,
		TTFTMs: point(p.TTFTMs()), TPOTMs: point(p.TPOTMs()), OutputTokensPerSecond: point(p.OutputTokensPerSec),
		Interval: &Interval{0.9, p.Throughput.Low, p.Throughput.High, latency.Low, latency.High, memory.Low, memory.High},
		Basis:    string(p.Basis), Distance: string(p.Distance), Fits: string(p.Fits),
		AttainableMs: p.AttainableMs(), MaxBatch: p.MaxBatch, MaxSequence: p.MaxSequence,
		ModelVersion: p.ModelVersion, Assumptions: p.Assumptions, Warnings: warnings(p.Warnings), Sample: p.Sample,
	}
	if p.Shares != (perf.Shares{}) {
		s := Shares(p.Shares)
		d.Shares, d.Bound = &s, string(p.Bound())
	}
	if p.MemoryParts != (perf.MemoryParts{}) {
		m := Parts(p.MemoryPartsMb())
		d.MemoryParts = &m
	}
	for _, e := range p.Evidence {
		if e.ID != "" {
			d.Evidence = append(d.Evidence, e.ID)
		} else {
			d.Provenance = append(d.Provenance, Origin{e.Source, e.Model, e.Device, e.Runtime, e.Count, e.Weight})
		}
	}
	return d
}

// source is the documented prediction_source.
func source(p *perf.Prediction) string {
	if p.Sample {
		return "sample"
	}
	return string(p.Basis)
}
