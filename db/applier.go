package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/perfcast/perfcast/perf"
)

// applier puts what the journal holds into DuckDB. It owns the only connection
// that writes.
type applier struct {
	path      string // of the database
	log       *slog.Logger
	conn      *duckdb.Conn
	appenders map[*relation]*duckdb.Appender // opened at first use

	work    chan *segment
	done    chan bool     // answers work: whether the segment is in DuckDB, and empty
	closing chan struct{} // closed when nothing is to be tried again
}

func newApplier(path string, log *slog.Logger, conn *duckdb.Conn) *applier {
	return &applier{path: path, log: log, conn: conn, appenders: map[*relation]*duckdb.Appender{},
		work: make(chan *segment, 1), done: make(chan bool, 1), closing: make(chan struct{})}
}

// run stores segment after segment until work is closed, and lets DuckDB tidy
// up when there has been none for a while.
func (a *applier) run(p *progress) {
	for {
		select {
		case s, ok := <-a.work:
			if !ok {
				return
			}
			a.done <- a.keepAt(s, p)
		case <-time.After(quiet):
			a.tidy()
		}
	}
}

// keepAt stores a segment. What DuckDB does not take (its disk is full, say) is
// tried again until it does; meanwhile p says so, and writers are refused. It
// reports false if the end came first.
func (a *applier) keepAt(s *segment, p *progress) bool {
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	for pause := first; ; pause = min(2*pause, longest) {
		err := a.store(s.batches, s.last)
		if err == nil {
			err = s.rewind()
		}
		if err == nil {
			p.set(s.last, nil)
			return true
		}
		applied, _, _ := p.get()
		p.set(applied, &perf.Error{Code: perf.CodeUnavailable,
			Message: "the database takes no more for now: what was stored is safe; the server's log has the reason, try again later"})
		a.log.Error("the database takes no more for now; what was stored is safe in its journal, which is tried again", "error", err)
		select {
		case <-time.After(pause):
		case <-a.closing:
			return false
		}
	}
}

// A checkpoint compresses up to 122,880 rows of a table anew, which takes a
// second of a processor. DuckDB's own comes when its log has grown large, in
// the middle of the work; one that comes in a quiet moment is in nobody's way.
const (
	quiet   = 2 * time.Second
	tidyLog = 32 << 20
)

func (a *applier) tidy() {
	if a.path != "" && fileSize(a.path+".wal") > tidyLog {
		_ = a.exec("CHECKPOINT", nil) // a long read may be in its way: DuckDB's own comes later
	}
}

// store puts batches into DuckDB in one transaction, with the number of the
// frame that they end with, or leaves everything as it was.
func (a *applier) store(batches []*encoded, last int64) error {
	if err := a.exec("BEGIN TRANSACTION", nil); err != nil {
		return err
	}
	err := a.append(batches)
	if err == nil {
		err = a.exec("UPDATE journal SET position = ?", args(last))
	}
	if err == nil {
		err = a.exec("COMMIT", nil)
	}
	if err != nil {
		a.dropAppenders() // a failed appender keeps its rows
		if e := a.exec("ROLLBACK", nil); e != nil && !strings.Contains(e.Error(), "no transaction is active") {
			return errors.Join(err, e)
		}
	}
	return err
}

// append appends the batches' rows, through DuckDB's Appender, and runs their
// statements, each after the rows that came before it.
func (a *applier) append(batches []*encoded) error {
	for _, e := range batches {
		for i := range e.rows {
			r := &e.rows[i]
			to, err := a.appender(r.rel)
			if err != nil {
				return err
			}
			if err := to.AppendRow(r.values[:len(r.rel.stored)]...); err != nil {
				return err
			}
		}
		if len(e.statements) > 0 {
			if err := a.flush(); err != nil {
				return err
			}
		}
		for _, s := range e.statements {
			if err := a.exec(s.sql, s.args); err != nil {
				return err
			}
		}
	}
	return a.flush()
}

func (a *applier) flush() error {
	for _, to := range a.appenders {
		if err := to.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (a *applier) appender(rel *relation) (*duckdb.Appender, error) {
	if to := a.appenders[rel]; to != nil {
		return to, nil
	}
	to, err := duckdb.NewAppenderWithColumns(a.conn, "", "", rel.table, rel.stored)
	if err != nil {
		return nil, err
	}
	a.appenders[rel] = to
	return to, nil
}

func (a *applier) dropAppenders() {
	for rel, to := range a.appenders {
		_ = to.Clear() // their rows belong to a transaction that is over
		_ = to.Close()
		delete(a.appenders, rel)
	}
}

func (a *applier) exec(query string, args []driver.NamedValue) error {
	_, err := a.conn.ExecContext(context.Background(), query, args)
	return err
}

// replay puts the frames of a journal into DuckDB.
func (a *applier) replay(frames []frame) error {
	var batches []*encoded
	for i, f := range frames {
		records, err := decodeRecords(f.content, f.rels)
		if err != nil {
			return err
		}
		batches = append(batches, records...)
		if len(batches) >= applyRows || i == len(frames)-1 {
			if err := a.store(batches, f.number); err != nil {
				return err
			}
			batches = nil
		}
	}
	a.dropAppenders() // they know the tables as they are before a migration
	return nil
}

// close gives the connection back.
func (a *applier) close() error {
	a.dropAppenders()
	return a.conn.Close()
}
