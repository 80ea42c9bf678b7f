package db

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// Column describes a column to readers.
type Column struct {
	Name string
	Kind Kind
}

// Grid is a page of a table with chosen columns.
type Grid struct {
	Columns              []Column
	Rows                 [][]any // nil, string, int64, float64, bool, time.Time (UTC) or json.RawMessage
	Total                int64   // rows that the filters keep; -1 unless Query.Count
	HasNext, HasPrevious bool
	First, Last          string // cursors of the first and last row; empty without rows
}

// Tables lists the tables that Rows reads.
func Tables() []string {
	var names []string
	for _, r := range relations {
		names = append(names, r.table)
	}
	return names
}

// Columns are a table's columns; CodeNotFound for an unknown table.
func Columns(table string) ([]Column, error) {
	r, err := relationOf(table)
	if err != nil {
		return nil, err
	}
	var out []Column
	for _, c := range r.columns {
		out = append(out, Column{c.name, c.kind})
	}
	return out, nil
}

func relationOf(table string) (*relation, error) {
	for _, r := range relations {
		if r.table == table {
			return r, nil
		}
	}
	return nil, perf.NotFound("there is no table %q; there are %s", clip(table), strings.Join(Tables(), ", "))
}

// Rows reads chosen columns of a table, all that can be listed when none is
// named: binary ones can't.
func (d *DB) Rows(ctx context.Context, table string, q Query, columns ...string) (*Grid, error) {
	r, err := relationOf(table)
	if err != nil {
		return nil, err
	}
	p, err := r.plan(q)
	if err != nil {
		return nil, err
	}
	g := &Grid{Total: -1}
	if g.Columns, err = r.choose(columns); err != nil {
		return nil, err
	}
	if p.limit > 0 {
		if err := d.readGrid(ctx, p, g); err != nil {
			return nil, fmt.Errorf("db: read %s: %w", table, err)
		}
	}
	if p.count {
		g.Total, err = d.total(ctx, p)
	}
	return g, err
}

func (r *relation) choose(names []string) (out []Column, err error) {
	if len(names) == 0 {
		for _, c := range r.columns {
			if c.kind != Blob {
				out = append(out, Column{c.name, c.kind})
			}
		}
		return out, nil
	}
	for _, name := range names {
		i, err := r.column(name)
		if err != nil {
			return nil, err
		}
		if r.columns[i].kind == Blob {
			return nil, perf.Invalid(name, "holds binary data and can't be listed")
		}
		out = append(out, Column{name, r.columns[i].kind})
	}
	return out, nil
}

// readGrid reads the chosen columns and, behind them, what cursors are made of.
func (d *DB) readGrid(ctx context.Context, p *plan, g *Grid) error {
	var names []string
	for _, c := range g.Columns {
		names = append(names, c.Name)
	}
	for _, o := range p.sort {
		names = append(names, p.columns[o.column].name)
	}
	query, args := p.query(quoted(append(names, "seq")))
	if err := d.settle(ctx); err != nil {
		return err
	}
	rows, err := d.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var all [][]any
	for rows.Next() {
		values := make([]any, len(names)+1)
		to := make([]any, len(values))
		for i := range values {
			to[i] = &values[i]
		}
		if err := rows.Scan(to...); err != nil {
			return err
		}
		all = append(all, values)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	all, g.HasNext, g.HasPrevious = cut(p, all)
	for _, values := range all {
		g.Rows = append(g.Rows, values[:len(g.Columns):len(g.Columns)])
	}
	if n := len(all); n > 0 {
		g.First, g.Last = g.cursor(p, all[0]), g.cursor(p, all[n-1])
	}
	for _, row := range g.Rows {
		for i, c := range g.Columns {
			row[i] = present(c.Kind, row[i])
		}
	}
	return nil
}

func (g *Grid) cursor(p *plan, row []any) string {
	var values []driver.Value
	for _, v := range row[len(g.Columns) : len(row)-1] {
		values = append(values, v)
	}
	return p.cursor(values, row[len(row)-1].(int64))
}

// present is a scanned value as readers get it.
func present(k Kind, v any) any {
	switch x := v.(type) {
	case string:
		if k == JSON {
			return json.RawMessage(x)
		}
	case time.Time:
		return x.UTC()
	}
	return v
}

// TableInfo is what there is in a table.
type TableInfo struct {
	Name   string
	Rows   int64     // of states, where a record has several
	Newest time.Time // zero without rows
}

// Overview tells of every table.
func (d *DB) Overview(ctx context.Context) ([]TableInfo, error) {
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	var out []TableInfo
	for _, r := range relations {
		t := TableInfo{Name: r.table}
		query := fmt.Sprintf(`SELECT count(*), max(%s) FROM %s`, quote(r.time), quote(r.table))
		if err := d.sql.QueryRowContext(ctx, query).Scan(&t.Rows, stamp{&t.Newest}); err != nil {
			return nil, fmt.Errorf("db: overview: %w", err)
		}
		out = append(out, t)
	}
	return out, nil
}

// Size is the bytes on disk of the database file and of its logs; 0 for one in
// memory.
func (d *DB) Size() (file, logs int64) {
	if d.path == "" {
		return 0, 0
	}
	logs = fileSize(d.path + ".wal")
	for _, suffix := range journalSuffixes {
		logs += fileSize(d.path + suffix)
	}
	return fileSize(d.path), logs
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0 // the log exists only while it holds something
	}
	return info.Size()
}
