//go:build unix

package db_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

// predicted is a prediction as a server stores it.
func predicted(i int) perf.Prediction {
	e := perf.Estimate{Value: 0.01, Low: 0.008, High: 0.012}
	return perf.Prediction{
		ID: db.NewID("pred"), Time: time.Now(),
		Config: perf.Config{Model: fmt.Sprint("model-", i%50), Family: "embedding", Platform: perf.CUDA, Device: fmt.Sprint("device-", i%7),
			Runtime: "pytorch-eager", Precision: perf.FP16, Mode: perf.Inference, BatchSize: 1 + i%32, SequenceLength: 128, Devices: 1},
		Latency: e, Throughput: e, Memory: e, Fits: perf.FitYes, Basis: perf.BasisLearned, Distance: perf.DistanceCovered,
		Shares: perf.Shares{Compute: 1}, MemoryParts: perf.MemoryParts{Weights: 1e9}, ModelVersion: "abc+1",
		Evidence: []perf.Evidence{{Source: "corpus", Model: "bert", Device: "A100", Count: 12, Weight: 0.5}}, Source: "api",
	}
}

func measured(i int) perf.Measurement {
	x := 0.01
	p := predicted(i)
	return perf.Measurement{ID: db.NewID("meas"), Time: p.Time, Config: p.Config, Throughput: &x, Latency: &x, Memory: &x, Source: "api", PredictionID: p.ID}
}

// recorded is what one recorded measurement stores: itself, the prediction it
// is compared with, three errors and the finished task.
func recorded(i int) db.Batch {
	p, m := predicted(i), measured(i)
	b := db.Batch{Predictions: []perf.Prediction{p}, Measurements: []perf.Measurement{m}}
	for _, metric := range perf.Metrics[:3] {
		b.Errors = append(b.Errors, perf.PredictionError{Time: m.Time, PredictionID: p.ID, MeasurementID: m.ID, Config: m.Config, Metric: metric, Predicted: 1, Actual: 2, AbsoluteError: 1, RelativeError: 0.5})
	}
	b.Tasks = []perf.Task{{ID: db.NewID("measurement"), Kind: perf.TaskMeasurement, Status: perf.TaskCompleted, Progress: 1,
		Created: m.Time, Updated: m.Time, Result: []byte(`{"result":"` + strings.Repeat("x", 1500) + `"}`)}}
	return b
}

// cpu starts counting the processor time of the process, DuckDB's threads
// included, and reports it for each operation: on a shared machine the steadier
// figure.
func cpu(b *testing.B) func() {
	now := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	start := now()
	return func() { b.ReportMetric(float64((now()-start).Nanoseconds())/float64(b.N), "cpu-ns/op") }
}

// BenchmarkWrite: durable batches a second, of what one recorded measurement
// stores (six rows in four tables), by writers that each wait for their own.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			d := open(b, filepath.Join(b.TempDir(), "a.duckdb"), db.Options{})
			var next atomic.Int64
			b.ResetTimer()
			defer cpu(b)()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := d.Write(ctx, recorded(int(i))); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "batches/s")
		})
	}
}

// large is a database file with 100,000 predictions and as many measurements.
func large(b *testing.B) *db.DB {
	b.Helper()
	d := open(b, filepath.Join(b.TempDir(), "a.duckdb"), db.Options{})
	for i := range 100 {
		var batch db.Batch
		for j := range 1000 {
			batch.Predictions = append(batch.Predictions, predicted(1000*i+j))
			batch.Measurements = append(batch.Measurements, measured(1000*i+j))
		}
		if err := d.Write(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	return d
}

// BenchmarkListNewest: the newest ten of 100,000, as the window answers them
// and, for comparison, in an order it can't answer.
func BenchmarkListNewest(b *testing.B) {
	d := large(b)
	for name, q := range map[string]db.Query{
		"all":      {Limit: 10},
		"by-model": db.Query{Limit: 10}.Where("model_name", db.Eq, "model-7"),
		"by-three": db.Query{Limit: 10}.Where("model_family", db.Eq, "embedding").Where("hardware_platform", db.Eq, "cuda").Where("batch_size", db.Eq, 8),
		"by-sql":   {Limit: 10, Sort: []db.Sort{{Column: "created_at", Desc: true}, {Column: "prediction_id", Desc: true}}},
	} {
		b.Run(name, func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				if page, err := d.Predictions(ctx, q); err != nil || len(page.Rows) != 10 {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLearnable: reading 100,000 measurements at start.
func BenchmarkLearnable(b *testing.B) {
	d := large(b)
	defer cpu(b)()
	for b.Loop() {
		n := 0
		for _, err := range d.Learnable(ctx) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100_000 {
			b.Fatal(n)
		}
	}
}

// BenchmarkLatestPrediction: the newest prediction of one configuration, seen
// lately (in the window) and not.
func BenchmarkLatestPrediction(b *testing.B) {
	d := large(b)
	if err := d.Write(ctx, db.Batch{Predictions: []perf.Prediction{{ID: "new", Time: time.Now(), Config: perf.Config{Model: "new"}}}}); err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]perf.Config{"window": {Model: "new"}, "none": {Model: "none"}} {
		b.Run(name, func(b *testing.B) {
			defer cpu(b)()
			for b.Loop() {
				if _, err := d.LatestPrediction(ctx, c); (err != nil) != (name == "none") {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkGet: one prediction by id, old enough to come from DuckDB.
func BenchmarkGet(b *testing.B) {
	d := large(b)
	old := must(d.Predictions(ctx, db.Query{Limit: 1, Last: true}))(b).Rows[0].Value.ID
	defer cpu(b)()
	for b.Loop() {
		if _, err := d.Prediction(ctx, old); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen: an empty database in memory, as tests use it.
func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		d, err := db.Open("", db.Options{})
		if err != nil {
			b.Fatal(err)
		}
		_ = d.Close()
	}
}
