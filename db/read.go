package db

import (
	"context"
	"database/sql/driver"
	"fmt"
	"iter"
	"slices"

	"github.com/perfcast/perfcast/perf"
)

// Row is a record with its number, which is unique in its table and rises in
// the order of storing. What Value refers to is shared: read only.
type Row[T any] struct {
	Seq   int64
	Value T
}

// Page is a part of a list.
type Page[T any] struct {
	Rows                 []Row[T]
	Total                int64 // rows that the filters keep; -1 unless Query.Count
	HasNext, HasPrevious bool

	cursor func(*Row[T]) string
}

// Cursor is the place of the page's i-th row, for Query.After and Before.
func (p *Page[T]) Cursor(i int) string { return p.cursor(&p.Rows[i]) }

// Values are the page's records alone.
func (p *Page[T]) Values() []T {
	out := make([]T, len(p.Rows))
	for i := range p.Rows {
		out[i] = p.Rows[i].Value
	}
	return out
}

// settle returns when what Write acknowledged is in DuckDB, where a reader is
// about to look for it.
func (d *DB) settle(ctx context.Context) error { return d.writer.settle(ctx) }

// list answers q from the window where it can, else from DuckDB.
func list[T any](ctx context.Context, d *DB, t *table[T], w *window[T], q Query) (*Page[T], error) {
	p, err := t.plan(q)
	if err != nil {
		return nil, err
	}
	page := &Page[T]{Total: -1, cursor: func(r *Row[T]) string { return t.cursorOf(p, r) }}
	answered := p.limit == 0
	if !answered && w != nil && !slices.ContainsFunc(p.filters, condition.pattern) {
		page.Rows, answered = w.list(p)
	}
	if !answered {
		query, args := p.query(t.selected(false))
		if page.Rows, err = scan(ctx, d, t, false, query, args...); err != nil {
			return nil, err
		}
	}
	page.Rows, page.HasNext, page.HasPrevious = cut(p, page.Rows)
	if p.count {
		page.Total, err = d.total(ctx, p)
	}
	return page, err
}

// cut takes the extra row off a page and puts the page into the list's order.
func cut[R any](p *plan, rows []R) (_ []R, next, previous bool) {
	more := len(rows) > p.limit
	if more {
		rows = rows[:p.limit]
	}
	if p.last {
		slices.Reverse(rows)
		return rows, p.before != nil, more
	}
	return rows, more, p.after != nil
}

func (c condition) pattern() bool { return c.op == Like || c.op == Contains }

// cursorOf is the cursor of a row in the order of a plan.
func (t *table[T]) cursorOf(p *plan, r *Row[T]) string {
	v := r.Value
	fields := t.fields(&v)
	values := make([]driver.Value, len(p.sort))
	for i, o := range p.sort {
		if o.column == 0 {
			values[i] = r.Seq
			continue
		}
		values[i], _ = value(fields[o.column-1]) // it was stored, so it can be
	}
	return p.cursor(values, r.Seq)
}

// total counts the rows that a plan's filters keep.
func (d *DB) total(ctx context.Context, p *plan) (n int64, err error) {
	query, args := p.total()
	if err := d.settle(ctx); err != nil {
		return 0, err
	}
	if err := d.sql.QueryRowContext(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("db: count %s: %w", p.table, err)
	}
	return n, nil
}

// scan runs a query whose select list is the table's own.
func scan[T any](ctx context.Context, d *DB, t *table[T], blobs bool, query string, args ...any) (out []Row[T], err error) {
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	rows, err := d.sql.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("db: read %s: %w", t.table, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	for rows.Next() {
		out = append(out, Row[T]{})
		if err := rows.Scan(t.targets(&out[len(out)-1], blobs)...); err != nil {
			return nil, fmt.Errorf("db: read %s: %w", t.table, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("db: read %s: %w", t.table, err)
	}
	return out, nil
}

// get is the row with an id, blobs included.
func get[T any](ctx context.Context, d *DB, t *table[T], w *window[T], id string) (Row[T], error) {
	if w != nil {
		if r, found, all := w.find(t.key, id); found {
			return r, nil
		} else if all {
			return Row[T]{}, missing(t, id)
		}
	}
	rows, err := scan(ctx, d, t, true, fmt.Sprintf(`SELECT %s FROM %s AS t WHERE %s = ?`, t.selected(true), t.source, quote(t.key)), id)
	if err != nil {
		return Row[T]{}, err
	}
	if len(rows) == 0 {
		return Row[T]{}, missing(t, id)
	}
	return rows[0], nil
}

func missing[T any](t *table[T], id string) error {
	return perf.NotFound("there is no %s %q", t.key, clip(id))
}

// each yields a table's rows in the order of storing, a page at a time because
// DuckDB's results lie in memory whole.
func each[T any](ctx context.Context, d *DB, t *table[T], where string) iter.Seq2[Row[T], error] {
	const page = 10_000
	return func(yield func(Row[T], error) bool) {
		query := fmt.Sprintf(`SELECT %s FROM %s AS t WHERE seq > ? AND %s ORDER BY seq LIMIT %d`, t.selected(false), t.source, where, page)
		for last := int64(0); ; {
			rows, err := scan(ctx, d, t, false, query, last)
			if err != nil {
				yield(Row[T]{}, err)
				return
			}
			for _, r := range rows {
				if last = r.Seq; !yield(r, nil) {
					return
				}
			}
			if len(rows) < page {
				return
			}
		}
	}
}

// collect drains an iterator.
func collect[T any](seq iter.Seq2[Row[T], error]) ([]Row[T], error) {
	var out []Row[T]
	for r, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
