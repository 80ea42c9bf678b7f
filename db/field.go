package db

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"reflect"
	"time"
	"unicode/utf8"

	"github.com/perfcast/perfcast/perf"
)

// Kind is what a column holds, as far as filtering and rendering care.
type Kind string

// The kinds.
const (
	Text    Kind = "text"
	Integer Kind = "integer"
	Number  Kind = "number"
	Boolean Kind = "boolean"
	Time    Kind = "time"
	JSON    Kind = "json" // text in the table, a value to readers
	Blob    Kind = "blob" // read with its row by id, never listed
)

// A field binds a column to the place in a struct that holds its value: a
// pointer to a plain value, or a cell. A table's list of fields serves
// insertion and scanning alike, so the two can't go out of step.
type field struct {
	column string
	at     any
}

// A cell is a field that is not stored as it lies in the struct.
type cell interface {
	sql.Scanner
	kind() Kind
	// value is what is stored. It also puts the struct's value into the form
	// it will have when read back.
	value() (driver.Value, error)
}

// kindOf is the kind of the column behind a field.
func kindOf(at any) Kind {
	switch p := at.(type) {
	case cell:
		return p.kind()
	case joined:
		return kindOf(p.at)
	case *int:
		return Integer
	case *float64, **float64:
		return Number
	case *bool, **bool:
		return Boolean
	case *[]byte:
		return Blob
	}
	if reflect.TypeOf(at).Elem().Kind() == reflect.String {
		return Text
	}
	panic(fmt.Sprintf("db: no column kind for a %T", at))
}

// value is what DuckDB stores for a field. Errors are of the value: DuckDB's
// own checks let NaN pass, so numbers and text are checked here.
func value(f field) (driver.Value, error) {
	switch p := f.at.(type) {
	case cell:
		v, err := p.value()
		if err != nil {
			return nil, perf.Invalid(f.column, "%v", err)
		}
		return v, nil
	case joined:
		return value(field{f.column, p.at})
	case *string:
		return text(f.column, *p)
	case *int:
		return int64(*p), nil
	case *float64:
		return finite(f.column, p)
	case **float64:
		return finite(f.column, *p)
	case *bool:
		return *p, nil
	case **bool:
		if *p == nil {
			return nil, nil
		}
		return **p, nil
	case *[]byte:
		if len(*p) == 0 {
			*p = nil
			return nil, nil
		}
		return *p, nil
	}
	return text(f.column, reflect.ValueOf(f.at).Elem().String())
}

func text(column, s string) (driver.Value, error) {
	if !utf8.ValidString(s) {
		return nil, perf.Invalid(column, "must be valid UTF-8")
	}
	return s, nil
}

func finite(column string, p *float64) (driver.Value, error) {
	if p == nil {
		return nil, nil
	}
	if !perf.Finite(*p) {
		return nil, perf.Invalid(column, "must be a finite number, not %g", *p)
	}
	return *p, nil
}

// joined marks a field that is read from another table and never inserted.
type joined struct{ at any }

// stamp is a time: UTC with microseconds, as DuckDB keeps it; NULL when zero.
type stamp struct{ t *time.Time }

func (s stamp) kind() Kind { return Time }

func (s stamp) value() (driver.Value, error) {
	if s.t.IsZero() {
		*s.t = time.Time{}
		return nil, nil
	}
	if y := s.t.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("must be of the years 1 to 9999, not %d", y)
	}
	*s.t = s.t.UTC().Truncate(time.Microsecond)
	return *s.t, nil
}

func (s stamp) Scan(src any) error {
	if src == nil {
		*s.t = time.Time{}
		return nil
	}
	t, ok := src.(time.Time)
	if !ok {
		return fmt.Errorf("a time, not %T", src)
	}
	*s.t = t.UTC()
	return nil
}

// document is a nested value kept as JSON; NULL when nil or empty.
type document[T any] struct{ p *T }

func doc[T any](p *T) document[T] { return document[T]{p} }

func (d document[T]) kind() Kind { return JSON }

func (d document[T]) value() (driver.Value, error) {
	b, err := json.Marshal(d.p)
	if err != nil {
		return nil, fmt.Errorf("can't be kept as JSON: %w", err)
	}
	switch s := string(b); s {
	case "null", "[]", "{}":
		var zero T
		*d.p = zero
		return nil, nil
	default:
		return s, nil
	}
}

func (d document[T]) Scan(src any) error {
	var zero T
	*d.p = zero
	if src == nil {
		return nil
	}
	return json.Unmarshal([]byte(src.(string)), d.p)
}

// raw is JSON that is kept as it came; NULL when empty.
type raw struct{ p *json.RawMessage }

func (r raw) kind() Kind { return JSON }

func (r raw) value() (driver.Value, error) {
	if len(*r.p) == 0 {
		*r.p = nil
		return nil, nil
	}
	if !json.Valid(*r.p) || !utf8.Valid(*r.p) {
		return nil, fmt.Errorf("must be valid JSON")
	}
	return string(*r.p), nil
}

func (r raw) Scan(src any) error {
	*r.p = nil
	if src != nil {
		*r.p = json.RawMessage(src.(string))
	}
	return nil
}

// part is one number of an estimate that may be absent; all three are NULL then.
type part struct {
	e    **perf.Estimate
	pick func(*perf.Estimate) *float64
}

func (p part) kind() Kind { return Number }

func (p part) value() (driver.Value, error) {
	if *p.e == nil {
		return nil, nil
	}
	x := *p.pick(*p.e)
	if !perf.Finite(x) {
		return nil, fmt.Errorf("must be a finite number, not %g", x)
	}
	return x, nil
}

func (p part) Scan(src any) error {
	if src == nil {
		return nil
	}
	if *p.e == nil {
		*p.e = new(perf.Estimate)
	}
	*p.pick(*p.e) = src.(float64)
	return nil
}

// hash is the hash of a configuration, derived on the way in.
type hash struct{ c *perf.Config }

func (h hash) kind() Kind                   { return Integer }
func (h hash) value() (driver.Value, error) { return configHash(*h.c), nil }
func (h hash) Scan(any) error               { return nil }

// configHash is FNV-1a of the configuration's key, as a signed number because
// that is what the driver reads back.
func configHash(c perf.Config) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.Key())) // a hash never fails
	return int64(h.Sum64())
}
