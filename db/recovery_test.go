package db

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/perf"
)

func said(text string) Batch {
	return Batch{Feedback: []perf.Feedback{{Time: time.Unix(1, 0), RecommendationID: "rec-1", Text: text}}}
}

func texts(t *testing.T, d *DB) (out []string) {
	t.Helper()
	page, err := d.Feedback(ctx, Query{Limit: MaxLimit, Sort: []Sort{{Column: "seq"}}})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range page.Rows {
		if r.Seq != int64(i+1) {
			t.Errorf("row %d has seq %d", i+1, r.Seq)
		}
		out = append(out, r.Value.Text)
	}
	return out
}

func mustOpen(t *testing.T, path string) *DB {
	t.Helper()
	d, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// snapshot copies a database's files as a crash would leave them.
func snapshot(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	for _, suffix := range []string{"", ".wal", journalSuffixes[0], journalSuffixes[1]} {
		b, err := os.ReadFile(path + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(to+suffix, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// TestCrashBetween: what is in the journal and in DuckDB already, because the
// crash came between the two, is there once; so is what only the journal has.
// A statement comes in its turn.
func TestCrashBetween(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	d := mustOpen(t, path)
	run := perf.Run{ID: "run-1", Component: "test", Started: time.Unix(1, 0)}
	for _, b := range []Batch{said("a"), said("b"), {Runs: []perf.Run{run}}, {DeleteRuns: []string{"run-1"}}, {Runs: []perf.Run{run, run}}} {
		if err := d.Write(ctx, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.settle(ctx); err != nil { // DuckDB has it; the journal still does
		t.Fatal(err)
	}
	crashed := snapshot(t, path)
	number := d.writer.progress.acknowledged.Load()
	h := someHead
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if h.Database, _, err = d.position(ctx, steps); err != nil {
		t.Fatal(err)
	}
	// What only a journal has: written as the writer does, into columns in an
	// order of their own.
	h.Tables = []journalTable{{"feedback", []string{"seq", "user_feedback", "was_accepted", "recommendation_id", "created_at"}}}
	s, err := newSegment(crashed+journalSuffixes[0], h)
	if err != nil {
		t.Fatal(err)
	}
	only := &encoded{rows: []row{{rel: h.relations()[0], values: []driver.Value{int64(3), "c", true, "rec-1", time.Unix(1, 0)}}},
		statements: []statement{{sql: `UPDATE feedback SET user_feedback = 'B' WHERE user_feedback = ?`, args: args("b")}}}
	only.encodeRecord()
	only.number(&only.rows[0], 3)
	if _, err := s.append(number+1, []*encoded{only}); err != nil {
		t.Fatal(err)
	}
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nothing left to do
		again := mustOpen(t, crashed)
		if got, want := texts(t, again), []string{"a", "B", "c"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		rows, err := again.Rows(ctx, "runs", Query{Limit: 10, Count: true})
		if err != nil || rows.Total != 1 {
			t.Errorf("%+v %v", rows, err)
		}
		var states int
		if err := again.sql.QueryRow(`SELECT count(*) FROM runs`).Scan(&states); err != nil || states != 2 {
			t.Errorf("%d states of the run: %v", states, err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := filepath.Glob(crashed + ".*"); len(left) > 0 {
			t.Errorf("a clean end left %v", left)
		}
	}
}

// TestJournalRefused: a journal that is not this database's, not of this
// version or not whole stops Open with one line that says what to do.
func TestJournalRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(b []byte) []byte
		want  string
	}{
		"version": {func(b []byte) []byte { return bytes.Replace(b, []byte("journal 1"), []byte("journal 2"), 1) }, "has version 2, this perfcast knows only 1"},
		"other":   {func([]byte) []byte { h, _ := encodeHead(someHead); return h }, "belongs to another database"},
		"head":    {func(b []byte) []byte { b[30] ^= 1; return b }, "is damaged"},
		"empty":   {func([]byte) []byte { return nil }, "is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.duckdb")
			d := mustOpen(t, path)
			crashed := snapshot(t, path)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(crashed + journalSuffixes[1])
			if err != nil {
				t.Fatal(err)
			}
			spoilt := c.spoil(b)
			if err := os.WriteFile(crashed+journalSuffixes[1], spoilt, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(crashed, Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), crashed+journalSuffixes[1]) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if kept, err := os.ReadFile(crashed + journalSuffixes[1]); err != nil || !bytes.Equal(kept, spoilt) {
				t.Errorf("it was touched: %v", err)
			}
		})
	}
}

// TestDuckDBRefuses: while DuckDB can't take what was acknowledged, readers are
// told and writers are refused; when it can again, everything goes on. If the
// end comes first, the journal stays for the next start.
func TestDuckDBRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	d := mustOpen(t, path)
	exec := func(query string) {
		t.Helper()
		if _, err := d.sql.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	unavailable := func(err error) bool { return err != nil && perf.AsError(err).Code == perf.CodeUnavailable }

	exec(`ALTER TABLE feedback RENAME TO hidden`)
	if err := d.Write(ctx, said("a")); err != nil {
		t.Fatal(err)
	}
	if err := d.settle(ctx); !unavailable(err) {
		t.Errorf("a reader is told %v", err)
	}
	if err := d.Write(ctx, said("refused")); !unavailable(err) {
		t.Errorf("a writer is told %v", err)
	}
	exec(`ALTER TABLE hidden RENAME TO feedback`)
	for stop := time.Now().Add(20 * time.Second); d.settle(ctx) != nil && time.Now().Before(stop); {
		time.Sleep(10 * time.Millisecond)
	}
	if got := texts(t, d); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %v", got)
	}

	exec(`ALTER TABLE feedback RENAME TO hidden`)
	if err := d.Write(ctx, said("b")); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); !unavailable(err) {
		t.Errorf("Close says %v", err)
	}
	raw := openSQL(t, path)
	if _, err := raw.Exec(`ALTER TABLE hidden RENAME TO feedback`); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, mustOpen(t, path)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("after the next start: %v", got)
	}
}

// TestSameIDTwice: an id is refused wherever the first one is by then: in the
// same batch, in the journal, in DuckDB, in a database that was closed.
func TestSameIDTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	d := mustOpen(t, path)
	m := func(ids ...string) (b Batch) {
		b.Feedback = said("x").Feedback // goes with its batch
		for _, id := range ids {
			b.Measurements = append(b.Measurements, perf.Measurement{ID: id, Time: time.Unix(1, 0)})
		}
		return b
	}
	refused := func(where string, d *DB, ids ...string) {
		t.Helper()
		if err := d.Write(ctx, m(ids...)); err == nil || perf.AsError(err).Code != perf.CodeConflict {
			t.Errorf("%s: %v", where, err)
		}
	}
	refused("the same batch", d, "a", "b", "a")
	if err := d.Write(ctx, m("a", "b")); err != nil {
		t.Fatalf("ids of a refused batch are taken: %v", err)
	}
	refused("the journal", d, "c", "a")
	if err := d.settle(ctx); err != nil {
		t.Fatal(err)
	}
	refused("DuckDB", d, "b")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d = mustOpen(t, path)
	refused("a closed database", d, "a")
	if got := texts(t, d); len(got) != 1 {
		t.Errorf("refused batches left %v", got)
	}
	for _, r := range relations { // the list of those tables is DuckDB's own
		keys := strings1(t, d.sql, `SELECT constraint_column_names[1] FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' AND table_name = ?`, r.table)
		if r.unique != (len(keys) == 1) || r.unique && keys[0] != r.key {
			t.Errorf("%s: unique %v, primary key %v", r.table, r.unique, keys)
		}
	}
}
