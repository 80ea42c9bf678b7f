package db

import (
	"context"
	"database/sql"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestColumnsMatchSchema: the tables have exactly the columns that the fields
// name, of the right types, and no index or foreign key but the primary keys.
func TestColumnsMatchSchema(t *testing.T) {
	d, err := Open("", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	types := map[Kind]string{Text: "VARCHAR", Integer: "BIGINT", Number: "DOUBLE", Boolean: "BOOLEAN", Time: "TIMESTAMP", JSON: "VARCHAR", Blob: "BLOB"}
	for _, r := range relations {
		var want []string
		for _, name := range r.stored {
			want = append(want, name+" "+types[r.columns[r.index[name]].kind])
		}
		if got := strings1(t, d.sql, `SELECT column_name || ' ' || data_type FROM duckdb_columns() WHERE table_name = ?`, r.table); !sameSet(want, got) {
			t.Errorf("%s (-fields +table):\n%s", r.table, cmp.Diff(want, got))
		}
		if i, ok := r.index[r.time]; !ok || r.columns[i].kind != Time {
			t.Errorf("%s: no time column %q", r.table, r.time)
		}
		for i, c := range r.columns[:len(r.stored)] {
			if c.name != r.stored[i] {
				t.Errorf("%s: joined columns must come last", r.table)
			}
		}
	}
	tables := strings1(t, d.sql, `SELECT table_name FROM duckdb_tables()`)
	if want := append(Tables(), "schema_version", "journal"); !sameSet(want, tables) {
		t.Errorf("tables:\n%s", cmp.Diff(want, tables))
	}
	if n := strings1(t, d.sql, `SELECT index_name FROM duckdb_indexes()`); len(n) > 0 {
		t.Errorf("secondary indexes: %v", n)
	}
	if n := strings1(t, d.sql, `SELECT table_name FROM duckdb_constraints() WHERE constraint_type = 'FOREIGN KEY'`); len(n) > 0 {
		t.Errorf("foreign keys: %v", n)
	}
}

// TestMigrations: a database of any earlier version is brought to the newest
// with its rows, each step once, a failing step leaves the version before it.
func TestMigrations(t *testing.T) {
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	newest := len(steps)
	path := t.TempDir() + "/a.duckdb"
	d := openSQL(t, path)
	if err := migrate(context.Background(), d, steps[:1]); err != nil {
		t.Fatal(err)
	}
	insert := `INSERT INTO feedback VALUES (1, TIMESTAMP '2026-01-01', 'rec-1', true, 'kept')`
	if _, err := d.Exec(insert); err != nil {
		t.Fatal(err)
	}
	more := append(steps[:newest:newest],
		migration{"add", `ALTER TABLE feedback ADD COLUMN stars BIGINT; UPDATE feedback SET stars = 5`},
		migration{"broken", `ALTER TABLE feedback ADD COLUMN half BIGINT; ALTER TABLE nowhere ADD COLUMN x BIGINT`})
	if err := migrate(context.Background(), d, more); err == nil {
		t.Error("a broken migration passed")
	}
	if v, err := schemaVersion(context.Background(), d); v != newest+1 || err != nil {
		t.Errorf("version %d, want %d: %v", v, newest+1, err)
	}
	if err := migrate(context.Background(), d, more[:newest+1]); err != nil {
		t.Errorf("again: %v", err)
	}
	if got := strings1(t, d, `SELECT user_feedback || stars FROM feedback`); !slices.Equal(got, []string{"kept5"}) {
		t.Errorf("rows: %v", got)
	}
	if got := strings1(t, d, `SELECT column_name FROM duckdb_columns() WHERE column_name = 'half'`); len(got) > 0 {
		t.Error("half of a failed migration stayed")
	}
	if got := strings1(t, d, `SELECT DISTINCT duckdb_version FROM schema_version`); len(got) != 1 || got[0][0] != 'v' {
		t.Errorf("DuckDB version: %v", got)
	}
	if err := migrate(context.Background(), d, steps); err == nil {
		t.Error("a newer schema was accepted")
	}
}

// TestMigrationNames: a gap in the numbers is noticed.
func TestMigrationNames(t *testing.T) {
	bad := fstest.MapFS{"migrations/0001_a.sql": {}, "migrations/0003_b.sql": {}}
	if _, err := readMigrations(bad); err == nil {
		t.Error("a missing number passed")
	}
}

// TestLockedDown: nothing of DuckDB reaches outside the database's file, and
// nobody can turn that off.
func TestLockedDown(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir+"/a.duckdb", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for _, query := range []string{
		`COPY feedback TO '` + dir + `/out.csv'`, `SELECT * FROM read_csv('/etc/passwd')`, `SELECT * FROM read_text('/etc/passwd')`,
		`ATTACH '` + dir + `/b.duckdb' AS b`, `EXPORT DATABASE '` + dir + `/x'`, `INSTALL httpfs`, `LOAD httpfs`,
		`SET enable_external_access = true`, `SET lock_configuration = false`, `SET memory_limit = '100GB'`,
	} {
		if _, err := d.sql.Exec(query); err == nil {
			t.Errorf("%s was let through", query)
		}
	}
	if err := d.Checkpoint(context.Background()); err != nil {
		t.Error(err)
	}
}

func openSQL(t *testing.T, path string) *sql.DB {
	t.Helper()
	d, err := sql.Open("duckdb", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// strings1 is the first column of a query.
func strings1(t *testing.T, d *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := d.Query(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
