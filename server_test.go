package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/test/program"
)

// started runs the real servers on free ports, and gives their addresses.
func started(t *testing.T, args ...string) (predictive, gateway string, out *program.Output) {
	t.Helper()
	c, err := parse(append([]string{"--predictive-port", "0", "--gateway-port", "0", "--db-path", filepath.Join(t.TempDir(), "perf.duckdb")}, args...), func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	out = &program.Output{}
	done := make(chan error, 1)
	go func() { done <- serve(ctx, c, out, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Error("the servers took more than five seconds to end")
		}
	})
	predictive, gateway = program.Await(t, out, done)
	return predictive, gateway, out
}

func call(t *testing.T, method, url, body string, into any) int {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s %s: %d %s", method, url, res.StatusCode, text)
		}
	}
	return res.StatusCode
}

func TestBothFacesGiveTheSameNumbers(t *testing.T) {
	predictive, gateway, _ := started(t)
	for _, base := range []string{predictive, gateway} {
		for _, model := range []string{"bert-base-uncased", "resnet-50", "gpt2"} {
			var posted struct {
				ID string `json:"task_id"`
			}
			call(t, "POST", base+"/api/predictive-performance/predict-performance", fmt.Sprintf(`{"model_name":%q,"hardware":"cuda","batch_size":8,"precision":"fp16"}`, model), &posted)
			var task struct {
				Result struct {
					Predictions map[string]struct {
						Throughput float64 `json:"throughput"`
						Latency    float64 `json:"latency"`
						Memory     float64 `json:"memory_usage"`
					} `json:"predictions"`
				} `json:"result"`
			}
			call(t, "GET", base+"/api/predictive-performance/task/"+posted.ID, "", &task)
			var answer struct {
				Data struct {
					Predict struct {
						Throughput, LatencyMs, MemoryMb struct{ Value float64 }
					}
				}
			}
			query, _ := json.Marshal(map[string]string{"query": fmt.Sprintf(
				`{predict(input:{model:%q,platform:"cuda",batchSize:8,precision:"fp16"}){throughput{value} latencyMs{value} memoryMb{value}}}`, model)})
			call(t, "POST", base+"/graphql", string(query), &answer)
			r, g := task.Result.Predictions["cuda"], answer.Data.Predict
			for _, pair := range [][2]float64{{r.Throughput, g.Throughput.Value}, {r.Latency, g.LatencyMs.Value}, {r.Memory, g.MemoryMb.Value}} {
				if pair[0] <= 0 || math.Abs(pair[0]-pair[1]) > 1e-9*pair[0] {
					t.Errorf("%s at %s: REST says %v, GraphQL %v", model, base, pair[0], pair[1])
				}
			}
		}
	}
}

func TestFlags(t *testing.T) {
	env := map[string]string{"PREDICTIVE_PERFORMANCE_DB": "env.duckdb"}
	for _, c := range []struct {
		args string
		db   string
		port int
		err  string
	}{
		{"", "env.duckdb", 8500, ""},
		{"--db a --port 9", "a", 9, ""},
		{"--db-path a --db a --port 7 --predictive-port 7", "a", 7, ""},
		{"--db-path a --db b", "", 0, "two values"},
		{"--port 7 --predictive-port 8", "", 0, "two values"},
		{"--predictive-only --unified-only", "", 0, "exclude"},
		{"--gateway-port 70000", "", 0, "65535"},
		{"--component test", "", 0, "NAME=TARGET"},
		{"--component test=ftp://x", "", 0, "URL"},
		{"extra", "", 0, "extra"},
	} {
		got, err := parse(strings.Fields(c.args), func(k string) string { return env[k] }, io.Discard)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one with %q", c.args, err, c.err)
			}
		case err != nil || got.dbPath != c.db || got.predictivePort != c.port:
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
}

