package component

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// RecordAt is a Record that sends measurements to a predictive API elsewhere,
// for a gateway without a database of its own. key is sent along unless empty.
func RecordAt(url, key string) func(context.Context, []perf.Measurement) ([]string, error) {
	base := strings.TrimSuffix(url, "/") + "/api/predictive-performance/"
	client := &http.Client{Timeout: 30 * time.Second}
	return func(ctx context.Context, ms []perf.Measurement) ([]string, error) {
		ids := make([]string, len(ms))
		for i := range ms {
			var err error
			if ids[i], err = recordAt(ctx, client, base, key, &ms[i]); err != nil {
				return ids[:i], err
			}
		}
		return ids, nil
	}
}

// recordAt records one measurement by the documented task, and waits for it.
func recordAt(ctx context.Context, c *http.Client, base, key string, m *perf.Measurement) (string, error) {
	body := map[string]any{"model_name": m.Model, "hardware_platform": m.Platform, "batch_size": m.BatchSize, "sequence_length": m.SequenceLength,
		"precision": m.Precision, "mode": m.Mode, "throughput": m.Throughput, "latency": times(m.Latency, 1/perf.Millisecond),
		"memory_usage": times(m.Memory, 1/perf.MB), "ttft_ms": times(m.TTFT, 1/perf.Millisecond), "tpot_ms": times(m.TPOT, 1/perf.Millisecond),
		"output_tokens_per_second": m.OutputTokensPerSec, "source": m.Source, "environment": m.Environment,
		"runtime": m.Runtime, "runtime_version": m.RuntimeVersion, "output_length": m.OutputLength, "concurrency": m.Concurrency, "threads": m.Threads}
	if m.Family != "" {
		body["model_family"] = m.Family
	}
	var task struct {
		ID      string `json:"task_id"`
		Status  perf.TaskStatus
		Message string
		Result  struct {
			ID string `json:"measurement_id"`
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	if err := exchange(ctx, c, http.MethodPost, base+"record-measurement", key, b, &task); err != nil {
		return "", err
	}
	for !task.Status.Done() {
		if err := exchange(ctx, c, http.MethodGet, base+"task/"+task.ID, key, nil, &task); err != nil {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if task.Status == perf.TaskFailed {
		return "", perf.Invalid("", "%s", clip(task.Message))
	}
	return task.Result.ID, nil
}

func exchange(ctx context.Context, c *http.Client, method, url, key string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("X-API-Key", key)
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxOutput))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return perf.Invalid("", "the predictive API answered %d: %s", res.StatusCode, clip(string(b)))
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("the predictive API's answer: %w", err)
	}
	return nil
}
