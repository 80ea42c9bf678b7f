package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/test/program"
)

// llamaBench stands in for llama.cpp's program: it takes its arguments and
// prints its JSON, one object for each test, as `llama-bench -o json` does.
const llamaBench = `#!/usr/bin/env python3
import argparse, json
p = argparse.ArgumentParser()
for flag, kind in {"-m": str, "-p": int, "-n": int, "-r": int, "-o": str, "-ngl": int, "-t": int}.items():
    p.add_argument(flag, type=kind)
a = p.parse_args()
assert a.o == "json" and open(a.m)
common = dict(build_commit="8cf427ff", build_number=5163, cpu_info="a CPU", gpu_info="", backends="CPU", model_filename=a.m, model_type="llama 1B Q4_K - Medium",
              model_size=807694368, model_n_params=1235814432, n_batch=2048, n_ubatch=512, n_threads=2, type_k="f16", type_v="f16", n_gpu_layers=a.ngl,
              split_mode="layer", main_gpu=0, no_kv_offload=False, flash_attn=False, use_mmap=True, embeddings=False, n_depth=0, test_time="2025-04-24T11:58:50Z")
rates = lambda mid: dict(avg_ts=mid, stddev_ts=1.0, samples_ts=[mid + i - a.r // 2 for i in range(a.r)], avg_ns=1, stddev_ns=1, samples_ns=[1] * a.r)
print(json.dumps([dict(common, n_prompt=a.p, n_gen=0, **rates(400.0)), dict(common, n_prompt=0, n_gen=a.n, **rates(25.0))], indent=2))
`

// vllm stands in for vLLM's program: its latency benchmark writes the mean, the
// percentiles and every latency, in seconds, to --output-json.
const vllm = `#!/usr/bin/env python3
import argparse, json, sys
if sys.argv[1:] == ["--version"]:
    print("0.11.0")
    sys.exit()
assert sys.argv[1:3] == ["bench", "latency"]
p = argparse.ArgumentParser()
for flag, kind in {"--model": str, "--load-format": str, "--dtype": str, "--batch-size": int, "--input-len": int, "--output-len": int,
                   "--num-iters-warmup": int, "--num-iters": int, "--output-json": str}.items():
    p.add_argument(flag, type=kind, required=True)
a = p.parse_args(sys.argv[3:])
print("Avg latency: ...")  # it talks to people on standard output
each = 0.02 + 0.01 * (a.output_len - 1)
json.dump({"avg_latency": each, "latencies": [each] * a.num_iters, "percentiles": {"10": each, "25": each, "50": each, "75": each, "90": each, "99": each}}, open(a.output_json, "w"))
`

// Scripts that the generator of the real program writes run as they are, and
// what they measure is in its database afterwards. llama.cpp and vLLM are not
// here: programs stand in for theirs that take their arguments and print what
// they print. ONNX Runtime and PyTorch measure really, where they are installed.
func TestGeneratedScriptsPostTheirResults(t *testing.T) {
	if testing.Short() {
		t.Skip("not short")
	}
	python := program.Python(t)
	if python == "" {
		t.Skip("no .venv: `make test` makes it where python3 is installed")
	}
	tools := t.TempDir()
	gguf := filepath.Join(tools, "tiny.gguf")
	for name, text := range map[string]string{"llama-bench": llamaBench, "vllm": vllm, "tiny.gguf": "GGUF"} {
		if err := os.WriteFile(filepath.Join(tools, name), []byte(text), 0o755); err != nil { //nolint:gosec // they are run
			t.Fatal(err)
		}
	}
	s := program.Start(t, program.Binary(t))
	// A model whose shape is small enough to be measured in a test.
	post(t, s.Gateway+"/graphql", `{"query":"mutation { upsertModel(input: {name: \"tiny-bert\", configJson: {model_type: \"bert\", hidden_size: 64,
		num_hidden_layers: 1, num_attention_heads: 4, intermediate_size: 128, vocab_size: 100}}) { id } }"}`)
	for _, c := range []struct{ template, model, runtime, library string }{
		{"llama.cpp", "meta-llama/Llama-3.2-1B", "llama.cpp", ""},
		{"vllm", "meta-llama/Llama-3.2-1B", "vllm", ""},
		{"onnxruntime", "tiny-bert", "onnxruntime", "onnxruntime, onnx"},
		{"pytorch", "tiny-bert", "pytorch-eager", "torch, transformers"},
	} {
		t.Run(c.template, func(t *testing.T) {
			if c.library != "" && exec.Command(python, "-c", "import "+c.library).Run() != nil {
				t.Skipf("%s: %s is not installed", python, c.library)
			}
			started := post(t, s.Gateway+"/api/generator/model", fmt.Sprintf(`{"model_name":%q,"hardware":"cpu","template_type":%q,
				"template_context":{"batch_size":1,"sequence_length":64,"output_length":8,"repeats":5}}`, c.model, c.template))
			script := filepath.Join(t.TempDir(), "bench.py")
			if err := os.WriteFile(script, file(t, s.Gateway+"/api/generator/file/"+started["task_id"].(string)), 0o600); err != nil {
				t.Fatal(err)
			}
			run := exec.CommandContext(t.Context(), python, "-I", script)
			run.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "GGUF="+gguf)
			var stderr bytes.Buffer
			run.Stderr = &stderr
			if out, err := run.Output(); err != nil {
				t.Fatalf("%v: %s%s", err, out, stderr.String())
			}
			var rows []map[string]any
			if err := json.Unmarshal(file(t, s.Gateway+"/api/benchmark/query?model="+c.model), &rows); err != nil {
				t.Fatal(err)
			}
			recorded := map[string]map[string]any{}
			for _, row := range rows {
				if row["runtime"] == c.runtime {
					recorded[row["test_case"].(string)] = row
				}
			}
			switch c.template {
			case "llama.cpp": // 400 tokens a second in, 25 out
				equal(t, recorded["prefill"]["average_latency_ms"], 1000.0*64/400)
				equal(t, recorded["decode"]["tpot_ms"], 1000.0/25)
			case "vllm": // 20 ms for the first token, 10 for each more
				equal(t, recorded["prefill"]["ttft_ms"], 20.0)
				equal(t, recorded["decode"]["tpot_ms"], 10.0)
			default:
				if ms, _ := recorded["forward"]["average_latency_ms"].(float64); !(ms > 0) {
					t.Errorf("%v", rows)
				}
			}
			if t.Failed() {
				t.Logf("%s", stderr.String())
			}
		})
	}
}

func equal(t *testing.T, got any, want float64) {
	t.Helper()
	if x, ok := got.(float64); !ok || x < want*0.999 || x > want*1.001 {
		t.Errorf("%v, want %v", got, want)
	}
}

func post(t *testing.T, url, body string) map[string]any {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(strings.Join(strings.Fields(body), " ")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var v map[string]any
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil || res.StatusCode != http.StatusOK || v["errors"] != nil {
		t.Fatalf("POST %s: %d %v, %v", url, res.StatusCode, v, err)
	}
	return v
}

// file is what a URL has, as soon as it has it.
func file(t *testing.T, url string) []byte {
	t.Helper()
	for range 100 {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == http.StatusOK {
			return b
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("GET %s has nothing", url)
	return nil
}
