package train

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/kernel"
	"github.com/perfcast/perfcast/predictor/ops"
)

// ReadOperations reads measured operations from a CSV file, gzipped or not,
// with the columns source, source_path, device, op, dtype, b, m, n, k, extra
// (JSON) and latency_ms. find looks a device up by name. Rows whose operation
// or device is not known are counted by reason, not returned.
func ReadOperations(file string, find func(name string) *perf.Device) (rows []kernel.Row, skipped map[string]int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
		defer z.Close()
		in = z
	}
	rows, skipped, err = parseOperations(in, find)
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return rows, skipped, err
}

var operationColumns = []string{"source", "source_path", "device", "op", "dtype", "b", "m", "n", "k", "extra", "latency_ms"}

func parseOperations(in io.Reader, find func(name string) *perf.Device) ([]kernel.Row, map[string]int, error) {
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, nil, err
	}
	column := map[string]int{}
	for i, name := range header {
		column[name] = i
	}
	for _, name := range operationColumns {
		if _, ok := column[name]; !ok {
			return nil, nil, fmt.Errorf("no column %q", name)
		}
	}
	devices := map[string]*perf.Device{}
	var rows []kernel.Row
	skipped := map[string]int{}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, skipped, nil
		}
		if err != nil {
			return nil, nil, err
		}
		c := operationRecord{record, column}
		name := strings.Clone(c.text("device"))
		d, ok := devices[name]
		if !ok {
			d = find(name)
			devices[name] = d
		}
		if d == nil {
			skipped["unknown device "+name]++
			continue
		}
		row, reason := c.row(d)
		if reason != "" {
			skipped[reason]++
			continue
		}
		rows = append(rows, row)
	}
}

// operationRecord is one line of the file.
type operationRecord struct {
	fields []string
	column map[string]int
}

func (c operationRecord) text(name string) string { return c.fields[c.column[name]] }

// count reads a dimension, which pandas may have written as "128.0"; 0 when
// empty or no number.
func (c operationRecord) count(name string) int {
	v, err := strconv.ParseFloat(c.text(name), 64)
	if err != nil || v < 0 || v > 1<<31 {
		return 0
	}
	return int(v)
}

func (c operationRecord) row(d *perf.Device) (kernel.Row, string) {
	ms, err := strconv.ParseFloat(c.text("latency_ms"), 64)
	if err != nil || !(ms > 0) || !perf.Finite(ms) {
		return kernel.Row{}, "no time"
	}
	row := kernel.Row{Device: d, Precision: perf.Precision(strings.Clone(c.text("dtype"))), Seconds: ms * perf.Millisecond}
	var ok bool
	if layer, vidur := strings.CutPrefix(c.text("op"), "vidur."); vidur {
		row.Op, ok = c.layer(layer)
	} else {
		row.Launched = true // NeuSight timed single calls
		// the files of the held-out shapes are one campaign, the random shapes another
		row.Set = "train"
		if strings.Contains(c.text("source_path"), "/test/") {
			row.Set = "test"
		}
		row.Op, ok = c.call(row.Precision)
	}
	if !ok {
		return row, "unknown operation " + strings.Clone(c.text("op"))
	}
	return row, ""
}

// call is an operation as NeuSight timed them: one PyTorch call.
func (c operationRecord) call(p perf.Precision) (ops.Op, bool) {
	width := ops.Widths(p).Activation
	b, m, n, k := c.count("b"), c.count("m"), c.count("n"), c.count("k")
	switch op := c.text("op"); op {
	case "linear":
		return matrixProduct(ops.Matmul, 1, m, n, k, width), m*n*k > 0
	case "bmm":
		return matrixProduct(ops.BatchedMatmul, b, m, n, k, width), b*m*n*k > 0
	case "conv":
		return c.convolution(width)
	default:
		kind, passes := op, 2.0
		switch strings.TrimSuffix(op, "u") {
		case "add", "mul", "div", "pow": // of two tensors, or with "u" of one and a number
			kind = strings.TrimSuffix(op, "u")
			if kind == op {
				passes = 3
			}
		}
		var extra struct{ H string }
		if err := json.Unmarshal([]byte(c.text("extra")), &extra); err != nil {
			return ops.Op{}, false
		}
		h, err := strconv.Atoi(extra.H)
		if err != nil || h <= 0 || b <= 0 {
			return ops.Op{}, false
		}
		class, ok := map[string]ops.Class{"add": ops.Elementwise, "mul": ops.Elementwise, "div": ops.Elementwise, "pow": ops.Elementwise,
			"relu": ops.Elementwise, "gelu": ops.Elementwise, "tanh": ops.Elementwise, "softmax": ops.Softmax, "ln": ops.Norm}[kind]
		if kind == "softmax" {
			kind = ""
		} else if kind == "ln" {
			kind = "layer"
		}
		return streaming(class, kind, b, h, passes, width), ok
	}
}

