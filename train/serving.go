package train

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	_ "github.com/duckdb/duckdb-go/v2" // reads parquet

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/serving"
)

// ServingRows are the rows that the serving model learns from: every number of
// the cases that is a view of the time of a prompt, a token or a request of a
// generating model. A curve is what differs in load alone, and is held out
// together.
func ServingRows(cases []Case) []serving.Row {
	var rows []serving.Row
	for i := range cases {
		k := &cases[i]
		if k.Reason != "" || !predictor.Serves(k.W) {
			continue
		}
		curve := CurveOf(k)
		for _, v := range k.Views {
			if a, ok := AskServing(k, v); ok {
				rows = append(rows, serving.Row{Workload: a.Workload, Quantity: a.Quantity, Value: a.scale(v.Latent(v.Actual)), Curve: curve})
			}
		}
	}
	weigh(rows)
	return rows
}

// Ask is how a number of a row is asked of the serving model: the workload as
// the server saw it, and which of its quantities the number is a view of.
type Ask struct {
	Workload perf.Workload
	Quantity serving.Quantity
	requests float64 // latent times this, or this over the latent where the quantity is a rate
	rate     bool
}

// scale turns a view's latent quantity into the serving model's and back.
func (a Ask) scale(x float64) float64 {
	if a.rate {
		return a.requests / x
	}
	return x
}

// Latent is a view's latent quantity as the serving model predicts it.
func (a Ask) Latent(answer *serving.Answer) float64 {
	return a.scale(answer.Of(a.Quantity, &a.Workload))
}

// AskServing is how a view of a case is asked of the serving model; false where
// it is no view of serving. MLPerf's offline and server scenarios do not state
// a batch: they keep the engine full.
func AskServing(k *Case, v View) (Ask, bool) {
	a := Ask{Workload: k.W}
	w := &a.Workload
	switch v.Of {
	case predictor.FirstToken:
		a.Quantity = serving.TTFT
	case predictor.TokenTime:
		a.Quantity = serving.TPOT
	case predictor.RequestTime:
		a.Quantity = serving.EndToEnd
		if full := k.Manner == predictor.Offline || k.Manner == predictor.Server; full && w.Unknown.Batch && v.Rate {
			copies := max(1, w.Devices/(w.TensorParallel*w.PipelineParallel))
			a.Quantity, a.rate, a.requests = serving.RequestRate, true, float64(w.BatchSize*copies)
			w.Concurrency = predictor.Saturating * copies
		}
	case predictor.StepTime: // a pass over the prompt, timed alone
		a.Quantity, w.Concurrency, w.OutputLength = serving.TTFT, 0, 0
	default:
		return a, false
	}
	return a, true
}

// CurveOf names what a case shares with those that differ from it in load
// alone: the model's design, device, engine, precision, layout and lengths.
func CurveOf(k *Case) string {
	w := k.W.Config
	w.Model, w.Concurrency, w.BatchSize = k.Stem+"|"+strconv.FormatFloat(k.W.Facts.Params, 'g', 3, 64), 0, 0
	return w.Key()
}

// besides is the vote of a row of one batch at a time: it tells of devices and
// models that no engine under load was measured with, and should not outvote
// those that were.
const besides = 0.1

// weigh gives repeats of one configuration the vote of one row between them.
func weigh(rows []serving.Row) {
	type same struct {
		curve       string
		batch, load int
		q           serving.Quantity
	}
	n := map[same]float64{}
	key := func(r *serving.Row) same {
		return same{r.Curve, r.Workload.BatchSize, r.Workload.Concurrency, r.Quantity}
	}
	for i := range rows {
		n[key(&rows[i])]++
	}
	for i := range rows {
		rows[i].Weight = 1 / n[key(&rows[i])]
		if rows[i].Workload.Concurrency == 0 {
			rows[i].Weight *= besides
		}
	}
}

