//go:build unix

package component

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func dial(t *testing.T, s *server, path string) (*websocket.Conn, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, ctx
}

func TestWebSocket(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	id := s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
	c, ctx := dial(t, s, "/api/test/ws/"+id)
	read := func() string {
		_, b, err := c.Read(ctx)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	if got := read(); !strings.Contains(got, id) || !strings.Contains(got, `"status"`) {
		t.Fatalf("%s", got)
	}
	say := func(word string) {
		if err := c.Write(ctx, websocket.MessageText, []byte(word)); err != nil {
			t.Fatal(err)
		}
	}
	until := func(part string) {
		t.Helper()
		for range 20 {
			got := read()
			if strings.Contains(got, part) {
				return
			}
			if !strings.HasPrefix(got, "{") {
				t.Fatalf("%s before %s", got, part)
			}
		}
		t.Fatalf("no %s", part)
	}
	say("ping")
	until(`{"pong":true}`)
	say("status")
	until(id)
	say("nonsense")
	until("Unknown command")
	say("cancel")
	until(`"status":"cancelled"`)
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("%v", err)
	}
	c, ctx = dial(t, s, "/api/test/ws/nothing")
	if _, b, err := c.Read(ctx); err != nil || strings.TrimSpace(string(b)) != `{"error":"Test run nothing not found"}` {
		t.Errorf("%s %v", b, err)
	}
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != 4404 {
		t.Errorf("%v", err)
	}
}

// A client that floods is let go; so is one too many; others go on.
func TestWebSocketFlood(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	id := s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
	c, ctx := dial(t, s, "/api/test/ws/"+id)
	go func() {
		for c.Write(ctx, websocket.MessageText, []byte("ping")) == nil {
		}
	}()
	var err error
	for err == nil {
		_, _, err = c.Read(ctx)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("a flood goes on")
	}
	c, ctx = dial(t, s, "/api/test/ws/"+id)
	if err := c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("x", 1<<20))); err == nil {
		for err == nil {
			_, _, err = c.Read(ctx)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("a huge message is taken")
		}
	}
	var last *http.Response
	for range maxSocketsFromOne + 5 {
		c, res, err := websocket.Dial(ctx, s.URL+"/api/test/ws/"+id, nil)
		if err != nil {
			last = res
			break
		}
		t.Cleanup(func() { _ = c.CloseNow() })
	}
	if last == nil || last.StatusCode != 503 {
		t.Fatalf("sockets without end: %v", last)
	}
	if st := s.get("/api/test/status/" + id); st["status"] != "running" {
		t.Errorf("%v", st)
	}
}

// A client that does not read holds nothing up.
func TestWebSocketSlowReader(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	id := s.begin("/api/test/run", `{"model_name":"gpt2","test_type":"slow"}`)
	dial(t, s, "/api/test/ws/"+id) // never read
	start := time.Now()
	s.do("POST", "/api/test/cancel/"+id, "")
	if st := s.end("test", id); st["status"] != "cancelled" || time.Since(start) > 10*time.Second {
		t.Errorf("%v after %v", st, time.Since(start))
	}
}
