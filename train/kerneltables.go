package train

import (
	"context"
	"database/sql"
	"path/filepath"

	_ "github.com/duckdb/duckdb-go/v2" // reads parquet

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/kernel"
	"github.com/perfcast/perfcast/predictor/ops"
)

// tablePrecisions are the formats of the kernel tables' matrix products that
// run the plain kernel of one unit. The others (block scales, weights unpacked
// on the way) time a quantisation as well.
var tablePrecisions = map[string]perf.Precision{"bfloat16": perf.BF16, "fp8": perf.FP8}

// ReadMatrixProducts reads the matrix products of the kernel tables (parquet)
// in a directory: every fourth shape, the same ones of every system. They are
// times of kernels alone.
func ReadMatrixProducts(ctx context.Context, dir string, find func(name string) *perf.Device) ([]kernel.Row, error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	found, err := db.QueryContext(ctx, `
		SELECT filename, gemm_dtype, m, n, k, median(latency)
		FROM read_parquet(?, filename = true, union_by_name = true)
		WHERE gemm_dtype IN ('bfloat16', 'fp8') AND hash(m, n, k) % 4 = 0 AND latency > 0
		GROUP BY ALL ORDER BY ALL`, filepath.Join(dir, "*--gemm_perf.parquet"))
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []kernel.Row
	devices := map[string]*perf.Device{}
	for found.Next() {
		var file, format string
		var m, n, k int
		var ms float64
		if err := found.Scan(&file, &format, &m, &n, &k, &ms); err != nil {
			return nil, err
		}
		name := system(file)
		d, ok := devices[name]
		if !ok {
			d = find(name)
			devices[name] = d
		}
		if d == nil || m <= 0 || n <= 0 || k <= 0 {
			continue
		}
		p := tablePrecisions[format]
		w := ops.Widths(p)
		o := matrixProduct(ops.Matmul, 1, m, n, k, w.Weight)
		o.Bytes = float64(n)*float64(k)*w.Weight + (float64(m)*float64(k)+float64(m)*float64(n))*w.Activation
		rows = append(rows, kernel.Row{Op: o, Device: d, Precision: p, Seconds: ms * perf.Millisecond, Set: filepath.Base(file)})
	}
	return rows, found.Err()
}
