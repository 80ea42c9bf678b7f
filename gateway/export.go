package gateway

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// format is how the rows of a table are written.
type format int

const (
	asJSON format = iota
	asCSV
	asNDJSON
)

var mediaTypes = map[string]format{
	"application/json": asJSON, "application/*": asJSON, "*/*": asJSON,
	"text/csv":             asCSV,
	"application/x-ndjson": asNDJSON, "application/ndjson": asNDJSON, "application/jsonl": asNDJSON,
}

// negotiate picks what the Accept header likes best; JSON when it likes
// nothing that there is.
func negotiate(accept []string) format {
	best, most := asJSON, 0.0
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		f, ok := mediaTypes[media]
		q := 1.0
		if s, has := params["q"]; has {
			q, _ = strconv.ParseFloat(s, 64)
		}
		if ok && q > most {
			best, most = f, q
		}
	}
	return best
}

// An export reads pages of this size, and a client may take this long over
// each.
const (
	exportPage = 1000
	pageWithin = time.Minute
)

// export writes rows as CSV or NDJSON: a page if a limit was given, else all.
func (d *database) export(w http.ResponseWriter, r *http.Request, t *relation, a ask, f format) {
	q := a.query
	if a.all {
		q.Limit = exportPage
	}
	conn := http.NewResponseController(w)
	var out rowWriter
	for {
		g, err := d.app.Rows(r.Context(), t.table, q, a.stored()...)
		if err != nil && out == nil {
			d.refuse(w, r, err)
			return
		}
		if err != nil {
			panic(http.ErrAbortHandler) // the client must see that it was cut
		}
		if out == nil {
			if len(a.columns) == 0 {
				for _, c := range g.Columns {
					a.columns = append(a.columns, column{name: c.Name, store: c.Name})
				}
			}
			if g.HasNext && !a.all {
				w.Header().Set("Link", `<`+nextPage(r.URL, g.Last)+`>; rel="next"`)
			}
			out = newRowWriter(w, &a, f, t.route)
		}
		_ = conn.SetWriteDeadline(time.Now().Add(pageWithin))
		for _, row := range g.Rows {
			out.row(row)
		}
		if out.flush() != nil || conn.Flush() != nil || !a.all || !g.HasNext {
			return
		}
		q.After = g.Last
	}
}

type rowWriter interface {
	row([]any)
	flush() error
}

func newRowWriter(w http.ResponseWriter, a *ask, f format, name string) rowWriter {
	if f == asNDJSON {
		w.Header().Set("Content-Type", "application/x-ndjson")
		return &ndjsonRows{w: w, ask: a}
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	c := csv.NewWriter(w)
	names := make([]string, len(a.columns))
	for i, c := range a.columns {
		names[i] = c.name
	}
	_ = c.Write(names) // a failed write shows at flush
	return &csvRows{w: c, ask: a}
}

type ndjsonRows struct {
	w   http.ResponseWriter
	ask *ask
	err error
}

func (n *ndjsonRows) row(row []any) {
	if n.err == nil {
		_, n.err = n.w.Write(append(n.ask.object(row), '\n'))
	}
}

func (n *ndjsonRows) flush() error { return n.err }

type csvRows struct {
	w   *csv.Writer
	ask *ask
}

func (c *csvRows) row(row []any) {
	fields := make([]string, len(row))
	for i, col := range c.ask.columns {
		fields[i] = text(col.value(row[i]))
	}
	_ = c.w.Write(fields)
}

func (c *csvRows) flush() error { c.w.Flush(); return c.w.Error() }

// text is a value as a CSV field; empty for one that is not known.
func text(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case json.RawMessage:
		return string(x)
	}
	return fmt.Sprint(v)
}
