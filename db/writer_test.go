package db_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

// pair is a batch over two tables whose rows name each other.
func pair(id string) db.Batch {
	c := perf.Config{Model: "bert", Device: "A100", BatchSize: 8}
	return db.Batch{
		Predictions:  []perf.Prediction{{ID: "pred-" + id, Time: time.Now(), Config: c, Latency: perf.Estimate{Value: 1, Low: 1, High: 1}}},
		Measurements: []perf.Measurement{{ID: "meas-" + id, Time: time.Now(), Config: c, PredictionID: "pred-" + id}},
	}
}

// TestConcurrentWriters: what is acknowledged is there at once, whole, and
// after a restart; a bad batch in the crowd fails alone and leaves nothing.
func TestConcurrentWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	d := open(t, path, db.Options{Window: 50})
	if err := d.Write(ctx, pair("taken")); err != nil {
		t.Fatal(err)
	}
	const writers, each = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d-%d", w, i)
				b := pair(id)
				if bad := i%5 == 4; bad {
					// The measurement is new, the prediction is not.
					b.Predictions = append(b.Predictions, pair("taken").Predictions...)
					err := d.Write(ctx, b)
					if code(err) != perf.CodeConflict || !strings.Contains(err.Error(), `"pred-taken"`) {
						t.Errorf("%s: %v", id, err)
					}
					if _, err := d.Measurement(ctx, "meas-"+id); code(err) != perf.CodeNotFound {
						t.Errorf("%s left its measurement: %v", id, err)
					}
					continue
				}
				if err := d.Write(ctx, b); err != nil {
					t.Errorf("%s: %v", id, err)
				}
				if _, err := d.Measurement(ctx, "meas-"+id); err != nil {
					t.Errorf("%s after its acknowledgement: %v", id, err)
				}
			}
		})
	}
	wg.Wait()
	check := func(d *db.DB) {
		t.Helper()
		page := must(d.Predictions(ctx, db.Query{Limit: 10_000, Count: true, Sort: []db.Sort{{Column: "seq"}}}))(t)
		if want := writers*each*4/5 + 1; len(page.Rows) != want || page.Total != int64(want) {
			t.Errorf("%d rows, total %d, want %d", len(page.Rows), page.Total, want)
		}
		for i, r := range page.Rows {
			if r.Seq != int64(i+1) {
				t.Fatalf("row %d has seq %d: a failed batch took a number", i+1, r.Seq)
			}
			if _, err := d.Measurement(ctx, "meas-"+strings.TrimPrefix(r.Value.ID, "pred-")); err != nil {
				t.Errorf("%s has lost its other half: %v", r.Value.ID, err)
			}
		}
	}
	check(d)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	check(open(t, path, db.Options{}))
}

// TestCancelledWrite: a context's error means that nothing was stored, success
// that it was.
func TestCancelledWrite(t *testing.T) {
	d := open(t, "", db.Options{})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx1, cancel := context.WithTimeout(ctx, time.Duration(i)*20*time.Microsecond)
			defer cancel()
			err := d.Write(ctx1, pair(fmt.Sprint(i)))
			_, found := d.Measurement(ctx, fmt.Sprint("meas-", i))
			switch {
			case err == nil && found != nil:
				t.Errorf("%d: acknowledged, but %v", i, found)
			case err != nil && !errors.Is(err, context.DeadlineExceeded):
				t.Errorf("%d: %v", i, err)
			case err != nil && code(found) != perf.CodeNotFound:
				t.Errorf("%d: refused, but stored (%v)", i, found)
			}
		})
	}
	wg.Wait()
}

// TestCloseDrains: every batch that Close meets is either stored or refused.
func TestCloseDrains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	d := open(t, path, db.Options{})
	var wg sync.WaitGroup
	var acknowledged atomic.Int64
	for w := range 32 {
		wg.Go(func() {
			for i := 0; ; i++ {
				err := d.Write(ctx, pair(fmt.Sprintf("%d-%d", w, i)))
				if code(err) == perf.CodeUnavailable {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	page := must(open(t, path, db.Options{}).Predictions(ctx, db.Query{Count: true}))(t)
	if page.Total != acknowledged.Load() || page.Total == 0 {
		t.Errorf("%d rows, %d acknowledged", page.Total, acknowledged.Load())
	}
}

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	switch path := os.Getenv("DB_TEST_CHILD"); {
	case path != "":
		child(path, os.Getenv("DB_TEST_ROUND"))
	default:
		os.Exit(m.Run())
	}
}

// child writes without end and prints the id of every acknowledged batch; or
// writes every noun once.
func child(path, round string) {
	d, err := db.Open(path, db.Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if round == "every noun" {
		if err := d.Write(ctx, everyNoun()); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("ok")
		select {}
	}
	var mu sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", round, w, i)
				if err := d.Write(ctx, pair(id)); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Println("ok", id) // one write to the pipe: whole or not at all
				mu.Unlock()
			}
		}()
	}
	select {}
}

func startChild(t *testing.T, path, round string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "DB_TEST_CHILD="+path, "DB_TEST_ROUND="+round)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewScanner(out)
}

