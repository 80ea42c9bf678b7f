package train

import (
	"context"
	"database/sql"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/serving"
)

const servingCSV = `source,model_name,model_family,hardware_platform,hardware_name,num_devices,framework,precision,mode,batch_size,sequence_length_in,sequence_length_out,throughput,throughput_unit,latency_ms,extra
a,meta-llama/Llama-3.1-70B,text_generation,cuda,NVIDIA H200 SXM,2,trtllm 1.2.0rc6.post3,fp8,inference,64,1024,1024,,,22.7,"{""concurrency"": 64, ""tp"": 2, ""pp"": 1, ""moe_tp"": 2, ""moe_ep"": 1, ""attention_dp"": 1, ""tpot_ms"": 22.7, ""ttft_ms"": 417}"
a,deepseek-ai/DeepSeek-R1,text_generation,cuda,NVIDIA B200 SXM,64,sglang 0.5.9,fp8,inference,4,1024,1024,,,8,"{""tp"": 64, ""pp"": 1, ""moe_tp"": 8, ""moe_ep"": 8, ""attention_dp"": 1, ""tpot_ms"": 8, ""ttft_ms"": 190}"
a,deepseek-ai/DeepSeek-V3,text_generation,cuda,NVIDIA B200 SXM,64,sglang 0.5.9,fp8,inference,4,1024,1024,,,8,"{""tp"": 64, ""pp"": 1, ""moe_tp"": 8, ""moe_ep"": 8, ""attention_dp"": 1, ""tpot_ms"": 8, ""ttft_ms"": 190}"
b,meta-llama/Llama-2-7b-hf,text_generation,cuda,NVIDIA GeForce RTX 4090,1,llama.cpp CUDA,int4,inference,1,,128,100,tokens/s,,"{""phase"": ""decode""}"
b,meta-llama/Llama-2-7b-hf,text_generation,cuda,NVIDIA GeForce RTX 4090,1,llama.cpp CUDA,int4,inference,1,512,,5000,tokens/s,,"{""phase"": ""prefill""}"
m,mlperf/llama2-70b-99,text_generation,cuda,NVIDIA H200 SXM,8,"TensorRT 10.2.0, CUDA 12.4",fp8,inference,,,,100,queries/s,,"{""scenario"": ""Offline"", ""nodes"": 2}"
c,timm/resnet50,vision,cuda,NVIDIA GeForce RTX 4090,1,PyTorch,fp16,inference,1,,,100,samples/s,,
`

func TestServingRows(t *testing.T) {
	c, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read(strings.NewReader(servingCSV))
	if err != nil {
		t.Fatal(err)
	}
	o := NewObserver(c)
	var cases []Case
	for _, r := range f.Rows {
		cases = append(cases, o.Observe(r))
	}
	rows := ServingRows(cases)
	want := []struct {
		q                           serving.Quantity
		value                       float64
		devices, tensor, expert, in int
		concurrency                 int
		version                     string
		weight                      float64
	}{
		{serving.TPOT, 0.0227, 2, 2, 1, 1024, 64, "1.2.0rc6.post3", 1},
		{serving.TTFT, 0.417, 2, 2, 1, 1024, 64, "1.2.0rc6.post3", 1},
		{serving.TPOT, 0.008, 8, 8, 8, 1024, 4, "0.5.9", 0.5}, // 64 = 8 x 8; V3 is a repeat of R1
		{serving.TTFT, 0.19, 8, 8, 8, 1024, 4, "0.5.9", 0.5},
		{serving.TPOT, 0.008, 8, 8, 8, 1024, 4, "0.5.9", 0.5},
		{serving.TTFT, 0.19, 8, 8, 8, 1024, 4, "0.5.9", 0.5},
		{serving.TPOT, 0.01, 1, 1, 1, 0, 0, "", besides},
		{serving.TTFT, 0.1024, 1, 1, 1, 512, 0, "", besides},
		{serving.RequestRate, 100, 8, 1, 1, 294, 8 * predictor.Saturating, "10.2.0", 1}, // kept full, one copy a device; the devices are those of both nodes
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d", len(rows), len(want))
	}
	for i, x := range want {
		r, w := rows[i], rows[i].Workload
		if r.Quantity != x.q || math.Abs(r.Value/x.value-1) > 1e-9 || w.Devices != x.devices || w.TensorParallel != x.tensor || w.ExpertParallel != x.expert ||
			w.SequenceLength != x.in || w.Concurrency != x.concurrency || w.RuntimeVersion != x.version || r.Weight != x.weight {
			t.Errorf("row %d: %v %g weight %g %+v, want %+v", i, r.Quantity, r.Value, r.Weight, w.Config, x)
		}
	}
	ask, ok := AskServing(&cases[len(cases)-2], cases[len(cases)-2].Views[0])
	answer, err := serving.Physical().Predict(ask.Workload)
	if v := cases[len(cases)-2].Views[0]; !ok || err != nil || math.Abs(v.Shown(ask.Latent(&answer))/answer.RequestsPerSec-1) > 1e-9 {
		t.Errorf("the answer's %g requests/s are shown as %g (%v)", answer.RequestsPerSec, v.Shown(ask.Latent(&answer)), err)
	}
	if rows[2].Curve != rows[4].Curve {
		t.Error("two names of one model would be held out apart")
	}
}

func TestReadServingKernels(t *testing.T) {
	dir := t.TempDir()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, query := range map[string]string{
		"h100_sxm--vllm-1--gemm_perf.parquet": `SELECT 'bfloat16' AS gemm_dtype, m, 4096 AS n, 4096 AS k, 0.01 * m AS latency FROM range(1, 400) t(m)`,
		"h100_sxm--nccl-1--nccl_perf.parquet": `SELECT 'all_reduce' AS op_name, 'half' AS nccl_dtype, 8 AS num_gpus, 1024 * i AS message_size, 0.02 AS latency FROM range(1, 9) t(i)`,
		"nothing--vllm-1--gemm_perf.parquet":  `SELECT 'bfloat16' AS gemm_dtype, m, 4096 AS n, 4096 AS k, 0.01 AS latency FROM range(1, 400) t(m)`,
	} {
		if _, err := db.Exec("COPY (" + query + ") TO '" + filepath.Join(dir, name) + "' (FORMAT parquet)"); err != nil {
			t.Fatal(err)
		}
	}
	h100 := &perf.Device{Name: "h100", FP16: 989e12, MemoryBandwidth: 3350e9, LinkBandwidth: 450e9, MemoryBytes: 80e9}
	rows, err := ReadServingKernels(context.Background(), dir, func(name string) *perf.Device {
		if name == "NVIDIA H100 SXM 80GB" {
			return h100
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	n := map[serving.KernelKind]int{}
	for _, r := range rows {
		n[r.Kind]++
		if r.Device != h100 || r.Kind == serving.ProductKernel && math.Abs(r.Seconds/(1e-5*float64(r.M))-1) > 1e-9 ||
			r.Kind == serving.CollectiveKernel && (r.Group != 8 || r.Seconds != 2e-5) {
			t.Errorf("%+v", r)
		}
	}
	if n[serving.CollectiveKernel] != 8 || n[serving.ProductKernel] == 0 || n[serving.ProductKernel] > 60 {
		t.Errorf("%v rows by kind, want 8 collectives and about 8 of 399 products", n)
	}
	if rows, err := ReadServingKernels(context.Background(), t.TempDir(), func(string) *perf.Device { return nil }); err != nil || len(rows) > 0 {
		t.Errorf("an empty directory: %d rows, %v", len(rows), err)
	}
}
