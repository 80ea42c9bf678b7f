package catalog

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// row reads one line of a fact table by column name. The first fault is kept
// in err, so that callers read a whole row and look once.
type row struct {
	file   string
	line   int
	column map[string]int
	fields []string
	err    error
}

// rows calls each for every line of a CSV file with a header.
func rows(file string, r io.Reader, each func(*row) error) error {
	c := csv.NewReader(r)
	header, err := c.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	column := map[string]int{}
	for i, h := range header {
		column[h] = i
	}
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		line, _ := c.FieldPos(0)
		r := &row{file: file, line: line, column: column, fields: fields}
		if err := each(r); err != nil {
			return fmt.Errorf("%s:%d: %w", file, line, err)
		}
		if r.err != nil {
			return fmt.Errorf("%s:%d: %w", file, line, r.err)
		}
	}
}

func (r *row) text(name string) string {
	i, ok := r.column[name]
	if !ok {
		r.fail(fmt.Errorf("no column %q", name))
		return ""
	}
	return r.fields[i]
}

func (r *row) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// number is the column's value times unit; an empty field is 0.
func (r *row) number(name string, unit float64) float64 {
	s := r.text(name)
	if s == "" {
		return 0
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !perf.Finite(v) || v < 0 {
		r.fail(fmt.Errorf("column %q: %q is not a number of at least 0", name, s))
		return 0
	}
	return v * unit
}

func (r *row) integer(name string) int { return int(math.Round(r.number(name, 1))) }

// list is a field of several values between semicolons.
func (r *row) list(name string) []string {
	var out []string
	for s := range strings.SplitSeq(r.text(name), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// clusters are sets of cores, "cores x GHz x FLOP a cycle", fastest first:
// "4x2.4x16;4x1.8x8".
func (r *row) clusters(name string) []perf.Cluster {
	var out []perf.Cluster
	for _, s := range r.list(name) {
		var c perf.Cluster
		var ghz float64
		if n, err := fmt.Sscanf(s, "%dx%gx%g", &c.Cores, &ghz, &c.PerCycle); n != 3 || err != nil || c.Cores <= 0 || ghz <= 0 || c.PerCycle <= 0 {
			r.fail(fmt.Errorf("column %q: %q is not cores x GHz x FLOP a cycle", name, s))
			return nil
		}
		c.ClockHz = ghz * 1e9
		out = append(out, c)
	}
	return out
}
