package app_test

import (
	"context"
	"testing"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
	"github.com/perfcast/perfcast/perf"
)

// BenchmarkPredict is one prediction with its interval and explanation, in
// process, names resolved.
func BenchmarkPredict(b *testing.B) {
	a := apptest.New(b)
	for _, model := range []string{"bert-base-uncased", "resnet-50", "meta-llama/Llama-3.1-8B"} {
		c := config(model, "")
		c.Device, c.Precision = "NVIDIA A100 SXM 80GB", perf.FP16
		b.Run(model, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Predict(context.Background(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPredictLearned is the same with 100,000 recorded measurements.
func BenchmarkPredictLearned(b *testing.B) {
	a := apptest.New(b)
	fill(b, a, 100_000)
	c := config("bert-base-uncased", "")
	c.Device, c.Precision = "NVIDIA A100 SXM 80GB", perf.FP16
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Predict(context.Background(), c); err != nil {
			b.Fatal(err)
		}
	}
}

// fill records n measurements of different configurations.
func fill(b *testing.B, a *app.App, n int) {
	b.Helper()
	models := []string{"bert-base-uncased", "resnet-50", "vit-base-patch16-224", "gpt2"}
	devices := []string{"NVIDIA A100 SXM 80GB", "NVIDIA T4", "NVIDIA H100 SXM 80GB", "NVIDIA GeForce RTX 4090"}
	var batch []app.MeasurementRequest
	for i := range n {
		c := config(models[i%4], "")
		c.Device, c.BatchSize, c.SequenceLength = devices[i/4%4], 1+i/16%512, 16+i/16/512*8
		p, err := a.Predict(context.Background(), c)
		if err != nil {
			b.Fatal(err)
		}
		latency := p.Latency.Value * 1.1
		batch = append(batch, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &latency}})
		if len(batch) == app.MaxRecord || i == n-1 {
			if _, err := a.Record(context.Background(), batch...); err != nil {
				b.Fatal(err)
			}
			batch = nil
		}
	}
}

// BenchmarkSweep is the largest sweep: 10,000 configurations.
func BenchmarkSweep(b *testing.B) {
	a := apptest.New(b)
	r := app.SweepRequest{Config: config("bert-base-uncased", ""), Precisions: []perf.Precision{perf.FP32, perf.FP16},
		Devices: []string{"NVIDIA A100 SXM 80GB", "NVIDIA T4", "NVIDIA H100 SXM 80GB", "NVIDIA GeForce RTX 4090", "NVIDIA A10"}}
	for i := range 100 {
		r.BatchSizes = append(r.BatchSizes, i+1)
	}
	for i := range 10 {
		r.SequenceLengths = append(r.SequenceLengths, 32*(i+1))
	}
	for b.Loop() {
		if ps, err := a.Sweep(context.Background(), r); err != nil || len(ps) != 10_000 {
			b.Fatal(len(ps), err)
		}
	}
}

// BenchmarkRecord is one measurement, compared, learned and durable, by 64
// clients at once on a database file.
func BenchmarkRecord(b *testing.B) {
	a, stop := apptest.Open(b, b.TempDir()+"/bench.duckdb")
	defer stop()
	c := config("bert-base-uncased", "")
	c.Device = "NVIDIA A100 SXM 80GB"
	latency := 0.01
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := a.Record(context.Background(), app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &latency}}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
