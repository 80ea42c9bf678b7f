package db

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// MaxLimit is the largest page of a list.
const MaxLimit = 10_000

// maxIn is the longest list of an In filter.
const maxIn = 1000

// Op compares a column with a filter's value.
type Op string

// The operators. An unknown value (NULL) matches none of them but Eq and Ne
// with a nil Value, which ask for it and for its absence.
const (
	Eq       Op = "eq"
	Ne       Op = "ne"
	In       Op = "in" // Value is a []string or []any
	Lt       Op = "lt"
	Le       Op = "le"
	Gt       Op = "gt"
	Ge       Op = "ge"
	Like     Op = "like"     // SQL pattern with % and _, without regard to case
	Contains Op = "contains" // substring, without regard to case
)

// Ops lists the operators.
var Ops = []Op{Eq, Ne, In, Lt, Le, Gt, Ge, Like, Contains}

var sqlOps = map[Op]string{Eq: "=", Ne: "<>", Lt: "<", Le: "<=", Gt: ">", Ge: ">="}

// Filter keeps the rows whose Column compares with Value. Value is of the
// column's kind, or text that reads as one: "1.5", "true",
// "2026-01-31T12:00:00Z".
type Filter struct {
	Column string
	Op     Op
	Value  any
}

// Sort orders rows by a column; unknown values come last either way.
type Sort struct {
	Column string
	Desc   bool
}

// Query asks for a page of a list. The zero Sort is newest first. Rows that
// tie are ordered by seq, in the direction of the last Sort.
type Query struct {
	Filters []Filter
	Sort    []Sort
	After   string // a row's cursor: the page starts behind it
	Before  string // a row's cursor: the page ends before it
	Limit   int    // rows of the page, 0 to MaxLimit
	Last    bool   // the last rows of the range instead of the first
	Count   bool   // also count all rows that the filters keep
}

// Where is a Query with one more filter.
func (q Query) Where(column string, op Op, value any) Query {
	q.Filters = append(slices.Clip(q.Filters), Filter{column, op, value})
	return q
}

// plan is a Query that has been checked against its relation.
type plan struct {
	*relation
	filters       []condition
	sort          []order
	newest        bool // the order and direction that a window holds
	after, before *position
	limit         int
	last          bool
	count         bool
}

type condition struct {
	column int
	op     Op
	values []driver.Value // one; any number for In; a nil one asks for NULL
}

type order struct {
	column int
	desc   bool
}

// plan checks q. Errors are CodeInvalid and name the column or argument.
func (r *relation) plan(q Query) (*plan, error) {
	p := &plan{relation: r, limit: q.Limit, last: q.Last, count: q.Count}
	if q.Limit < 0 || q.Limit > MaxLimit {
		return nil, perf.Invalid("limit", "must be 0 to %d, not %d", MaxLimit, q.Limit)
	}
	for _, f := range q.Filters {
		c, err := r.condition(f)
		if err != nil {
			return nil, err
		}
		p.filters = append(p.filters, c)
	}
	sorts := q.Sort
	if len(sorts) == 0 {
		sorts = []Sort{{r.time, true}}
	}
	for _, s := range sorts {
		i, err := r.column(s.Column)
		if err != nil {
			return nil, err
		}
		if k := r.columns[i].kind; k == JSON || k == Blob {
			return nil, perf.Invalid(s.Column, "holds nested values and can't be sorted by")
		}
		p.sort = append(p.sort, order{i, s.Desc})
	}
	p.newest = !q.Last && q.Before == "" && len(sorts) == 1 && sorts[0] == Sort{r.time, true}
	var err error
	if p.after, err = p.position("after", q.After); err == nil {
		p.before, err = p.position("before", q.Before)
	}
	return p, err
}

// column is the position of a column that a caller named.
func (r *relation) column(name string) (int, error) {
	i, ok := r.index[name]
	if !ok {
		names := make([]string, len(r.columns))
		for i, c := range r.columns {
			names[i] = c.name
		}
		return 0, &perf.Error{Code: perf.CodeInvalid, Field: clip(name),
			Message: fmt.Sprintf("is no column of %s; it has %s", r.table, strings.Join(names, ", "))}
	}
	return i, nil
}

// clip keeps a caller's text short enough to be said back.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "..."
	}
	return s
}

