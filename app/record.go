package app

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// MaxRecord is how many measurements one call may record.
const MaxRecord = 10_000

// Record stores measurements, compares each with its prediction and learns
// from it: all of them or, with an error that names the first at fault, none.
func (a *App) Record(ctx context.Context, rs ...MeasurementRequest) ([]perf.MeasurementResult, error) {
	if len(rs) > MaxRecord {
		return nil, &perf.Error{Code: perf.CodeTooLarge, Field: "measurements", Message: fmt.Sprintf("has %d; record at most %d at once", len(rs), MaxRecord)}
	}
	for i, r := range rs {
		if err := r.validate(a); err != nil {
			return nil, at(err, "measurements", i, len(rs))
		}
	}
	var b db.Batch
	out := make([]perf.MeasurementResult, len(rs))
	for i, r := range rs {
		var err error
		if out[i], err = a.record(ctx, a.fresh(r.Measurement), &b); err != nil {
			a.relearn()
			return nil, at(err, "measurements", i, len(rs))
		}
	}
	if err := a.write(ctx, b); err != nil {
		return nil, err
	}
	return out, nil
}

// at says which of several inputs an error is about.
func at(err error, list string, i, n int) error {
	e := *perf.AsError(err)
	if n < 2 || e.Code == perf.CodeInternal {
		return err
	}
	e.Field = fmt.Sprintf("%s.%d.%s", list, i, e.Field)
	return &e
}

// checkMeasured refuses values that cannot have been measured.
func checkMeasured(m perf.Measurement) error {
	for _, v := range []struct {
		field string
		value *float64
	}{{"throughput", m.Throughput}, {"latency", m.Latency}, {"memory_usage", m.Memory}, {"ttft", m.TTFT}, {"tpot", m.TPOT}, {"output_tokens_per_second", m.OutputTokensPerSec}} {
		if v.value == nil {
			continue
		}
		if x := *v.value; !perf.Finite(x) || x < 0 || x > 1e18 {
			return perf.Invalid(v.field, "must be a finite number that is not negative")
		}
	}
	return nil
}

// fresh is a measurement under a new id, of now.
func (a *App) fresh(m perf.Measurement) perf.Measurement {
	m.ID, m.Time = db.NewID("meas"), a.clock()
	return m
}

// record prepares one measurement for the batch: its prediction from before it
// was learned, the comparison, and what it teaches. After an error the batch is
// as it was and nothing is learned.
func (a *App) record(ctx context.Context, m perf.Measurement, b *db.Batch) (perf.MeasurementResult, error) {
	asked := m.PredictionID
	w, warnings, err := a.Resolve(m.Config)
	if unknownModel(err) {
		return a.recordUnknown(m, b)
	}
	if err != nil {
		return perf.MeasurementResult{}, err
	}
	prior, err := a.predict(w, warnings)
	if err != nil {
		return perf.MeasurementResult{}, err
	}
	w.Config, m.Config = prior.Config, prior.Config
	m.PredictionID = ""
	compared, err := a.earlier(ctx, asked, prior)
	if err != nil {
		return perf.MeasurementResult{}, err
	}
	verdict, err := a.learn(w, m)
	if err != nil {
		return perf.MeasurementResult{}, err
	}
	m.Quarantined, m.Reason = verdict.Quarantined, verdict.Reason
	b.Confirm = append(b.Confirm, verdict.Released...)
	if compared == nil && measured(m) {
		prior.ID, prior.Source, prior.Sample = db.NewID("pred"), "comparison", m.Sample
		b.Predictions = append(b.Predictions, prior)
		compared = &prior
	}
	r := perf.MeasurementResult{Measurement: m, Prediction: compared}
	if compared != nil {
		r.Measurement.PredictionID = compared.ID
		r.Errors = compare(*compared, r.Measurement)
	}
	b.Measurements = append(b.Measurements, r.Measurement)
	b.Errors = append(b.Errors, r.Errors...)
	return r, nil
}

// recordUnknown stores a measurement of a model without facts: there is nothing
// to compare it with until they are added.
func (a *App) recordUnknown(m perf.Measurement, b *db.Batch) (perf.MeasurementResult, error) {
	d, _, err := a.deviceFor(m.Config)
	if err != nil {
		return perf.MeasurementResult{}, err
	}
	m.Device, m.Unknown = d.Name, true
	if m.Platform == "" {
		m.Platform = d.Platform
	}
	if m.Mode == "" {
		m.Mode = perf.Inference
	}
	b.Measurements = append(b.Measurements, m)
	return perf.MeasurementResult{Measurement: m}, nil
}

// earlier is the stored prediction that a measurement is compared with: the one
// it names, if that is of the same configuration, else the newest of exactly
// this configuration; nil when there is none.
func (a *App) earlier(ctx context.Context, id string, prior perf.Prediction) (*perf.Prediction, error) {
	if id != "" {
		row, err := a.db.Prediction(ctx, id)
		if err == nil && row.Value.Key() == prior.Key() {
			return &row.Value, nil
		}
		if err != nil && perf.AsError(err).Code != perf.CodeNotFound {
			return nil, err
		}
	}
	row, err := a.db.LatestPrediction(ctx, prior.Config)
	if err == nil {
		return &row.Value, nil
	}
	if perf.AsError(err).Code == perf.CodeNotFound {
		return nil, nil
	}
	return nil, err
}

// learn applies a measurement, sample data aside.
func (a *App) learn(w perf.Workload, m perf.Measurement) (predictor.Verdict, error) {
	if m.Sample || !measured(m) {
		return predictor.Verdict{}, nil
	}
	return a.predictor.Load().Learn(w, m)
}

