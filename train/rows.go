package train

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
)

// added are the columns that WriteRows adds to the input's.
var added = []string{"metric", "actual", "predicted", "low", "high", "answered", "reason", "model_version", "basis"}

// WriteRows writes every input row with what was predicted for it. A row gives
// a line for each of its numbers, and one without where it has none.
func WriteRows(w io.Writer, columns []string, results []Result) error {
	c := csv.NewWriter(w)
	if err := c.Write(append(slices.Clone(columns), added...)); err != nil {
		return err
	}
	number := func(x float64) string {
		if x == 0 {
			return ""
		}
		return strconv.FormatFloat(x, 'g', 8, 64)
	}
	for i := range results {
		r := &results[i]
		line := slices.Clone(r.Case.Row.Record)
		for len(line) < len(columns) {
			line = append(line, "")
		}
		line = append(line[:len(columns)], r.Metric, number(r.Actual))
		if r.Answered {
			line = append(line, number(r.Predicted), number(r.Low), number(r.High), "true", "", r.Version, string(r.Basis))
		} else {
			line = append(line, "", "", "", "false", r.Reason, r.Version, "")
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
