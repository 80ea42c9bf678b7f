package app

import (
	"context"
	"slices"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

// Imported is what became of measurements that Import was given.
type Imported struct {
	Stored      int            // now
	Unlearned   int            // of those stored: their models' facts are not known, so that nothing is learned from them yet
	Quarantined int            // of those stored
	Known       int            // stored before, under the same id
	Refused     map[string]int // why, and how many
}

// importBatch is how many measurements become durable together.
const importBatch = 1000

// Import stores measurements that were made elsewhere, and compares and learns
// from each as Record does. Each brings an ID that is always the same for the
// same measurement: one that is stored already is not stored again. One that
// cannot be stored is counted, and leaves the others.
func (a *App) Import(ctx context.Context, ms []perf.Measurement) (Imported, error) {
	out := Imported{Refused: map[string]int{}}
	for some := range slices.Chunk(ms, importBatch) {
		if err := a.importSome(ctx, some, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

func (a *App) importSome(ctx context.Context, ms []perf.Measurement, out *Imported) error {
	known, err := a.stored(ctx, ms)
	if err != nil {
		return err
	}
	var b db.Batch
	done := Imported{}
	for _, m := range ms {
		if known[m.ID] {
			done.Known++
			continue
		}
		m.Time = a.clock()
		if err := (MeasurementRequest{m}).validate(a); err != nil {
			out.Refused[err.Error()]++
			continue
		}
		r, err := a.record(ctx, m, &b)
		if e := perf.AsError(err); err != nil && e.Code == perf.CodeInternal {
			a.relearn()
			return err
		} else if err != nil {
			out.Refused[e.Error()]++
			continue
		}
		known[m.ID] = true
		done.Stored++
		if r.Measurement.Unknown {
			done.Unlearned++
		}
		if r.Measurement.Quarantined {
			done.Quarantined++
		}
	}
	if done.Stored > 0 {
		if err := a.write(ctx, b); err != nil {
			return err
		}
	}
	out.Stored += done.Stored
	out.Unlearned += done.Unlearned
	out.Quarantined += done.Quarantined
	out.Known += done.Known
	return nil
}

// stored tells which of at most importBatch measurements are stored already.
func (a *App) stored(ctx context.Context, ms []perf.Measurement) (map[string]bool, error) {
	ids := make([]string, len(ms))
	for i, m := range ms {
		ids[i] = m.ID
	}
	page, err := a.db.Measurements(ctx, Query{Limit: len(ids)}.Where("measurement_id", In, ids))
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(ms))
	for _, row := range page.Rows {
		known[row.Value.ID] = true
	}
	return known, nil
}
