package db

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/perfcast/perfcast/perf"
)

// Options tune a database; the zero value is right for a server.
type Options struct {
	Threads     int          // of DuckDB for one statement; 0 = 1: see DESIGN.md
	MemoryLimit string       // of DuckDB, "512MB"; empty = "2GB"
	Window      int          // newest rows of a table kept in memory, at least; 0 = 1000
	Log         *slog.Logger // nil = slog.Default()
}

// DB is an open database. All its methods may be called at once.
type DB struct {
	path   string // empty: in memory
	sql    *sql.DB
	writer *writer

	predictions     *window[perf.Prediction]
	measurements    *window[perf.Measurement]
	recommendations *window[perf.Recommendation]
	configs         configs
}

// Open opens or creates the database file, brings its schema up to date and
// starts the writer. An empty path or ":memory:" is a database of its own in
// memory. Errors are one line for an operator: who holds the file, what is
// wrong with it, what to do.
func Open(path string, o Options) (*DB, error) {
	if path == ":memory:" {
		path = ""
	}
	d, err := open(path, o)
	if err != nil {
		return nil, openError(path, err)
	}
	return d, nil
}

func open(path string, o Options) (_ *DB, err error) {
	dsn, err := dsn(path, o)
	if err != nil {
		return nil, err
	}
	connector, err := duckdb.NewConnector(dsn, nil)
	if err != nil {
		return nil, err
	}
	d := &DB{path: path, sql: sql.OpenDB(connector)}
	defer func() {
		if err != nil {
			_ = d.sql.Close() // the first error is the one to tell
		}
	}()
	d.sql.SetMaxOpenConns(8)
	d.sql.SetMaxIdleConns(8)
	ctx := context.Background()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	log := o.Log
	if log == nil {
		log = slog.Default()
	}
	a := newApplier(path, log, conn.(*duckdb.Conn))
	defer func() {
		if err != nil {
			_ = a.close()
		}
	}()
	if err = d.prepare(ctx, a); err != nil {
		return nil, err
	}
	if d.writer, err = d.newWriter(ctx, a); err != nil {
		return nil, err
	}
	if err = d.load(ctx, o); err != nil {
		return nil, errors.Join(err, d.writer.removeJournal())
	}
	go d.writer.run()
	return d, nil
}

// prepare stores what a journal holds, brings the schema up to date, and locks
// the configuration.
func (d *DB) prepare(ctx context.Context, a *applier) error {
	steps, err := migrations()
	if err != nil {
		return err
	}
	id, position, err := d.position(ctx, steps)
	if err != nil {
		return err
	}
	if d.path != "" {
		frames, err := readJournal(d.path, id, position)
		if err != nil {
			return err
		}
		if err := a.replay(frames); err != nil {
			return fmt.Errorf("what its journal %s holds could not be stored: %w", d.path+journalSuffixes[0], err)
		}
	}
	if err := migrate(ctx, d.sql, steps); err != nil {
		return err
	}
	_, err = d.sql.ExecContext(ctx, `SET lock_configuration = true`)
	return err
}

// position is the database's id and the number of the last frame that it has;
// none of a database from before there were journals.
func (d *DB) position(ctx context.Context, steps []migration) (id string, position int64, err error) {
	version, err := knownVersion(ctx, d.sql, steps)
	if err != nil || version < 2 {
		return "", 0, err
	}
	err = d.sql.QueryRowContext(ctx, `SELECT database_id, position FROM journal`).Scan(&id, &position)
	return id, position, err
}

// dsn is the driver's connection string: nothing of DuckDB that reaches
// outside its own file is left on.
func dsn(path string, o Options) (string, error) {
	if strings.ContainsAny(path, "?#%\x00") {
		return "", errors.New("its path must be free of ? # and %")
	}
	if path != "" {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		if info, err := os.Stat(abs); err == nil && info.IsDir() {
			return "", errors.New("it is a directory: name a file")
		}
		path = abs
	}
	v := url.Values{
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
		"enable_external_access":       {"false"},
		"memory_limit":                 {"2GB"},
		// Compressing text by FSST takes half of a checkpoint's time and saves a
		// fifth of the file.
		"disabled_compression_methods": {"fsst"},
		// See applier.tidy. A log of this size is replayed in two seconds.
		"checkpoint_threshold": {"256MB"},
	}
	if o.MemoryLimit != "" {
		v.Set("memory_limit", o.MemoryLimit)
	}
	v.Set("threads", strconv.Itoa(max(1, o.Threads)))
	return path + "?" + v.Encode(), nil
}

// load fills the memory from the tables.
func (d *DB) load(ctx context.Context, o Options) (err error) {
	size := o.Window
	if size <= 0 {
		size = 1000
	}
	d.predictions = newWindow(predictions, size)
	d.measurements = newWindow(measurements, size)
	d.recommendations = newWindow(recommendations, size)
	d.configs.seq = map[int64]int64{}
	return firstError(
		func() error { return fill(ctx, d, d.predictions) },
		func() error { return fill(ctx, d, d.measurements) },
		func() error { return fill(ctx, d, d.recommendations) },
		func() error { return d.configs.load(ctx, d) },
	)
}

