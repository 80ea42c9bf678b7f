package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/perfcast/perfcast/rest"
)

// watch opens a WebSocket on a task.
func (s *server) watch(id string) *websocket.Conn {
	s.Helper()
	conn, _, err := websocket.Dial(s.Context(), strings.Replace(s.URL, "http", "ws", 1)+prefix+"ws/"+id, nil)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return conn
}

// messages reads until the server closes, and gives the close code.
func (s *server) messages(conn *websocket.Conn) (out []map[string]any, code websocket.StatusCode) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return out, websocket.CloseStatus(err)
		}
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			s.Fatalf("%v in %s", err, text)
		}
		out = append(out, m)
	}
}

// TestSteps: every step of every kind of task, in the documented words.
func TestSteps(t *testing.T) {
	s := serve(t, rest.Options{})
	for _, c := range []struct{ endpoint, body, steps string }{
		{"predict-hardware", `{"model_name":"bert-base-uncased","predict_performance":true}`,
			"0.1 Initializing hardware prediction, 0.3 Predicting optimal hardware, 0.6 Hardware prediction completed, 0.7 Predicting performance"},
		{"predict-hardware", `{"model_name":"bert-base-uncased"}`,
			"0.1 Initializing hardware prediction, 0.3 Predicting optimal hardware, 0.6 Hardware prediction completed"},
		{"predict-performance", `{"model_name":"bert-base-uncased","hardware":"cpu"}`, "0.1 Initializing performance prediction, 0.5 Predicting performance"},
		{"record-measurement", `{"model_name":"bert-base-uncased","hardware_platform":"cpu","throughput":9}`, "0.1 Initializing measurement recording, 0.5 Recording measurement"},
		{"analyze-predictions", `{}`, "0.1 Initializing prediction analysis, 0.5 Analyzing predictions"},
		{"record-feedback", `{"recommendation_id":"x","accepted":true}`, "0.1 Initializing feedback recording, 0.5 Recording feedback"},
		{"store-model", `{"model_type":"t","target_metric":"m","serialized_model_path":"","hardware_platform":"cpu","features":[]}`,
			"0.1 Initializing ML model storage, 0.3 Loading serialized model, 0.6 Storing ML model"},
		{"generate-matrix", `{"model_configs":[],"hardware_platforms":[],"batch_sizes":[]}`, "0.1 Initializing matrix generation, 0.5 Generating prediction matrix"},
		{"generate-sample-data", `{"num_models":0}`, "0.1 Initializing sample data generation, 0.3 Generating sample data"},
	} {
		id := s.start(c.endpoint, c.body)
		got, code := s.messages(s.watch(id))
		equal(t, c.endpoint+": close code", code, websocket.StatusNormalClosure)
		var steps []string
		for i, m := range got {
			last := i == len(got)-1
			keys := "task_id status progress message timestamp"
			if last {
				keys += " result"
			}
			s.exactly("message", m, keys)
			s.validate("#/components/schemas/TaskMessage", m)
			equal(t, "task_id", m["task_id"], id)
			switch m["status"] {
			case "pending":
				equal(t, "first", []any{i, m["progress"], m["message"]}, []any{0, 0.0, "Task created"})
			case "running":
				steps = append(steps, marshal(t, m["progress"])+" "+m["message"].(string))
			default:
				equal(t, "last", []any{last, m["status"], m["progress"], m["message"]}, []any{true, "completed", 1.0, "Task completed successfully"})
			}
		}
		equal(t, c.endpoint, strings.Join(steps, ", "), c.steps)
	}
}

func TestSocketOfUnknownTask(t *testing.T) {
	s := serve(t, rest.Options{})
	got, code := s.messages(s.watch("hardware-nobody"))
	equal(t, "messages", got, []any{map[string]any{"task_id": "hardware-nobody", "error": "Task not found"}})
	equal(t, "close code", code, 4404)
}

// slow starts a task that runs for a good while.
func (s *server) slow() string {
	s.Helper()
	var models []map[string]string
	for _, m := range s.app.Models()[:200] {
		models = append(models, map[string]string{"name": m.Name})
	}
	body := marshal(s.T, map[string]any{"model_configs": models, "hardware_platforms": []string{"cuda", "cpu", "rocm", "mps", "openvino", "webgpu", "webnn", "qnn"},
		"batch_sizes": []int{1, 2, 4, 8}, "precision_options": []string{"fp32", "fp16", "int8"}})
	id := s.start("generate-matrix", body)
	s.Cleanup(func() { _, _ = s.app.CancelTask(context.Background(), id) })
	return id
}

