package component

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// batch is the batch that a stored request is part of.
type batch struct {
	ID          string `json:"batch_id,omitempty" in:"server"`
	Description string `json:"batch_description,omitempty" in:"server"`
}

// batchID names a batch in a path.
type batchID struct {
	ID string `json:"id" in:"path" doc:"as the POST answered it"`
}

// batchDeletion says what becomes of a batch's runs.
type batchDeletion struct {
	batchID
	Runs bool `json:"delete_runs,omitempty" doc:"delete the runs too; without it they stay, as runs of no batch"`
}

// batchRow is a batch in a list.
type batchRow struct {
	ID          string         `json:"batch_id"`
	Description *string        `json:"description"`
	Count       int            `json:"run_count"`
	Status      perf.RunStatus `json:"status" doc:"completed when all are; that of a run which goes on, else of one which failed"`
	Started     *string        `json:"started_at"`
	Completed   *string        `json:"completed_at"`
	Duration    *float64       `json:"duration" doc:"s, from the first start to the last end"`
}

// batchRecord is a batch with its runs.
type batchRecord[Row any] struct {
	batchRow
	Runs []Row `json:"runs"`
}

// batches are the routes of a component whose runs can come in batches.
func (b *base[Status, Row]) batches() []openapi.Route {
	return []openapi.Route{
		openapi.Handle(openapi.Route{Method: "GET", Path: "/db/batches", ID: "DbBatches", Summary: "The newest batches"}, b.dbBatches),
		openapi.Handle(openapi.Route{Method: "GET", Path: "/db/batch/{id}", ID: "DbBatch", Summary: "A batch with its runs", Statuses: missing}, b.dbBatch),
		openapi.Handle(openapi.Route{Method: "DELETE", Path: "/db/batch/{id}", ID: "DbDeleteBatch", Summary: "Delete a batch whose runs have ended",
			Statuses: []int{http.StatusNotFound, http.StatusConflict}}, b.dbDeleteBatch),
	}
}

// prepared is a run that can be started.
type prepared struct {
	run  perf.Run
	keep bool
	do   job
}

// beginBatch starts a run for each model. All are checked by prepare before the
// first begins; when one can't begin, none goes on.
func (b *base[Status, Row]) beginBatch(ctx context.Context, models []string, description string, prepare func(string, batch) (prepared, error)) (id string, ids []string, err error) {
	if len(models) == 0 || len(models) > maxWaiting {
		return "", nil, perf.Invalid("model_names", "must be 1 to %d names", maxWaiting)
	}
	id = uuid.NewString()
	all := make([]prepared, len(models))
	for i, m := range models {
		if all[i], err = prepare(m, batch{id, description}); err != nil {
			return "", nil, err
		}
	}
	for _, p := range all {
		run, err := b.runs.start(p.run, p.keep, p.do)
		if err != nil {
			for _, id := range ids {
				_, _ = b.runs.cancel(ctx, id) // it has ended, if anything
			}
			return "", nil, err
		}
		ids = append(ids, run.ID)
	}
	return id, ids, nil
}

// batched are the runs of all batches, or of one; the newest batch first.
func (b *base[Status, Row]) batched(ctx context.Context, id string) (order []string, by map[string][]perf.Run, err error) {
	list, err := b.runs.list(ctx, filter{text: `"batch_id":"` + id, limit: app.MaxLimit})
	by = map[string][]perf.Run{}
	for _, r := range list {
		var of batch
		if json.Unmarshal(r.Config, &of) != nil || of.ID == "" || id != "" && of.ID != id {
			continue // the text stood elsewhere
		}
		if by[of.ID] == nil {
			order = append(order, of.ID)
		}
		by[of.ID] = append(by[of.ID], r)
	}
	return order, by, err
}

// runsOf are the runs of one batch, or the documented error.
func (b *base[Status, Row]) runsOf(ctx context.Context, id string) ([]perf.Run, error) {
	missing := perf.NotFound("Batch %s not found", shorten(id))
	if _, err := uuid.Parse(id); err != nil {
		return nil, missing
	}
	_, by, err := b.batched(ctx, id)
	if err == nil && len(by[id]) == 0 {
		err = missing
	}
	return by[id], err
}

func batchRowOf(list []perf.Run) batchRow {
	var of batch
	_ = json.Unmarshal(list[0].Config, &of)
	status, first, last := perf.RunCompleted, list[0].Started, time.Time{}
	for _, r := range list {
		if r.Started.Before(first) {
			first = r.Started
		}
		if r.Completed.After(last) {
			last = r.Completed
		}
		if r.Status != perf.RunCompleted && (status == perf.RunCompleted || !r.Status.Done()) {
			status = r.Status
		}
	}
	row := batchRow{ID: of.ID, Description: nullable(of.Description), Count: len(list), Status: status, Started: stamp(first)}
	if status.Done() {
		d := last.Sub(first).Seconds()
		row.Completed, row.Duration = stamp(last), &d
	}
	return row
}

func (b *base[Status, Row]) dbBatches(ctx context.Context, _ openapi.None) ([]batchRow, error) {
	order, by, err := b.batched(ctx, "")
	out := make([]batchRow, len(order))
	for i, id := range order {
		out[i] = batchRowOf(by[id])
	}
	return out, err
}

func (b *base[Status, Row]) dbBatch(ctx context.Context, in batchID) (batchRecord[Row], error) {
	list, err := b.runsOf(ctx, in.ID)
	if err != nil {
		return batchRecord[Row]{}, err
	}
	return batchRecord[Row]{batchRowOf(list), b.rows(list, filter{})}, nil
}

func (b *base[Status, Row]) dbDeleteBatch(ctx context.Context, in batchDeletion) (deleted, error) {
	list, err := b.runsOf(ctx, in.ID)
	if err != nil {
		return deleted{}, err
	}
	for _, r := range list { // before the first goes
		if !r.Status.Done() {
			return deleted{}, errGoingOn
		}
	}
	for _, r := range list {
		if in.Runs {
			err = b.runs.remove(ctx, r.ID)
		} else {
			err = b.runs.detach(ctx, r)
		}
		if err != nil {
			return deleted{}, err
		}
	}
	return deleted{in.ID, true}, nil
}
