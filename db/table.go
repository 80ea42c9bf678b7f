package db

import (
	"reflect"
	"strings"
)

// column is one column of a relation.
type column struct {
	name string
	kind Kind
}

// relation is a table as readers see it. Column 0 is always seq.
type relation struct {
	table   string
	source  string         // what stands behind FROM
	place   int            // in the list of relations
	key     string         // the column of the id; empty = none
	unique  bool           // a row's id is its own: the table's primary key
	time    string         // the column that "newest" goes by
	columns []column       // the stored ones first, then the joined
	stored  []string       // what an insertion fills
	index   map[string]int // column name -> position
}

// table is a relation whose rows are T.
type table[T any] struct {
	relation
	fields func(*T) []field
}

// newTable describes a table by its fields. key is the column of the row's id.
func newTable[T any](name, key string, fields func(*T) []field) *table[T] {
	t := &table[T]{fields: fields}
	t.relation = relation{table: name, source: quote(name), key: key, time: "created_at", index: map[string]int{}}
	t.columns, t.stored = []column{{"seq", Integer}}, []string{"seq"}
	for _, f := range fields(new(T)) {
		t.columns = append(t.columns, column{f.column, kindOf(f.at)})
		if _, foreign := f.at.(joined); !foreign {
			t.stored = append(t.stored, f.column)
		}
	}
	for i, c := range t.columns {
		t.index[c.name] = i
	}
	return t
}

// once makes the table refuse a second row with an id.
func (t *table[T]) once() *table[T] {
	t.unique = true
	return t
}

// latest makes a relation of each key's newest row. Its seq is that of the
// key's first row, so that a place in a list outlives a change of state. The
// window functions see keys and numbers only: they would hold whole rows in
// memory.
func (t *table[T]) latest(keys ...string) *table[T] {
	by := quoted(keys)
	t.source = `(SELECT t.* EXCLUDE (seq), first_seq AS seq FROM ` + quote(t.table) + ` t JOIN` +
		` (SELECT ` + by + `, seq, min(seq) OVER (PARTITION BY ` + by + `) AS first_seq FROM ` + quote(t.table) +
		` QUALIFY row_number() OVER (PARTITION BY ` + by + ` ORDER BY seq DESC) = 1) USING (` + by + `, seq))`
	return t
}

// selected is the select list of every column, in order.
func (r *relation) selected(blobs bool) string {
	var names []string
	for _, c := range r.columns {
		if c.kind != Blob || blobs {
			names = append(names, c.name)
		}
	}
	return quoted(names)
}

// targets are the places to scan a row of the select list into.
func (t *table[T]) targets(row *Row[T], blobs bool) []any {
	to := make([]any, 1, len(t.columns))
	to[0] = &row.Seq
	for _, f := range t.fields(&row.Value) {
		at := f.at
		if j, ok := at.(joined); ok {
			at = j.at
		}
		if _, blob := at.(*[]byte); !blob || blobs {
			to = append(to, at)
		}
	}
	return to
}

// unjoined is v without what comes from other tables.
func (t *table[T]) unjoined(v T) T {
	if len(t.stored) < len(t.columns) {
		for _, f := range t.fields(&v) {
			if j, ok := f.at.(joined); ok {
				reflect.ValueOf(j.at).Elem().SetZero()
			}
		}
	}
	return v
}

// quote makes an identifier of a name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = quote(n)
	}
	return strings.Join(q, ", ")
}
