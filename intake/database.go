package intake

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
)

// Database reads the results of an old benchmark database. The file is not
// changed. Errors are one line for an operator.
func Database(ctx context.Context, path string) (_ Found, err error) {
	d, err := db.OpenReadOnly(path)
	if err != nil {
		return Found{}, err
	}
	defer func() { _ = d.Close() }() // only read
	f := Found{LeftOut: map[string]int{}}
	if err := f.read(ctx, d, filepath.Base(path)); err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return Found{}, fmt.Errorf("database %s: %s", path, line)
	}
	return f, nil
}

func (f *Found) read(ctx context.Context, d *sql.DB, from string) error {
	query, err := resultsQuery(ctx, d)
	if err != nil {
		return err
	}
	rows, err := d.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	for rows.Next() {
		r := row{Environment: map[string]string{}}
		var result, run, metrics string
		if err := rows.Scan(&result, &run, &r.Model, &r.Family, &r.Hardware, &r.Device, &r.Case, &r.Batch, &r.Precision,
			&r.Throughput, &r.Latency, &r.Memory, &r.Simulated, &r.Created, &metrics); err != nil {
			return err
		}
		r.Environment["result_id"] = result
		if run != "" {
			r.Environment["run_id"] = run
		}
		var more struct {
			Sequence int `json:"sequence_length"`
		}
		if json.Unmarshal([]byte(metrics), &more) == nil { // whatever the tests noted there
			r.Sequence = more.Sequence
		}
		f.add(&r, perf.SourceBenchmarkDB, from)
	}
	return rows.Err()
}

// required are the columns without which there is nothing to read; the old
// suite's versions differ in the others.
var required = []string{"performance_results.result_id", "performance_results.model_id", "performance_results.hardware_id", "performance_results.batch_size",
	"models.model_id", "models.model_name", "hardware_platforms.hardware_id", "hardware_platforms.hardware_type"}

// resultsQuery is the query for all results, oldest first, with what this
// database's tables have of the columns that are read.
func resultsQuery(ctx context.Context, d *sql.DB) (string, error) {
	rows, err := d.QueryContext(ctx, `SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'main'`)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	have := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return "", err
		}
		have[name] = true
	}
	if err := rows.Err(); err != nil {
		return "", err
	}
	for _, name := range required {
		if !have[name] {
			return "", fmt.Errorf("it is no benchmark database: it has no column %s; name the file that the benchmark suite wrote", name)
		}
	}
	column := func(name string) string {
		if have[name] {
			return name
		}
		return "NULL"
	}
	text := func(name string) string { return "coalesce(CAST(" + column(name) + " AS VARCHAR), '')" }
	// By way of text, a FLOAT is the decimal that was written.
	number := func(name string) string {
		return "TRY_CAST(CAST(" + column("performance_results."+name) + " AS VARCHAR) AS DOUBLE)"
	}
	flag := func(name string) string { return "coalesce(TRY_CAST(" + column(name) + " AS BOOLEAN), false)" }
	columns := []string{text("performance_results.result_id"), text("performance_results.run_id"), text("models.model_name"), text("models.model_family"),
		text("hardware_platforms.hardware_type"), text("hardware_platforms.device_name"), text("performance_results.test_case"),
		"coalesce(TRY_CAST(performance_results.batch_size AS INTEGER), 0)", text("performance_results.precision"),
		number("throughput_items_per_second"), number("average_latency_ms"), number("memory_peak_mb"),
		flag("performance_results.simulation_mode") + " OR " + flag("hardware_platforms.simulation_mode"),
		text("performance_results.created_at"), text("performance_results.metrics")}
	return `SELECT ` + strings.Join(columns, ", ") + ` FROM performance_results
		LEFT JOIN models ON models.model_id = performance_results.model_id
		LEFT JOIN hardware_platforms ON hardware_platforms.hardware_id = performance_results.hardware_id
		ORDER BY ` + text("performance_results.created_at") + `, performance_results.result_id`, nil
}