// convolution is a convolution as the matrix product it comes to: one row for each
// output position, one column for each output channel.
func (c operationRecord) convolution(width float64) (ops.Op, bool) {
	var x struct {
		In      string `json:"Input_Channel"`
		Out     string `json:"Output_Channel"`
		Kernel  string `json:"Kernel_Szie"` // as the source spells it
		Size    string `json:"Input_Size"`
		Stride  string
		Padding string
	}
	if err := json.Unmarshal([]byte(c.text("extra")), &x); err != nil {
		return ops.Op{}, false
	}
	var v [6]int
	for i, s := range []string{x.In, x.Out, x.Kernel, x.Size, x.Stride, x.Padding} {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return ops.Op{}, false
		}
		v[i] = n
	}
	in, out, kernel, size, stride, padding := v[0], v[1], v[2], v[3], max(1, v[4]), v[5]
	side := (size+2*padding-kernel)/stride + 1
	b := c.count("b")
	if in*out*kernel*size*b == 0 || side <= 0 {
		return ops.Op{}, false
	}
	o := matrixProduct(ops.Matmul, 1, b*side*side, out, in*kernel*kernel, width)
	o.Kind = "conv"
	o.Bytes = width * (float64(b*in*size*size) + float64(in*kernel*kernel*out) + float64(o.M*out))
	return o, true
}

// layer is a layer of a language model as Vidur timed them: its kernels alone,
// m tokens, on one of tp devices.
func (c operationRecord) layer(name string) (ops.Op, bool) {
	var x struct {
		TP      int    `json:"tp"`
		Hidden  int    `json:"n_embd"`
		Inner   int    `json:"n_expanded"`
		Heads   string `json:"n_head"`
		KVHeads string `json:"n_kv_head"`
		Gated   string `json:"gated"`
	}
	if err := json.Unmarshal([]byte(c.text("extra")), &x); err != nil || x.TP <= 0 {
		return ops.Op{}, false
	}
	heads, err1 := strconv.Atoi(x.Heads)
	kv, err2 := strconv.Atoi(x.KVHeads)
	m, h := c.count("m"), x.Hidden
	if err1 != nil || err2 != nil || heads <= 0 || m <= 0 || h <= 0 || x.Inner <= 0 {
		return ops.Op{}, false
	}
	dim, inner, up := h/heads, x.Inner/x.TP, x.Inner/x.TP
	if x.Gated == "True" {
		up *= 2
	}
	kv = max(kv, x.TP) // fewer key-value heads than devices are copied
	const width = 2
	switch name {
	case "attn_pre_proj":
		return matrixProduct(ops.Matmul, 1, m, (heads+2*kv)*dim/x.TP, h, width), true
	case "attn_post_proj":
		return matrixProduct(ops.Matmul, 1, m, h, h/x.TP, width), true
	case "mlp_up_proj":
		return matrixProduct(ops.Matmul, 1, m, up, h, width), true
	case "mlp_down_proj":
		return matrixProduct(ops.Matmul, 1, m, h, inner, width), true
	case "mlp_act":
		return streaming(ops.Elementwise, "silu", m, inner, float64(up/inner+1), width), true
	case "add":
		return streaming(ops.Elementwise, "add", m, h, 3, width), true
	case "attn_rope":
		return streaming(ops.Elementwise, "rope", m, (heads+kv)*dim/x.TP, 2, width), true
	case "input_layernorm", "post_attention_layernorm":
		return streaming(ops.Norm, "rms", m, h, 2, width), true
	}
	// "emb" is several kernels of a tensor-parallel embedding: no operation of ours
	return ops.Op{}, false
}

func matrixProduct(class ops.Class, b, m, n, k int, width float64) ops.Op {
	B, M, N, K := float64(b), float64(m), float64(n), float64(k)
	return ops.Op{Class: class, B: b, M: m, N: n, K: k, FLOPs: 2 * B * M * N * K,
		Bytes: width * B * (M*K + N*K + M*N), Count: 1, Launches: 1}
}

func streaming(class ops.Class, kind string, m, n int, passes, width float64) ops.Op {
	e := float64(m) * float64(n)
	return ops.Op{Class: class, Kind: kind, B: 1, M: m, N: n, FLOPs: e, Bytes: e * passes * width, Count: 1, Launches: 1}
}

// systems are the devices behind the names of the kernel tables' systems.
var systems = map[string]string{
	"a100_sxm": "NVIDIA A100 SXM 80GB", "h100_sxm": "NVIDIA H100 SXM 80GB", "h200_sxm": "NVIDIA H200 SXM",
	"b200_sxm": "NVIDIA B200 SXM", "gb200": "NVIDIA GB200", "l40s": "NVIDIA L40S", "b60": "Intel Arc Pro B60",
	"rtx_pro_6000_server": "NVIDIA RTX PRO 6000 Blackwell Server",
}

// system is the name of the device a kernel table was measured on: the first
// part of its file's name, which is system--engine--what.
func system(file string) string {
	s, _, _ := strings.Cut(path.Base(file), "--")
	return systems[s]
}