// TestCancelledTask: a failed task's last message has no result.
func TestCancelledTask(t *testing.T) {
	s := serve(t, rest.Options{})
	id := s.slow()
	conn := s.watch(id)
	if _, err := s.app.CancelTask(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	got, code := s.messages(conn)
	last := got[len(got)-1]
	s.exactly("last message", last, "task_id status progress message timestamp")
	equal(t, "last message", []any{last["status"], last["progress"], last["message"]}, []any{"failed", 0, "Task failed: cancelled"})
	equal(t, "close code", code, websocket.StatusNormalClosure)
	task := s.get(prefix + "task/" + id).body
	s.exactly("task", task, "status progress message timestamp")
	equal(t, "status", task["status"], "failed")
}

// TestFlood: talk is ignored, too much of it ends the connection, and so does
// one message that is too long.
func TestFlood(t *testing.T) {
	s := serve(t, rest.Options{})
	id := s.slow()
	for name, c := range map[string]struct {
		message string
		count   int
		code    websocket.StatusCode
	}{
		"many": {"ping", 200, websocket.StatusPolicyViolation},
		"long": {strings.Repeat("x", 5000), 1, websocket.StatusMessageTooBig},
	} {
		conn := s.watch(id)
		go func() {
			for range c.count {
				if conn.Write(context.Background(), websocket.MessageText, []byte(c.message)) != nil {
					return
				}
			}
		}()
		if _, code := s.messages(conn); code != c.code {
			t.Errorf("%s: closed with %v, want %v", name, code, c.code)
		}
	}
	polite := s.watch(id)
	if err := polite.Write(t.Context(), websocket.MessageText, []byte("status")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := polite.Read(t.Context()); err != nil {
		t.Errorf("a few words end the connection: %v", err)
	}
}

func TestShutdownClosesSockets(t *testing.T) {
	s := serve(t, rest.Options{})
	id := s.slow()
	conn := s.watch(id)
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.shutdown()
	if _, code := s.messages(conn); code != websocket.StatusGoingAway {
		t.Errorf("closed with %v", code)
	}
}

// TestSocketCap: above the cap a handshake is refused, and a client that leaves
// makes room.
func TestSocketCap(t *testing.T) {
	s := serve(t, rest.Options{MaxSockets: 2, PingEvery: 20 * time.Millisecond})
	id := s.slow()
	first := s.watch(id)
	s.watch(id)
	url := strings.Replace(s.URL, "http", "ws", 1) + prefix + "ws/" + id
	_, res, err := websocket.Dial(t.Context(), url, nil)
	if err == nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a third socket: %v %v", res, err)
	}
	_ = first.CloseNow() // without a word, as a crashing client
	s.room(id)
}

// TestSlowReader: a client that takes nothing does not keep its place.
func TestSlowReader(t *testing.T) {
	s := serve(t, rest.Options{MaxSockets: 1, PingEvery: 50 * time.Millisecond, Patience: 100 * time.Millisecond})
	id := s.slow()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "GET %sws/%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", prefix, id)
	if err != nil {
		t.Fatal(err)
	}
	status := make([]byte, len("HTTP/1.1 101"))
	if _, err := io.ReadFull(conn, status); err != nil || string(status) != "HTTP/1.1 101" {
		t.Fatalf("%s %v", status, err)
	}
	s.room(id)
}

// room waits until a WebSocket can be opened.
func (s *server) room(id string) {
	s.Helper()
	url := strings.Replace(s.URL, "http", "ws", 1) + prefix + "ws/" + id
	for start := time.Now(); time.Since(start) < 15*time.Second; time.Sleep(10 * time.Millisecond) {
		if conn, _, err := websocket.Dial(s.Context(), url, nil); err == nil {
			_ = conn.CloseNow()
			return
		}
	}
	s.Fatal("the server does not notice that a client is gone")
}

// TestHandshakeElsewhere is refused with 403, as documented.
func TestHandshakeElsewhere(t *testing.T) {
	s := serve(t, rest.Options{})
	for _, path := range []string{"/ws", prefix + "ws/a/b", prefix + "wss/x"} {
		_, res, err := websocket.Dial(t.Context(), strings.Replace(s.URL, "http", "ws", 1)+path, nil)
		if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v %v", path, res, err)
		}
	}
}

// TestTaskWaits: GET task waits a moment for a running task, and no longer.
func TestTaskWaits(t *testing.T) {
	s := serve(t, rest.Options{TaskWait: 50 * time.Millisecond})
	id := s.slow()
	start := time.Now()
	a := s.get(prefix + "task/" + id)
	if took := time.Since(start); a.body["status"] == "running" && (took < 45*time.Millisecond || took > 2*time.Second) {
		t.Errorf("answered after %v", took)
	}
	if a.body["status"] == "completed" {
		t.Skip("the slow task was quick")
	}
}
