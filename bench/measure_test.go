package bench_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/component"
	"github.com/perfcast/perfcast/test/program"
)

// shapes are tiny models of every kind that the scripts build.
var shapes = map[string]string{
	"encoder": `{"model_type":"bert","hidden_size":64,"num_hidden_layers":1,"num_attention_heads":4,"intermediate_size":128,"vocab_size":100}`,
	"gpt2":    `{"model_type":"gpt2","n_embd":64,"n_layer":1,"n_head":4,"vocab_size":100,"n_positions":64}`,
	"llama":   `{"model_type":"llama","hidden_size":64,"num_hidden_layers":1,"num_attention_heads":4,"num_key_value_heads":2,"intermediate_size":128,"vocab_size":100}`,
	"vit":     `{"model_type":"vit","hidden_size":64,"num_hidden_layers":1,"num_attention_heads":4,"image_size":32,"patch_size":16}`,
	"resnet":  `{"model_type":"resnet","depths":[1,1,1,1],"hidden_sizes":[16,16,32,32],"layer_type":"basic","image_size":32}`,
	"whisper": `{"model_type":"whisper","d_model":64,"encoder_layers":1,"encoder_attention_heads":4,"encoder_ffn_dim":128,"max_source_positions":50,"vocab_size":100}`,
}

// The scripts measure what they claim, where their libraries are installed
// (`make test` installs ONNX Runtime; PERFCAST_PYTHON names an interpreter that
// has PyTorch), and the benchmark component
// reads their reports.
func TestScriptsMeasure(t *testing.T) {
	python := program.Python(t)
	if python == "" {
		python = "python3"
	}
	for script, library := range map[string]string{"onnx_bench.py": "onnxruntime, onnx", "torch_bench.py": "torch, transformers"} {
		t.Run(script, func(t *testing.T) {
			if err := exec.Command(python, "-c", "import "+library).Run(); err != nil {
				t.Skipf("%s: %s is not installed", python, library)
			}
			for name, config := range shapes {
				if testing.Short() && name != "encoder" {
					continue
				}
				c := exec.Command(python, script, "--model", name, "--config-json", config, "--batch-size", "2", "--sequence-length", "16", "--repeats", "3", "--warmup", "1")
				var stderr strings.Builder
				c.Stderr = &stderr
				out, err := c.Output()
				if err != nil {
					t.Errorf("%s: %v: %s%s", name, err, out, stderr.String())
					continue
				}
				ms, err := component.ParseReport(out)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				want := map[string]string{"gpt2": "prefill decode", "llama": "prefill decode", "whisper": "encoder"}[name]
				if want == "" || script == "torch_bench.py" && name == "whisper" {
					want = "forward"
				}
				var cases []string
				for _, m := range ms {
					cases = append(cases, m.Case)
					if m.BatchSize != 2 || m.Repeats != 3 || m.Memory == nil || m.Environment["cpu"] == "" || m.Model != name {
						t.Errorf("%s: %+v", name, m)
					}
					if m.Case == "decode" && (m.TPOT == nil || m.Latency != nil) || m.Case != "decode" && (m.Latency == nil || m.Throughput == nil) {
						t.Errorf("%s, %s: %+v", name, m.Case, m)
					}
				}
				if got := strings.Join(cases, " "); got != want {
					t.Errorf("%s: measured %s, want %s", name, got, want)
				}
				if !strings.Contains(stderr.String(), `"progress"`) {
					t.Errorf("%s: no progress", name)
				}
			}
		})
	}
}
