package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/perfcast/perfcast/key"
)

// TestProxy sends requests to a component elsewhere.
func TestProxy(t *testing.T) {
	far := httptest.NewServer(echo("far"))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"benchmark": {Kind: KindURL, URL: far.URL}}})

	code, b := do(t, "PATCH", s.URL+"/api/benchmark/query?limit=2&model=a%20b&limit=3", "", "body")
	h := decode[heard](t, b)
	if code != 200 || h.Method != "PATCH" || h.Path != "/api/benchmark/query" || h.Query != "limit=2&model=a%20b&limit=3" || h.Body != "body" {
		t.Fatalf("%d %s", code, b)
	}
	if "http://"+h.Host != far.URL {
		t.Errorf("Host %q", h.Host)
	}
	code, b = do(t, "GET", s.URL+"/api/db/benchmark/runs?limit=1", reader, "")
	if h := decode[heard](t, b); code != 200 || h.Path != "/api/benchmark/db/runs" || h.Query != "limit=1" {
		t.Fatalf("%d %s", code, b)
	} else if h.Header.Get(key.Header) != "" {
		t.Error("the key went to a component that must not have it")
	}
}

func TestProxyStreams(t *testing.T) {
	more := make(chan struct{})
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := bufio.NewReader(r.Body)
		_ = http.NewResponseController(w).EnableFullDuplex()
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			fmt.Fprint(w, "heard ", line)
			w.(http.Flusher).Flush()
		}
	}))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"test": {Kind: KindURL, URL: far.URL}}})
	body, send := io.Pipe()
	go func() {
		_, _ = io.WriteString(send, "one\n")
		<-more
		_, _ = io.WriteString(send, "two\n")
		_ = send.Close()
	}()
	res, err := http.Post(s.URL+"/api/test/stream", "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	if line, err := in.ReadString('\n'); line != "heard one\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(more)
	if line, err := in.ReadString('\n'); line != "heard two\n" {
		t.Fatalf("%q, %v", line, err)
	}
}

func TestProxyWebSocket(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if string(b) == "bye" {
				_ = c.Close(4404, "no such task")
				return
			}
			_ = c.Write(r.Context(), kind, append([]byte(r.URL.RequestURI()+" "), b...))
		}
	}))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"predictive": {Kind: KindURL, URL: far.URL}}})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, s.URL+"/api/predictive-performance/ws/t-1?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(ctx, websocket.MessageText, []byte("ping")); err != nil {
		t.Fatal(err)
	}
	if _, b, err := c.Read(ctx); err != nil || string(b) != "/api/predictive-performance/ws/t-1?x=1 ping" {
		t.Fatalf("%s, %v", b, err)
	}
	_ = c.Write(ctx, websocket.MessageText, []byte("bye"))
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != 4404 {
		t.Fatalf("close: %v", err)
	}
}

func TestDownComponentIsAloneInIt(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes(), Targets: map[string]Target{"test": {Kind: KindURL, URL: "http://127.0.0.1:1"}}})
	code, b := do(t, "GET", s.URL+"/api/test/runs", "", "")
	e := decode[map[string]string](t, b)
	if code != 502 || !strings.HasPrefix(e["error"], "Error forwarding request: ") || e["detail"] == "" || strings.Contains(string(b), "127.0.0.1") {
		t.Fatalf("%d %s", code, b)
	}
}