func measured(m perf.Measurement) bool {
	for _, v := range []*float64{m.Throughput, m.Latency, m.Memory, m.TTFT, m.TPOT, m.OutputTokensPerSec} {
		if v != nil && *v > 0 {
			return true
		}
	}
	return false
}

// compare is one error for each metric that both sides have.
func compare(p perf.Prediction, m perf.Measurement) []perf.PredictionError {
	var out []perf.PredictionError
	for _, c := range []struct {
		metric    perf.Metric
		predicted *perf.Estimate
		actual    *float64
	}{
		{perf.MetricThroughput, &p.Throughput, m.Throughput}, {perf.MetricLatency, &p.Latency, m.Latency}, {perf.MetricMemory, &p.Memory, m.Memory},
		{perf.MetricTTFT, p.TTFT, m.TTFT}, {perf.MetricTPOT, p.TPOT, m.TPOT}, {perf.MetricOutput, p.OutputTokensPerSec, m.OutputTokensPerSec},
	} {
		if c.predicted == nil || c.actual == nil {
			continue
		}
		abs := math.Abs(c.predicted.Value - *c.actual)
		rel := 0.0
		if math.Abs(*c.actual) > 1e-10 {
			rel = abs / math.Abs(*c.actual)
		}
		out = append(out, perf.PredictionError{Time: m.Time, PredictionID: p.ID, MeasurementID: m.ID, Config: m.Config, Metric: c.metric,
			Predicted: c.predicted.Value, Low: c.predicted.Low, High: c.predicted.High, Actual: *c.actual,
			AbsoluteError: abs, RelativeError: rel, Basis: p.Basis, Quarantined: m.Quarantined, Sample: m.Sample || p.Sample})
	}
	return out
}

// loadPredictor takes the promoted artefact, if there is one, and applies every
// recorded measurement.
func (a *App) loadPredictor(ctx context.Context) error {
	row, err := a.db.ActiveModel(ctx)
	switch {
	case err == nil && len(row.Value.Artefact) > 0:
		p, err := predictor.New(row.Value.Artefact)
		if err != nil {
			a.log.Warn("the promoted model cannot be used; the built-in one answers", "model", row.Value.ID, "error", err)
			break
		}
		a.predictor.Store(p)
	case err != nil && perf.AsError(err).Code != perf.CodeNotFound:
		return err
	}
	return a.apply(ctx, a.predictor.Load())
}

// apply teaches a predictor every recorded measurement, in their order, and
// nothing else. If they can't be read it keeps what it knew.
func (a *App) apply(ctx context.Context, p *predictor.Predictor) error {
	reset := false
	for row, err := range a.db.Learnable(ctx) {
		if err != nil {
			return err
		}
		if !reset {
			p.Reset()
			reset = true
		}
		m := row.Value
		w, _, err := a.Resolve(m.Config)
		if err != nil || !measured(m) {
			continue // its model or device has no facts (any more)
		}
		v, err := p.Learn(w, m)
		if err == nil && v.Quarantined && !m.Quarantined {
			p.Confirm(w, m.ID) // it was confirmed, or judged by an earlier artefact
		}
	}
	if !reset {
		p.Reset()
	}
	return nil
}

// relearning rebuilds what was learned from what is stored. One pass serves all
// who asked before it began.
type relearning struct {
	asked atomic.Int64

	mu    sync.Mutex
	done  int64 // of those who asked
	later bool  // the last pass could not read what is stored, and there will be another
}

// relearnAgain is how long after a pass that failed there is another.
const relearnAgain = 5 * time.Second

// relearn unlearns what could not be stored.
func (a *App) relearn() {
	r := &a.relearning
	asked := r.asked.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done >= asked || r.later || a.closed.Load() {
		return
	}
	r.done = r.asked.Load()
	if err := a.apply(context.Background(), a.predictor.Load()); err != nil {
		a.log.Error("what could not be stored stays learned for now: the measurements could not be read", "error", err)
		r.later = true
		time.AfterFunc(relearnAgain, func() {
			r.mu.Lock()
			r.later = false
			r.mu.Unlock()
			a.relearn()
		})
	}
}

// Recorded is every measurement that answers are learned from, oldest first.
func (a *App) Recorded(ctx context.Context) ([]perf.Measurement, error) {
	var out []perf.Measurement
	for row, err := range a.db.Learnable(ctx) {
		if err != nil {
			return nil, err
		}
		if !row.Value.Quarantined {
			out = append(out, row.Value)
		}
	}
	return out, nil
}

// Catalog is the facts in force, the users' included.
func (a *App) Catalog() *catalog.Catalog { return a.catalog.Load() }

// Predictor is the predictor in force.
func (a *App) Predictor() *predictor.Predictor { return a.predictor.Load() }

// Confirm takes a measurement out of quarantine: from now on it answers for its
// configuration and teaches. One that is not held stays as it is.
func (a *App) Confirm(ctx context.Context, id string) (perf.Measurement, error) {
	row, err := a.db.Measurement(ctx, id)
	if err != nil {
		return perf.Measurement{}, err
	}
	m := row.Value
	if !m.Quarantined {
		return m, nil
	}
	if err := a.db.Write(ctx, db.Batch{Confirm: []string{id}}); err != nil {
		return perf.Measurement{}, err
	}
	m.Quarantined, m.Reason = false, ""
	w, _, err := a.Resolve(m.Config)
	if err != nil {
		return m, nil // its model or device has no facts any more: there is nothing to teach
	}
	a.predictor.Load().Confirm(w, id)
	return m, nil
}
