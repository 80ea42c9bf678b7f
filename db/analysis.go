package db

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// Scope selects the comparisons that an accuracy is of; a zero field selects
// all. Sample data and quarantined measurements are out unless asked for.
type Scope struct {
	Model       string
	Platform    perf.Platform
	Device      string
	Metric      perf.Metric
	Since       time.Time // compared at or after
	Until       time.Time // compared before
	Sample      bool      // sample data too
	Quarantined bool      // quarantined measurements too
}

// Dimension is what accuracies may be grouped by, besides the metric.
type Dimension string

// The dimensions.
const (
	ByModel    Dimension = "model"
	ByDevice   Dimension = "device"
	ByPlatform Dimension = "platform"
	ByDay      Dimension = "day" // UTC, "2026-01-31"
	ByBasis    Dimension = "basis"
)

var dimensions = map[Dimension]string{
	ByModel:    `model_name`,
	ByDevice:   `device`,
	ByPlatform: `hardware_platform`,
	ByDay:      `strftime(created_at::DATE, '%Y-%m-%d')`,
	ByBasis:    `basis`,
}

// AccuracyGroup is the accuracy of one metric in one group.
type AccuracyGroup struct {
	Keys []string // one for each dimension asked for
	perf.Accuracy
}

// Accuracy summarises the scope's comparisons by metric and the dimensions
// given, ordered by them and then by metric. Relative errors are fractions,
// the rest SI units. R squared is 1 - SSres/SStot, the standard deviation the
// sample's.
func (d *DB) Accuracy(ctx context.Context, s Scope, by ...Dimension) ([]AccuracyGroup, error) {
	keys := make([]string, len(by))
	for i, dim := range by {
		expr, ok := dimensions[dim]
		if !ok {
			return nil, perf.Invalid("by", "is one of model, device, platform, day, basis, not %q", clip(string(dim)))
		}
		keys[i] = expr
	}
	where, args := s.where()
	const figures = `metric, count(*), avg(absolute_error), avg(relative_error), median(relative_error),
		stddev_samp(absolute_error), min(absolute_error), max(absolute_error), avg(predicted), avg(actual), avg(predicted - actual),
		CASE WHEN min(actual) < max(actual) THEN 1 - sum((actual - predicted) ** 2) / (var_pop(actual) * count(*)) END,
		avg((actual BETWEEN predicted_low AND predicted_high)::INT)`
	query := `SELECT ` + strings.Join(append(keys, figures), ", ") + ` FROM prediction_errors` + clause(where) + ` GROUP BY ALL`
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	rows, err := d.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("db: accuracy: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []AccuracyGroup
	for rows.Next() {
		g := AccuracyGroup{Keys: make([]string, len(by))}
		var to []any
		for i := range g.Keys {
			to = append(to, &g.Keys[i])
		}
		a := &g.Accuracy
		to = append(to, &a.Metric, &a.Count, &a.MeanAbsoluteError, &a.MeanRelativeError, &a.MedianRelative, &a.StdAbsoluteError,
			&a.MinAbsoluteError, &a.MaxAbsoluteError, &a.MeanPredicted, &a.MeanActual, &a.Bias, &a.RSquared, &a.Coverage)
		if err := rows.Scan(to...); err != nil {
			return nil, fmt.Errorf("db: accuracy: %w", err)
		}
		out = append(out, g)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("db: accuracy: %w", err)
	}
	slices.SortFunc(out, func(a, b AccuracyGroup) int {
		return cmp.Or(slices.Compare(a.Keys, b.Keys),
			cmp.Compare(slices.Index(perf.Metrics, a.Metric), slices.Index(perf.Metrics, b.Metric)))
	})
	return out, nil
}

func (s Scope) where() (where []string, args []any) {
	add := func(clause string, arg any) { where, args = append(where, clause), append(args, arg) }
	if s.Model != "" {
		add("model_name = ?", s.Model)
	}
	if s.Platform != "" {
		add("hardware_platform = ?", string(s.Platform))
	}
	if s.Device != "" {
		add("device = ?", s.Device)
	}
	if s.Metric != "" {
		add("metric = ?", string(s.Metric))
	}
	if !s.Since.IsZero() {
		add("created_at >= ?", s.Since.UTC())
	}
	if !s.Until.IsZero() {
		add("created_at < ?", s.Until.UTC())
	}
	if !s.Sample {
		where = append(where, "NOT sample")
	}
	if !s.Quarantined {
		where = append(where, "NOT quarantined")
	}
	return where, args
}
