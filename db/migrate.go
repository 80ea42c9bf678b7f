package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration brings a database from version-1 to version.
type migration struct {
	name string // of the file, for messages
	sql  string
}

// migrations are the embedded ones in order: the i-th makes version i+1.
func migrations() ([]migration, error) { return readMigrations(migrationFiles) }

func readMigrations(dir fs.FS) ([]migration, error) {
	files, err := fs.Glob(dir, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	var out []migration
	for i, f := range files {
		if !strings.HasPrefix(f, fmt.Sprintf("migrations/%04d_", i+1)) {
			return nil, fmt.Errorf("db: %s: want number %04d", f, i+1)
		}
		b, err := fs.ReadFile(dir, f)
		if err != nil {
			return nil, err
		}
		out = append(out, migration{f, string(b)})
	}
	return out, nil
}

// migrate brings the database to the newest version, each step in a
// transaction of its own, and refuses what it does not know.
func migrate(ctx context.Context, db *sql.DB, steps []migration) error {
	version, err := knownVersion(ctx, db, steps)
	if err != nil {
		return err
	}
	for i := version; i < len(steps); i++ {
		if err := apply(ctx, db, i+1, steps[i]); err != nil {
			return fmt.Errorf("migration %s: %w", steps[i].name, err)
		}
	}
	return nil
}

// knownVersion is the version of the database's schema, one that the steps
// lead to.
func knownVersion(ctx context.Context, db *sql.DB, steps []migration) (int, error) {
	version, err := schemaVersion(ctx, db)
	if err == nil && version > len(steps) {
		err = fmt.Errorf("its schema has version %d, this perfcast knows only up to %d: use the newer perfcast that wrote it", version, len(steps))
	}
	return version, err
}

// schemaVersion is the version of the database's schema; 0 for an empty one.
func schemaVersion(ctx context.Context, db *sql.DB) (version int, err error) {
	var tables int
	var ours bool
	err = db.QueryRowContext(ctx, `SELECT count(*), coalesce(bool_or(table_name = 'schema_version'), false)
		FROM duckdb_tables() WHERE NOT internal AND NOT temporary`).Scan(&tables, &ours)
	if err != nil || tables == 0 {
		return 0, err
	}
	if !ours {
		return 0, errors.New("it holds the tables of another program: choose another file")
	}
	return version, db.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM schema_version`).Scan(&version)
}

func apply(ctx context.Context, db *sql.DB, version int, m migration) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // the first error is the one to tell
		}
	}()
	const meta = `CREATE TABLE IF NOT EXISTS schema_version (
		version INTEGER NOT NULL, applied_at TIMESTAMP NOT NULL, duckdb_version VARCHAR NOT NULL)`
	if _, err = tx.ExecContext(ctx, meta); err != nil {
		return err
	}
	if _, err = tx.ExecContext(ctx, m.sql); err != nil {
		return err
	}
	const done = `INSERT INTO schema_version SELECT ?, ?, library_version FROM pragma_version()`
	if _, err = tx.ExecContext(ctx, done, version, time.Now().UTC()); err != nil {
		return err
	}
	return tx.Commit()
}
