package gateway

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

// ask is what the query parameters of a database route ask for:
//
//	COLUMN=x  COLUMN_ne=x  COLUMN_in=x,y     equal, not equal, one of
//	COLUMN_ge=x  _gt  _le  _lt               ranges of numbers and times
//	COLUMN_like=a%  COLUMN_contains=a        text, without regard to case
//	COLUMN_null=true                         not known (false: known)
//	days=n                                   the last n days
//	sort=-throughput,model_name              - is descending; newest first by default
//	limit=10  cursor=...  columns=a,b
//
// A column goes by the name that the lists show it under, in their unit
// (latency in ms), or by its name in the database, in SI units (latency_s).
type ask struct {
	query   app.Query
	columns []column // chosen; none = all
	all     bool     // no limit was given
}

// column is a database column under the name that a client uses.
type column struct {
	name  string
	store string
	unit  float64 // SI units in one of the client's; 0 = the same
	local bool    // a time without a zone is local
}

// aliases are the documented names of columns whose own names differ.
var aliases = map[string]column{
	"timestamp":              {store: "created_at", local: true},
	"hardware":               {store: "hardware_platform"},
	"primary_recommendation": {store: "hardware_platform"},
	"throughput":             {store: "throughput_per_s"},
	"latency":                {store: "latency_s", unit: perf.Millisecond},
	"memory_usage":           {store: "memory_bytes", unit: perf.MB},
	"features_list":          {store: "features"},
}

func columnOf(name string) column {
	c, ok := aliases[name]
	if !ok {
		c.store = name
	}
	c.name = name
	return c
}

// suffixes are the operators that a parameter's name can end with.
var suffixes = []struct {
	suffix string
	op     app.Op
}{{"_ge", app.Ge}, {"_gt", app.Gt}, {"_le", app.Le}, {"_lt", app.Lt}, {"_ne", app.Ne}, {"_in", app.In}, {"_like", app.Like}, {"_contains", app.Contains}}

const standardLimit = 10

// parseAsk reads the parameters. Names of columns are left for the database to
// check.
func parseAsk(in tableParameters) (a ask, err error) {
	a.query.Limit, a.query.After, a.all = standardLimit, in.Cursor, in.Limit == nil
	if in.Limit != nil {
		a.query.Limit = *in.Limit
	}
	if in.Days != 0 {
		a.query = a.query.Where("created_at", app.Ge, time.Now().AddDate(0, 0, -in.Days))
	}
	for _, s := range split(in.Sort) {
		plain, desc := strings.CutPrefix(s, "-")
		a.query.Sort = append(a.query.Sort, app.Sort{Column: columnOf(plain).store, Desc: desc})
	}
	for _, s := range split(in.Columns) {
		a.columns = append(a.columns, columnOf(s))
	}
	for _, name := range slices.Sorted(maps.Keys(in.Filters)) { // so that the same mistakes get the same answer
		for _, v := range in.Filters[name] {
			if err := a.filter(name, v); err != nil {
				return a, err
			}
		}
	}
	return a, nil
}

func (a *ask) filter(name, v string) error {
	if plain, ok := strings.CutSuffix(name, "_null"); ok {
		null, err := strconv.ParseBool(v)
		if err != nil {
			return problem(name, "bool_parsing", "Input should be a valid boolean, unable to interpret input", v)
		}
		op := app.Ne
		if null {
			op = app.Eq
		}
		a.query = a.query.Where(columnOf(plain).store, op, nil)
		return nil
	}
	op := app.Eq
	for _, s := range suffixes {
		if plain, ok := strings.CutSuffix(name, s.suffix); ok && plain != "" {
			name, op = plain, s.op
			break
		}
	}
	c := columnOf(name)
	if op == app.In {
		var values []any
		for _, s := range split(v) {
			values = append(values, c.operand(s))
		}
		a.query = a.query.Where(c.store, op, values)
		return nil
	}
	a.query = a.query.Where(c.store, op, c.operand(v))
	return nil
}

// operand is a client's value in the column's own unit.
func (c column) operand(s string) any {
	if c.unit != 0 {
		if x, err := strconv.ParseFloat(s, 64); err == nil {
			return x * c.unit
		}
	}
	if c.local {
		for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly} {
			if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
				return t.UTC()
			}
		}
	}
	return s
}

// value is a stored value as the client's name for the column promises it.
func (c column) value(v any) any {
	switch x := v.(type) {
	case float64:
		if c.unit != 0 {
			return x / c.unit
		}
	case time.Time:
		if c.local {
			return stamp(x)
		}
		return x.Format(time.RFC3339Nano)
	}
	return v
}

func split(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// stored are the chosen columns' names in the database.
func (a *ask) stored() []string {
	out := make([]string, len(a.columns))
	for i, c := range a.columns {
		out[i] = c.store
	}
	return out
}

// object is a row as a JSON object with its columns in the order asked for.
func (a *ask) object(row []any) json.RawMessage {
	b := []byte{'{'}
	for i, c := range a.columns {
		if i > 0 {
			b = append(b, ',')
		}
		name, _ := json.Marshal(c.name)
		value, err := json.Marshal(c.value(row[i]))
		if err != nil { // an infinite number: JSON has none
			value = []byte("null")
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}')
}
