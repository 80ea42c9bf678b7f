package document

import "github.com/perfcast/perfcast/perf"

// AnalysisBody is the result of an analysis task: {} when nothing matches.
// Every value is an object, because a client calls .get on each.
type AnalysisBody struct {
	Throughput  *MetricStats  `json:"throughput,omitempty" doc:"in samples per second"`
	Latency     *MetricStats  `json:"latency,omitempty" doc:"in ms"`
	MemoryUsage *MetricStats  `json:"memory_usage,omitempty" doc:"in MB"`
	TTFT        *MetricStats  `json:"ttft,omitempty" doc:"time to first token, in ms"`
	TPOT        *MetricStats  `json:"tpot,omitempty" doc:"time per output token, in ms"`
	Output      *MetricStats  `json:"output_tokens_per_second,omitempty"`
	Overall     *OverallStats `json:"overall,omitempty"`
}

// MetricStats summarises the errors of one metric.
type MetricStats struct {
	Count               int      `json:"count"`
	MeanAbsoluteError   float64  `json:"mean_absolute_error"`
	MeanRelativeError   float64  `json:"mean_relative_error" doc:"a fraction"`
	StdAbsoluteError    *float64 `json:"std_absolute_error" doc:"sample standard deviation; null for one row"`
	MinAbsoluteError    float64  `json:"min_absolute_error"`
	MaxAbsoluteError    float64  `json:"max_absolute_error"`
	MeanPredicted       float64  `json:"mean_predicted"`
	MeanActual          float64  `json:"mean_actual"`
	Bias                float64  `json:"bias" doc:"mean of predicted - actual"`
	RSquared            *float64 `json:"r_squared" doc:"null where all actual values are equal"`
	MedianRelativeError float64  `json:"median_relative_error" doc:"a fraction"`
	Coverage            float64  `json:"coverage" doc:"share of actual values inside the 90 % interval"`
}

// OverallStats summarises all metrics.
type OverallStats struct {
	Count                    int      `json:"count"`
	Metrics                  []string `json:"metrics"`
	OverallMeanRelativeError float64  `json:"overall_mean_relative_error" doc:"weighted by count; a fraction"`
	AverageAccuracy          float64  `json:"average_accuracy" doc:"percent: 100 less the overall mean relative error, at least 0"`
}

// Analysis is the result of an analysis task.
func Analysis(as []perf.Accuracy) AnalysisBody {
	var b AnalysisBody
	var all OverallStats
	sum := 0.0
	for _, a := range as {
		slot := b.slot(a.Metric)
		if slot == nil || a.Count == 0 {
			continue
		}
		*slot = metricStats(a)
		all.Count += a.Count
		all.Metrics = append(all.Metrics, string(a.Metric))
		sum += float64(a.Count) * a.MeanRelativeError
	}
	if all.Count > 0 {
		all.OverallMeanRelativeError = sum / float64(all.Count)
		all.AverageAccuracy = 100 * max(0, 1-all.OverallMeanRelativeError)
		b.Overall = &all
	}
	return b
}

// slot is where the body keeps a metric; nil for one it does not have.
func (b *AnalysisBody) slot(m perf.Metric) **MetricStats {
	switch m {
	case perf.MetricThroughput:
		return &b.Throughput
	case perf.MetricLatency:
		return &b.Latency
	case perf.MetricMemory:
		return &b.MemoryUsage
	case perf.MetricTTFT:
		return &b.TTFT
	case perf.MetricTPOT:
		return &b.TPOT
	case perf.MetricOutput:
		return &b.Output
	}
	return nil
}

func metricStats(a perf.Accuracy) *MetricStats {
	unit := func(v float64) float64 { return inUnit(a.Metric, v) }
	return &MetricStats{
		Count: a.Count, MeanAbsoluteError: unit(a.MeanAbsoluteError), MeanRelativeError: a.MeanRelativeError,
		StdAbsoluteError: apply(unit, a.StdAbsoluteError), MinAbsoluteError: unit(a.MinAbsoluteError),
		MaxAbsoluteError: unit(a.MaxAbsoluteError), MeanPredicted: unit(a.MeanPredicted), MeanActual: unit(a.MeanActual),
		Bias: unit(a.Bias), RSquared: a.RSquared, MedianRelativeError: a.MedianRelative, Coverage: a.Coverage,
	}
}