// fill loads a window's share of its table.
func fill[T any](ctx context.Context, d *DB, w *window[T]) error {
	page, err := list(ctx, d, w.table, nil, Query{Limit: min(w.size, MaxLimit)})
	if err != nil {
		return err
	}
	for i := len(page.Rows) - 1; i >= 0; i-- {
		x, err := newEntry(w.table, page.Rows[i].Value)
		if err != nil {
			return err
		}
		x.setSeq(page.Rows[i].Seq)
		w.add(x)
	}
	w.dropped = page.HasNext
	return nil
}

// newWriter makes the writer, with a new journal.
func (d *DB) newWriter(ctx context.Context, a *applier) (*writer, error) {
	w := &writer{
		progress: progress{changed: make(chan struct{})},
		urgent:   make(chan struct{}, 1),
		stopped:  make(chan struct{}),
		jobs:     make(chan *job, 2*maxGroup),
		applier:  a,
		seq:      map[*relation]int64{},
		ids:      newIDs(),
		open:     &segment{},
		other:    &segment{},
	}
	mark := make([]byte, markSize)
	_, _ = rand.Read(mark) // never fails
	head := journalHead{Mark: hex.EncodeToString(mark)}
	for _, rel := range relations {
		var last int64
		if err := d.sql.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM `+quote(rel.table)).Scan(&last); err != nil {
			return nil, err
		}
		w.seq[rel] = last
		head.Tables = append(head.Tables, journalTable{rel.table, rel.stored})
	}
	if err := w.ids.load(ctx, d); err != nil {
		return nil, err
	}
	var position int64
	if err := d.sql.QueryRowContext(ctx, `SELECT database_id, position FROM journal`).Scan(&head.Database, &position); err != nil {
		return nil, err
	}
	w.progress.acknowledged.Store(position)
	w.progress.applied = position
	if d.path == "" {
		return w, nil
	}
	var err error
	if w.open, err = newSegment(d.path+journalSuffixes[0], head); err != nil {
		return nil, err
	}
	if w.other, err = newSegment(d.path+journalSuffixes[1], head); err != nil {
		_ = w.open.file.Close() // the first error is the one to tell
		return nil, err
	}
	return w, syncDir(d.path)
}

// Close stores what Write has accepted, refuses what comes after, and closes
// the file with its logs checkpointed; the journal is gone then, unless DuckDB
// could not take what it holds, which is an error.
func (d *DB) Close() error {
	w := d.writer
	err := w.close()
	if err == nil {
		// While the database is still locked: the next process has a journal of
		// the same name.
		err = w.removeJournal()
	}
	return errors.Join(err, w.applier.close(), d.sql.Close())
}

// Checkpoint moves the write-ahead log into the database file. DuckDB does so
// by itself as the log grows, in quiet moments and at Close.
func (d *DB) Checkpoint(ctx context.Context) error {
	if err := d.writer.settle(ctx); err != nil {
		return err
	}
	if _, err := d.sql.ExecContext(ctx, `CHECKPOINT`); err != nil {
		return fmt.Errorf("db: checkpoint: %w", err)
	}
	return nil
}

var (
	holder  = regexp.MustCompile(`\(PID (\d+)\)`)
	storage = regexp.MustCompile(`with version number (\d+)`)
)

// openError is one line that says what an operator can do.
func openError(path string, err error) error {
	text := err.Error()
	line, _, _ := strings.Cut(text, "\n")
	line = strings.TrimPrefix(line, "database/sql/driver: could not connect to database: ")
	switch {
	case strings.Contains(text, "Could not set lock on file"):
		by := "another process"
		if m := holder.FindStringSubmatch(text); m != nil {
			by = "process " + m[1]
		}
		return fmt.Errorf("database %s is in use by %s: stop it, or choose another file", path, by)
	case strings.Contains(text, "lock_configuration"), strings.Contains(text, "different configuration than existing connections"):
		return fmt.Errorf("database %s is open in this process already: use it, or choose another file", path)
	case strings.Contains(text, "WAL"):
		return fmt.Errorf("database %s: its log %s.wal is damaged: restore both files from a backup, or move the log away to return to the last checkpoint (what was stored since is lost)", path, path)
	case strings.Contains(text, "not a valid DuckDB database file"):
		return fmt.Errorf("database %s: it is no DuckDB database: choose another file", path)
	case storage.MatchString(text):
		return fmt.Errorf("database %s: it was written by a newer DuckDB (storage version %s): use the newer perfcast that wrote it", path, storage.FindStringSubmatch(text)[1])
	case strings.Contains(text, "Corrupt database file"), strings.Contains(text, "checksum"), strings.Contains(text, "Could not read enough bytes"):
		return fmt.Errorf("database %s: it is damaged: restore it from a backup", path)
	case strings.Contains(text, "Permission denied"), strings.Contains(text, "Read-only file system"):
		return fmt.Errorf("database %s: no permission to write it: change its permissions or choose another file", path)
	case strings.Contains(text, "No such file or directory"):
		return fmt.Errorf("database %s: its directory does not exist: create it or choose another file", path)
	}
	if path == "" {
		path = "in memory"
	}
	return fmt.Errorf("database %s: %s", path, line)
}
