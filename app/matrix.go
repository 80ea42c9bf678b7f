package app

import (
	"context"
	"fmt"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

// MaxMatrix is how many cells a matrix may have.
const MaxMatrix = 100_000

// MatrixRequest asks for the predictions of every model on every platform at
// every batch size and precision, to be stored.
type MatrixRequest struct {
	Models     []perf.MatrixModel // Name and Category
	Platforms  []perf.Platform
	Batches    []int
	Precisions []perf.Precision
	Mode       perf.Mode
}

func (MatrixRequest) kind() perf.TaskKind { return perf.TaskMatrix }

func (r MatrixRequest) validate(a *App) error {
	cells := 1
	for _, n := range []int{len(r.Models), len(r.Platforms), len(r.Batches), len(r.Precisions)} {
		if cells *= n; cells > MaxMatrix {
			return &perf.Error{Code: perf.CodeTooLarge, Field: "model_configs", Message: fmt.Sprintf("the matrix has more than %d cells; ask for fewer at once", MaxMatrix)}
		}
	}
	for i, m := range r.Models {
		if err := checkName("name", m.Name, true); err != nil {
			return at(err, "model_configs", i, len(r.Models)+1)
		}
		if err := checkName("category", m.Category, false); err != nil {
			return at(err, "model_configs", i, len(r.Models)+1)
		}
	}
	for i, b := range r.Batches {
		if b < 1 || b > maxBatch {
			return perf.Invalid(fmt.Sprintf("batch_sizes.%d", i), "must be from 1 to %d, not %d", maxBatch, b)
		}
	}
	for _, p := range r.Platforms {
		if _, _, err := a.deviceFor(perf.Config{Platform: p}); err != nil {
			return err
		}
	}
	for _, p := range r.Precisions {
		if err := checkWords(perf.Config{Precision: p, Mode: r.Mode}); err != nil {
			return err
		}
	}
	return nil
}

func (r MatrixRequest) run(ctx context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing matrix generation")
	res := perf.MatrixResult{Time: a.clock(), Mode: r.Mode, Platforms: r.Platforms, Batches: r.Batches, Precisions: r.Precisions}
	var b db.Batch
	step(0.5, "Generating prediction matrix")
	for i, m := range r.Models {
		if err := ctx.Err(); err != nil {
			return outcome{}, err
		}
		var err error
		if m.Predictions, err = r.row(a, m); err != nil {
			m.Error = perf.AsError(err).Error()
		}
		res.Models = append(res.Models, m)
		b.Predictions = append(b.Predictions, m.Predictions...)
		step(0.5+0.5*float64(i+1)/float64(len(r.Models)), "Generating prediction matrix")
	}
	res.Stored = len(b.Predictions)
	return outcome{result: res, records: b}, nil
}

// row is one model's part of the matrix.
func (r MatrixRequest) row(a *App, m perf.MatrixModel) ([]perf.Prediction, error) {
	var out []perf.Prediction
	for _, platform := range r.Platforms {
		for _, batch := range r.Batches {
			for _, precision := range r.Precisions {
				c := DefaultConfig()
				c.Model, c.Family, c.Platform, c.BatchSize, c.Precision, c.Mode = m.Name, m.Category, platform, batch, precision, r.Mode
				p, err := a.point(c)
				if err != nil {
					return nil, err
				}
				p.ID, p.Source = db.NewID("pred"), "matrix"
				out = append(out, p)
			}
		}
	}
	return out, nil
}