func TestWhatKeepsItFromStarting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	locked := filepath.Join(dir, "locked.duckdb")
	d, err := db.Open(locked, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	corrupt := filepath.Join(dir, "corrupt.duckdb")
	if err := os.WriteFile(corrupt, bytes.Repeat([]byte("not a database"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	for args, want := range map[string]string{
		"--port " + port + " --predictive-only":                                          "in use",
		"--port 0 --predictive-only --db " + corrupt:                                     "corrupt",
		"--port 0 --predictive-only --db /nonexistent/dir/perf.duckdb":                   "/nonexistent/dir",
		"--port 0 --predictive-only --fleet /nonexistent.yaml --db " + dir + "/x.duckdb": "nonexistent.yaml",
	} {
		var out, errs bytes.Buffer
		code := serveMain(context.Background(), strings.Fields(args), &out, &errs)
		if code != 1 || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), want) || strings.Contains(errs.String(), "goroutine") {
			t.Errorf("%q: exit %d, %q", args, code, errs.String())
		}
	}
}

// TestTrainAndEvaluateWithADatabase records measurements that the embedded
// predictor gets wrong, and asks both commands to take them into account.
func TestTrainAndEvaluateWithADatabase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "perf.duckdb")
	csv := filepath.Join(dir, "rows.csv")
	header := "source,source_path,source_commit,license,model_name,model_family,task,hardware_platform,hardware_name,num_devices,framework,precision,mode,batch_size,sequence_length_in,sequence_length_out,image_size,params_m,gmacs,macts_m,throughput,throughput_unit,latency_ms,memory_mb,extra\n"
	row := "x,x,x,MIT,torchvision/resnet50,vision,,cuda,NVIDIA T4,1,pytorch eager,fp32,inference,8,,,,,,,,,31.7,,\n"
	if err := os.WriteFile(csv, []byte(header+row), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(slog.New(slog.DiscardHandler))
	ctx := context.Background()
	if err := s.openApp(ctx, config{dbPath: path}); err != nil {
		t.Fatal(err)
	}
	latency := 0.0317
	c := app.DefaultConfig()
	c.Model, c.Device, c.BatchSize = "resnet50", "NVIDIA T4", 8
	if _, err := s.app.Record(ctx, app.MeasurementRequest{Measurement: perf.Measurement{Config: c, Latency: &latency}}); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	evaluate := func(args ...string) string {
		t.Helper()
		rows := filepath.Join(dir, "out.csv")
		var out, errs bytes.Buffer
		if code := run(append(append([]string{"evaluate", "--rows", rows}, args...), csv), &out, &errs); code != 0 {
			t.Fatalf("exit %d: %s", code, &errs)
		}
		text, err := os.ReadFile(rows)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if without := evaluate(); !strings.Contains(without, ",learned") {
		t.Errorf("without the database: %s", without)
	}
	if with := evaluate("--db-path", path); with == evaluate() {
		t.Errorf("the database's measurement changed nothing: %s", with)
	}
	var out, errs bytes.Buffer
	if code := run([]string{"evaluate", "--db-path", filepath.Join(dir, "none.duckdb"), csv}, &out, &errs); code == 0 || !strings.Contains(errs.String(), "none.duckdb") {
		t.Errorf("a database that is not there: exit %d, %s", code, &errs)
	}
}

// The documented gateway's configuration names ports, which flags beat.
func TestOldGatewayPorts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "old.json")
	if err := os.WriteFile(file, []byte(`{"gateway": {"port": 8081}, "predictive_performance_api": {"enabled": true, "port": 8501}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	none := func(string) string { return "" }
	c, err := parse([]string{"--config", file, "--port", "8600"}, none, io.Discard)
	if err != nil || c.gatewayPort != 8081 || c.predictivePort != 8600 {
		t.Errorf("%d and %d, %v", c.gatewayPort, c.predictivePort, err)
	}
	if _, err := parse([]string{"--config", filepath.Join(t.TempDir(), "none")}, none, io.Discard); err == nil || !strings.HasPrefix(err.Error(), "--config: ") {
		t.Errorf("%v", err)
	}
}
