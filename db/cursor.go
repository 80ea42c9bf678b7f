package db

import (
	"bytes"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// position is a place in an ordered list: a row's values of the columns sorted
// by, and its seq. It stays the same place whatever is inserted.
type position struct {
	values []driver.Value
	seq    int64
}

// cursor is a position as a client holds it, in base64.
type cursor struct {
	Order  string `json:"o"` // what it is a position in
	Values []any  `json:"v"`
	Seq    int64  `json:"s"`
}

// order names the list's order, so that a cursor is not used in another.
func (p *plan) order() string {
	var b strings.Builder
	b.WriteString(p.table)
	for _, o := range p.sort {
		b.WriteByte(' ')
		if o.desc {
			b.WriteByte('-')
		}
		b.WriteString(p.columns[o.column].name)
	}
	return b.String()
}

// cursor is the cursor of a row, given its values of the columns sorted by.
func (p *plan) cursor(values []driver.Value, seq int64) string {
	c := cursor{Order: p.order(), Seq: seq, Values: make([]any, len(values))}
	for i, v := range values {
		c.Values[i] = v
		if t, ok := v.(time.Time); ok {
			c.Values[i] = t.Format(time.RFC3339Nano)
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // stored values are finite numbers, text, times and booleans
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// position reads a cursor; nil for an empty one.
func (p *plan) position(field, s string) (*position, error) {
	if s == "" {
		return nil, nil
	}
	bad := perf.Invalid(field, "is not a cursor of this list in this order; take one from a row of a list with the same sort")
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, bad
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // an integer may have more digits than a float64 keeps
	var c cursor
	if d.Decode(&c) != nil || c.Order != p.order() || len(c.Values) != len(p.sort) {
		return nil, bad
	}
	at := &position{seq: c.Seq}
	for i, v := range c.Values {
		if n, ok := v.(json.Number); ok {
			v = n.String()
		}
		x, err := operand(p.columns[p.sort[i].column].kind, v)
		if err != nil {
			return nil, bad
		}
		at.values = append(at.values, x)
	}
	return at, nil
}