func (r *relation) condition(f Filter) (condition, error) {
	i, err := r.column(f.Column)
	if err != nil {
		return condition{}, err
	}
	c, kind := condition{column: i, op: f.Op}, r.columns[i].kind
	if !slices.Contains(Ops, f.Op) {
		return c, perf.Invalid(f.Column, "has no operator %q; there are %v", clip(string(f.Op)), Ops)
	}
	text := f.Op == Like || f.Op == Contains
	switch {
	case kind == Blob:
		return c, perf.Invalid(f.Column, "holds binary data and can't be filtered")
	case text && kind != Text && kind != JSON:
		return c, perf.Invalid(f.Column, "holds a %s: %s is for text", kind, f.Op)
	case kind == JSON && !text && f.Value != nil:
		return c, perf.Invalid(f.Column, "holds nested values: use %s or %s", Like, Contains)
	}
	values := []any{f.Value}
	if f.Op == In {
		if values, err = elements(f.Value); err != nil {
			return c, perf.Invalid(f.Column, "%v", err)
		}
	}
	for _, v := range values {
		if v == nil && f.Op != Eq && f.Op != Ne {
			return c, perf.Invalid(f.Column, "%s needs a value", f.Op)
		}
		x, err := operand(kind, v)
		if err != nil {
			return c, perf.Invalid(f.Column, "%v", err)
		}
		c.values = append(c.values, x)
	}
	return c, nil
}

func elements(v any) ([]any, error) {
	var out []any
	switch v := v.(type) {
	case []any:
		out = v
	case []string:
		for _, s := range v {
			out = append(out, s)
		}
	default:
		return nil, fmt.Errorf("%s needs a list of values", In)
	}
	if len(out) > maxIn {
		return nil, fmt.Errorf("%s takes at most %d values", In, maxIn)
	}
	return out, nil
}

// operand is v as a column of the kind stores it.
func operand(kind Kind, v any) (driver.Value, error) {
	if v == nil {
		return nil, nil
	}
	s, isText := v.(string)
	if !isText {
		if t, ok := v.(time.Time); ok {
			s = t.UTC().Format(time.RFC3339Nano)
		} else {
			s = fmt.Sprint(v)
		}
	}
	switch kind {
	case Integer:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		return nil, fmt.Errorf("needs an integer, not %q", clip(s))
	case Number:
		if x, err := strconv.ParseFloat(s, 64); err == nil && perf.Finite(x) {
			return x, nil
		}
		return nil, fmt.Errorf("needs a finite number, not %q", clip(s))
	case Boolean:
		if b, err := strconv.ParseBool(s); err == nil {
			return b, nil
		}
		return nil, fmt.Errorf("needs true or false, not %q", clip(s))
	case Time:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly} {
			if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1 && t.Year() <= 9999 {
				return t.UTC().Truncate(time.Microsecond), nil
			}
		}
		return nil, fmt.Errorf("needs a UTC time such as 2026-01-31T12:00:00Z, not %q", clip(s))
	}
	if !isText {
		return nil, fmt.Errorf("needs text, not %v", clip(s))
	}
	return s, nil
}

// matches reports whether a row's values pass every filter.
func (p *plan) matches(values []driver.Value) bool {
	for _, c := range p.filters {
		if !c.matches(values[c.column]) {
			return false
		}
	}
	return true
}

func (c *condition) matches(v driver.Value) bool {
	want := c.values
	if len(want) == 1 && want[0] == nil {
		return (v == nil) == (c.op == Eq)
	}
	if v == nil {
		return false
	}
	switch c.op {
	case In:
		return slices.ContainsFunc(want, func(x driver.Value) bool { return compare(v, x) == 0 })
	case Eq:
		return compare(v, want[0]) == 0
	case Ne:
		return compare(v, want[0]) != 0
	case Lt:
		return compare(v, want[0]) < 0
	case Le:
		return compare(v, want[0]) <= 0
	case Gt:
		return compare(v, want[0]) > 0
	case Ge:
		return compare(v, want[0]) >= 0
	}
	panic("db: the window can't match " + string(c.op))
}

// compare orders two stored values of one kind, neither of them NULL, as
// DuckDB does.
func compare(a, b driver.Value) int {
	switch a := a.(type) {
	case string:
		return strings.Compare(a, b.(string))
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case time.Time:
		return a.Compare(b.(time.Time))
	case bool:
		if a == b.(bool) {
			return 0
		} else if a {
			return 1
		}
		return -1
	}
	panic(fmt.Sprintf("db: can't compare a %T", a))
}
