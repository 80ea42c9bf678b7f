package db

import (
	"context"
	"fmt"
	"sync"

	"github.com/perfcast/perfcast/perf"
)

// configs finds the newest prediction of a configuration: every measurement
// asks for it, and a scan per measurement would cost more than storing it. It
// maps the configuration's hash to a seq; some 25 bytes for each
// configuration ever predicted. Those that were looked for are kept, some: who
// measures a configuration once measures it again.
type configs struct {
	mu    sync.RWMutex
	seq   map[int64]int64
	found map[int64]Row[perf.Prediction] // by seq
}

// maxFound bounds what is kept of predictions looked for, some 3 kB each.
const maxFound = 2048

func (c *configs) put(hash, seq int64) {
	c.mu.Lock()
	c.seq[hash] = max(seq, c.seq[hash])
	c.mu.Unlock()
}

// kept is a prediction that was looked for before.
func (c *configs) kept(seq int64) (r Row[perf.Prediction], ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok = c.found[seq]
	return r, ok
}

func (c *configs) keep(r Row[perf.Prediction]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil || len(c.found) >= maxFound {
		c.found = map[int64]Row[perf.Prediction]{}
	}
	c.found[r.Seq] = r
}

func (c *configs) get(hash int64) (seq int64, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	seq, ok = c.seq[hash]
	return seq, ok
}

func (c *configs) load(ctx context.Context, d *DB) error {
	rows, err := d.sql.QueryContext(ctx, `SELECT config_hash, max(seq) FROM predictions WHERE NOT sample GROUP BY ALL`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var hash, seq int64
		if err := rows.Scan(&hash, &seq); err != nil {
			return err
		}
		c.seq[hash] = seq
	}
	return rows.Err()
}

// LatestPrediction is the last stored prediction of exactly this
// configuration, sample data aside; CodeNotFound if there is none.
func (d *DB) LatestPrediction(ctx context.Context, c perf.Config) (Row[perf.Prediction], error) {
	hash := configHash(c)
	seq, ok := d.configs.get(hash)
	if !ok {
		return Row[perf.Prediction]{}, notPredicted()
	}
	r, err := d.predictionAt(ctx, seq)
	if err != nil {
		return r, err
	}
	if r.Value.Key() == c.Key() {
		return r, nil
	}
	// A later prediction of another configuration has the same hash.
	latest := Row[perf.Prediction]{}
	for r, err := range each(ctx, d, predictions, fmt.Sprintf("NOT sample AND config_hash = %d", hash)) {
		if err != nil {
			return latest, err
		}
		if r.Value.Key() == c.Key() {
			latest = r
		}
	}
	if latest.Seq == 0 {
		return latest, notPredicted()
	}
	return latest, nil
}

// predictionAt is the prediction with a seq that configs gave.
func (d *DB) predictionAt(ctx context.Context, seq int64) (Row[perf.Prediction], error) {
	if r, ok := d.configs.kept(seq); ok {
		return r, nil
	}
	r, ok, _ := d.predictions.find("seq", seq)
	if !ok {
		rows, err := scan(ctx, d, predictions, false,
			fmt.Sprintf(`SELECT %s FROM predictions WHERE seq = ?`, predictions.selected(false)), seq)
		if err != nil {
			return r, err
		}
		r = rows[0]
	}
	d.configs.keep(r)
	return r, nil
}

func notPredicted() error { return perf.NotFound("this configuration has not been predicted") }