// servingTables select what the serving model learns from each kind of kernel
// table: a fixed thousandth or so of its rows, the same shapes of every system.
var servingTables = []struct {
	pattern string
	kind    serving.KernelKind
	query   string // yields file, format, seven numbers, milliseconds
}{
	{"*--gemm_perf.parquet", serving.ProductKernel,
		`SELECT filename, gemm_dtype, m, n, k, 0, 0, 0, 0, median(latency) FROM read_parquet(?, filename = true, union_by_name = true)
		WHERE m <= 16384 AND gemm_dtype <> 'fp8_block' AND hash(m, n, k) % 50 = 0 AND latency > 0 GROUP BY ALL ORDER BY ALL`},
	{"*--moe_perf.parquet", serving.ExpertKernel,
		`SELECT filename, moe_dtype, num_tokens, hidden_size, inter_size, topk, num_experts, moe_tp_size, moe_ep_size, median(latency)
		FROM read_parquet(?, filename = true, union_by_name = true)
		WHERE distribution = 'balanced' AND num_tokens <= 16384 AND moe_tp_size <= 8 AND moe_ep_size <= 8
		AND hash(num_tokens, hidden_size, inter_size, moe_tp_size, moe_ep_size) % 10 = 0 AND latency > 0 GROUP BY ALL ORDER BY ALL`},
	{"*--context_attention_perf.parquet", serving.PromptKernel,
		`SELECT filename, kv_cache_dtype, batch_size, isl, num_heads, num_key_value_heads, head_dim, COALESCE(window_size, 0), 0, median(latency)
		FROM read_parquet(?, filename = true, union_by_name = true)
		WHERE step = 0 AND isl >= 64 AND batch_size <= 16 AND hash(batch_size, isl, num_heads, num_key_value_heads) % 50 = 0 AND latency > 0
		GROUP BY ALL ORDER BY ALL`},
	{"*--generation_attention_perf.parquet", serving.AttendKernel,
		`SELECT filename, kv_cache_dtype, batch_size, step + 1, num_heads, num_key_value_heads, head_dim, COALESCE(window_size, 0), 0, median(latency)
		FROM read_parquet(?, filename = true, union_by_name = true)
		WHERE step >= 64 AND hash(batch_size, step, num_heads, num_key_value_heads) % 50 = 0 AND latency > 0 GROUP BY ALL ORDER BY ALL`},
	{"*--nccl_perf.parquet", serving.CollectiveKernel,
		`SELECT filename, nccl_dtype, num_gpus, message_size, 0, 0, 0, 0, 0, median(latency) FROM read_parquet(?, filename = true, union_by_name = true)
		WHERE op_name = 'all_reduce' AND nccl_dtype = 'half' AND latency > 0 GROUP BY ALL ORDER BY ALL`},
}

// servingFormats are the kernel tables' names of number formats.
var servingFormats = map[string]perf.Precision{
	"bfloat16": perf.BF16, "float16": perf.FP16, "half": perf.FP16, "fp8": perf.FP8, "fp8_block": perf.FP8, "nvfp4": perf.FP4,
	"int8_wo": perf.W8A16, "int4_wo": perf.W4A16, "sq": perf.Int8, "w4a16_mxfp4": perf.W4A16, "w4a8_mxfp4_mxfp8": perf.FP4,
}

// ReadServingKernels reads a sample of the kernel tables (parquet) in a
// directory. A directory without tables gives no rows.
func ReadServingKernels(ctx context.Context, dir string, find func(name string) *perf.Device) (rows []serving.KernelRow, err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, t := range servingTables {
		pattern := filepath.Join(dir, t.pattern)
		if files, _ := filepath.Glob(pattern); len(files) == 0 {
			continue
		}
		if rows, err = appendKernels(ctx, db, t.query, pattern, t.kind, find, rows); err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
	}
	return rows, nil
}

func appendKernels(ctx context.Context, db *sql.DB, query, pattern string, kind serving.KernelKind, find func(string) *perf.Device, rows []serving.KernelRow) ([]serving.KernelRow, error) {
	found, err := db.QueryContext(ctx, query, pattern)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	devices := map[string]*perf.Device{}
	for found.Next() {
		var file, format string
		var x [7]int
		var ms float64
		if err := found.Scan(&file, &format, &x[0], &x[1], &x[2], &x[3], &x[4], &x[5], &x[6], &ms); err != nil {
			return nil, err
		}
		name := system(file)
		if _, ok := devices[name]; !ok {
			devices[name] = find(name)
		}
		p, ok := servingFormats[format]
		if devices[name] == nil || !ok {
			continue
		}
		r := serving.KernelRow{Kind: kind, Device: devices[name], Precision: p, Seconds: ms * perf.Millisecond}
		switch kind {
		case serving.ProductKernel:
			r.M, r.N, r.K = x[0], x[1], x[2]
		case serving.ExpertKernel:
			r.M, r.K, r.N, r.Chosen, r.Experts, r.ExpertSplit, r.ExpertParallel = x[0], x[1], x[2], x[3], x[4], x[5], x[6]
		case serving.PromptKernel, serving.AttendKernel:
			r.Batch, r.Length, r.Heads, r.KVHeads, r.Dim, r.Window = x[0], x[1], x[2], x[3], x[4], x[5]
		case serving.CollectiveKernel:
			r.Group, r.Bytes = x[0], float64(x[1])
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}