// TestKilled: whatever a process that is killed had acknowledged is there when
// the file is opened next, and no batch is there in part.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	acknowledged := map[string]bool{}
	for round := range 3 {
		c, lines := startChild(t, path, fmt.Sprint(round))
		stop := time.AfterFunc(10*time.Second, func() { _ = c.Process.Kill() })
		for n := 0; lines.Scan(); n++ {
			id, ok := strings.CutPrefix(lines.Text(), "ok ")
			if !ok {
				t.Fatalf("the child says %q", lines.Text())
			}
			acknowledged[id] = true
			if n == 300+100*round {
				_ = c.Process.Kill() // SIGKILL: what follows was printed before
			}
		}
		stop.Stop()
		_ = c.Wait()
		d := must(db.Open(path, db.Options{}))(t)
		for id := range acknowledged {
			if _, err := d.Prediction(ctx, "pred-"+id); err != nil {
				t.Fatalf("round %d: acknowledged, then lost: %v", round, err)
			}
		}
		found := must(d.Predictions(ctx, db.Query{Limit: 10_000}))(t)
		other := must(d.Measurements(ctx, db.Query{Count: true}))(t)
		if int64(len(found.Rows)) != other.Total || len(found.Rows) < len(acknowledged) {
			t.Errorf("round %d: %d predictions, %d measurements, %d acknowledged", round, len(found.Rows), other.Total, len(acknowledged))
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) < 900 {
		t.Errorf("only %d batches were acknowledged: the test shows little", len(acknowledged))
	}
}

// TestOpenErrors: an operator reads one line that says what is wrong.
func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	damage := func(name string, at int) string {
		path := filepath.Join(dir, name)
		c, lines := startChild(t, path, "0")
		for n := 0; n < 50 && lines.Scan(); n++ {
		}
		_ = c.Process.Kill()
		_ = c.Wait()
		b, err := os.ReadFile(path + ".wal")
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)*at/100] ^= 0xff
		if err := os.WriteFile(path+".wal", b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(dir, "whole")
	d := open(t, whole, db.Options{})
	if err := d.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	spoilt := func(name string, spoil func([]byte) []byte) string {
		b, err := os.ReadFile(whole)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, spoil(b), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ path, want string }{
		"open already": {whole, "open in this process"},
		"damaged":      {spoilt("flipped", func(b []byte) []byte { b[100] ^= 0xff; return b }), "restore it from a backup"},
		"cut short":    {spoilt("short", func(b []byte) []byte { return b[:5000] }), "restore it from a backup"},
		"text file":    {text, "no DuckDB database"},
		"directory":    {dir, "is a directory"},
		"no directory": {filepath.Join(dir, "none", "a.duckdb"), "directory does not exist"},
		"odd name":     {filepath.Join(dir, "a?threads=9"), "must be free of ?"},
		"damaged log":  {damage("damaged", 50), "damaged"},
	} {
		d, err := db.Open(c.path, db.Options{})
		if err == nil {
			_ = d.Close()
			t.Errorf("%s was opened", name)
			continue
		}
		if s := err.Error(); !strings.Contains(s, c.want) || !strings.Contains(s, c.path) || strings.Contains(s, "\n") {
			t.Errorf("%s: %s", name, s)
		}
	}

	t.Run("locked", func(t *testing.T) {
		path := filepath.Join(dir, "locked")
		c, lines := startChild(t, path, "0")
		defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
		if !lines.Scan() {
			t.Fatal("the child wrote nothing")
		}
		_, err := db.Open(path, db.Options{})
		if want := fmt.Sprintf("database %s is in use by process %d: stop it, or choose another file", path, c.Process.Pid); err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	})
}
