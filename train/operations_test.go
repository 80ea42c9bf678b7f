package train

import (
	"math"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/ops"
)

const operationsCSV = `source,source_path,device,op,dtype,b,m,n,k,extra,latency_ms
s,data/dataset/test/bmm.csv,gpu,bmm,fp32,384,128,64,128,,0.1117
s,data/dataset/train/collect/linear.csv,gpu,linear,fp32,1.0,512.0,30522.0,960.0,,9.64
s,data/dataset/train/collect/add.csv,gpu,add,fp32,418,,,,"{""H"": ""318""}",0.0141
s,data/dataset/train/collect/addu.csv,gpu,addu,fp32,418,,,,"{""H"": ""318""}",0.0141
s,data/dataset/train/collect/ln.csv,gpu,ln,fp32,36,,,,"{""H"": ""3192""}",0.029
s,data/dataset/train/collect/conv.csv,gpu,conv,fp32,18,,,,"{""Input_Channel"": ""21"", ""Output_Channel"": ""2034"", ""Kernel_Szie"": ""3"", ""Input_Size"": ""9"", ""Stride"": ""1"", ""Padding"": ""1""}",0.87
v,data/mlp.csv,gpu,vidur.mlp_up_proj,fp16,,6400,,,"{""model"": ""m"", ""tp"": 2, ""n_embd"": 4096, ""n_expanded"": 14336, ""n_head"": ""32"", ""n_kv_head"": ""8"", ""gated"": ""True""}",3.461
v,data/mlp.csv,gpu,vidur.attn_pre_proj,fp16,,100,,,"{""model"": ""m"", ""tp"": 4, ""n_embd"": 4096, ""n_expanded"": 14336, ""n_head"": ""32"", ""n_kv_head"": ""8"", ""gated"": ""True""}",0.1
s,data/dataset/train/collect/add.csv,other,add,fp32,418,,,,"{""H"": ""318""}",0.0141
s,data/dataset/train/collect/add.csv,gpu,fft,fp32,418,,,,"{""H"": ""318""}",0.0141
s,data/dataset/train/collect/add.csv,gpu,add,fp32,418,,,,"{""H"": ""318""}",0
`

func TestParseOperations(t *testing.T) {
	gpu := &perf.Device{Name: "gpu"}
	rows, skipped, err := parseOperations(strings.NewReader(operationsCSV), func(name string) *perf.Device {
		if name == "gpu" {
			return gpu
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		class        ops.Class
		kind         string
		b, m, n, k   int
		flops, bytes float64
		launched     bool
		set          string
		ms           float64
	}{
		{ops.BatchedMatmul, "", 384, 128, 64, 128, 2 * 384 * 128 * 64 * 128, 4 * 384 * (128*128 + 64*128 + 128*64), true, "test", 0.1117},
		{ops.Matmul, "", 1, 512, 30522, 960, 2 * 512 * 30522 * 960, 4 * (512*960 + 30522*960 + 512*30522), true, "train", 9.64},
		{ops.Elementwise, "add", 1, 418, 318, 0, 418 * 318, 12 * 418 * 318, true, "train", 0.0141},
		{ops.Elementwise, "add", 1, 418, 318, 0, 418 * 318, 8 * 418 * 318, true, "train", 0.0141},
		{ops.Norm, "layer", 1, 36, 3192, 0, 36 * 3192, 8 * 36 * 3192, true, "train", 0.029},
		{ops.Matmul, "conv", 1, 18 * 81, 2034, 189, 2 * 18 * 81 * 2034 * 189, 4 * (18*21*81 + 189*2034 + 18*81*2034), true, "train", 0.87},
		{ops.Matmul, "", 1, 6400, 14336, 4096, 2 * 6400 * 14336 * 4096, 2 * (6400*4096 + 14336*4096 + 6400*14336), false, "", 3.461},
		{ops.Matmul, "", 1, 100, (32 + 2*8) * 128 / 4, 4096, 2 * 100 * 1536 * 4096, 2 * (100*4096 + 1536*4096 + 100*1536), false, "", 0.1},
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d; skipped %v", len(rows), len(want), skipped)
	}
	for i, w := range want {
		r, o := rows[i], rows[i].Op
		if o.Class != w.class || o.Kind != w.kind || o.B != w.b || o.M != w.m || o.N != w.n || o.K != w.k ||
			o.FLOPs != w.flops || o.Bytes != w.bytes || r.Launched != w.launched || r.Set != w.set || math.Abs(r.Seconds-w.ms/1e3) > 1e-12 {
			t.Errorf("row %d: %+v, want %+v", i, r, w)
		}
	}
	for _, reason := range []string{"unknown device other", "unknown operation fft", "no time"} {
		if skipped[reason] != 1 {
			t.Errorf("%d rows skipped as %q, want 1", skipped[reason], reason)
		}
	}
}

func TestParseOperationsRefuses(t *testing.T) {
	for _, text := range []string{"", "source,device\na,b\n", strings.Replace(operationsCSV, "latency_ms", "ms", 1)} {
		if _, _, err := parseOperations(strings.NewReader(text), func(string) *perf.Device { return nil }); err == nil {
			t.Errorf("%.20q: no error", text)
		}
	}
}
