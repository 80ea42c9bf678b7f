package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	Threads     int    // of DuckDB for one statement; 0 = 1: see DESIGN.md
	MemoryLimit string // of DuckDB, "512MB"; empty = "2GB"
	Window      int    // newest rows of a table kept in memory, at least; 0 = 1000
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
	steps, err := migrations()
	if err != nil {
		return nil, err
	}
	if err = migrate(ctx, d.sql, steps); err != nil {
		return nil, err
	}
	if _, err = d.sql.ExecContext(ctx, `SET lock_configuration = true`); err != nil {
		return nil, err
	}
	if err = d.load(ctx, o); err != nil {
		return nil, err
	}
	return d, d.startWriter(ctx, connector)
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
		// A checkpoint rewrites what a table's last row group holds already, so
		// DuckDB's usual 16 MB cost writers a fifth of their time; a log of this
		// size is replayed in seconds.
		"checkpoint_threshold": {"64MB"},
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

func (d *DB) startWriter(ctx context.Context, connector *duckdb.Connector) error {
	conn, err := connector.Connect(ctx)
	if err != nil {
		return err
	}
	w := &writer{
		conn:      conn.(*duckdb.Conn),
		appenders: map[*relation]*duckdb.Appender{},
		seq:       map[*relation]int64{},
		jobs:      make(chan *job, 2*maxGroup),
		stopped:   make(chan struct{}),
	}
	for _, rel := range relations {
		var last int64
		if err := d.sql.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM `+quote(rel.table)).Scan(&last); err != nil {
			_ = w.conn.Close()
			return err
		}
		w.seq[rel] = last
	}
	d.writer = w
	go w.run()
	return nil
}

// Close stores what Write has accepted, refuses what comes after, and closes
// the file with its log checkpointed.
func (d *DB) Close() error {
	d.writer.close()
	return errors.Join(d.writer.conn.Close(), d.sql.Close())
}

// Checkpoint moves the write-ahead log into the database file. DuckDB does so
// by itself every 16 MB and at Close.
func (d *DB) Checkpoint(ctx context.Context) error {
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
