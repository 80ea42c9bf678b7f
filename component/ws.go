package component

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/perfcast/perfcast/perf"
)

// What one client and all together may do over WebSockets.
const (
	maxSockets        = 512 // of one component
	maxSocketsFromOne = 64  // from one address
	maxSocketMessage  = 1024
	messageBurst      = 20
	messageEvery      = 200 * time.Millisecond // a further message each
	writeWithin       = 10 * time.Second       // a client that reads slower is let go
	pingEvery         = 30 * time.Second
)

// sockets counts a component's WebSockets.
type sockets struct {
	mu   sync.Mutex
	all  int
	from map[string]int
}

func (s *sockets) enter(addr string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxSockets || s.from[addr] >= maxSocketsFromOne {
		return false
	}
	if s.from == nil {
		s.from = map[string]int{}
	}
	s.all++
	s.from[addr]++
	return true
}

func (s *sockets) leave(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.from[addr]--; s.from[addr] == 0 {
		delete(s.from, addr)
	}
}

// watch serves ws/{id}: the run's state at once, every newer one, and the
// close after the last. The client may say "ping", "status" and, where the
// component has it, "cancel". It is the newest state that is sent: a slow
// client misses steps, never the end.
func (b *base[Status, Row]) watch(w http.ResponseWriter, r *http.Request) {
	addr, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !b.sockets.enter(addr) {
		b.web.Fail(w, r, "path", &perf.Error{Code: perf.CodeUnavailable, Message: "Too many WebSocket connections"})
		return
	}
	defer b.sockets.leave(addr)
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // no cookies: any origin, as for the rest of the API
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(maxSocketMessage)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()

	id := r.PathValue("id")
	run, changed, err := b.runs.get(ctx, id)
	if err != nil {
		b.send(ctx, c, map[string]string{"error": b.notFound(id).Error()})
		_ = c.Close(4404, "not found")
		return
	}
	commands := make(chan string)
	go b.listen(ctx, cancel, c, commands)
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		if !b.send(ctx, c, b.status(&run)) {
			return
		}
		if run.Status.Done() {
			_ = c.Close(websocket.StatusNormalClosure, "")
			return
		}
		if !b.await(ctx, c, id, changed, commands, ping.C) {
			return
		}
		if run, changed, err = b.runs.get(ctx, id); err != nil {
			return
		}
	}
}

// await answers the client's words until there is a state to send; false when
// the client has gone.
func (b *base[Status, Row]) await(ctx context.Context, c *websocket.Conn, id string, changed <-chan struct{}, commands <-chan string, ping <-chan time.Time) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
			return true
		case <-ping:
			pctx, done := context.WithTimeout(ctx, writeWithin)
			err := c.Ping(pctx)
			done()
			if err != nil {
				return false
			}
		case word := <-commands:
			switch {
			case word == "ping":
				if !b.send(ctx, c, map[string]bool{"pong": true}) {
					return false
				}
			case word == "status":
				return true
			case word == "cancel" && b.cancelable:
				if _, err := b.runs.cancel(ctx, id); err != nil {
					return false
				}
			default:
				if !b.send(ctx, c, map[string]string{"error": "Unknown command"}) {
					return false
				}
			}
		}
	}
}

// listen hands the client's words on, and ends the connection of one that says
// too much: more than messageBurst at once, or one every messageEvery.
func (b *base[Status, Row]) listen(ctx context.Context, cancel context.CancelFunc, c *websocket.Conn, commands chan<- string) {
	defer cancel()
	quiet := time.Now()
	for {
		kind, text, err := c.Read(ctx)
		if err != nil {
			return
		}
		now := time.Now()
		if quiet.Before(now) {
			quiet = now
		}
		if quiet = quiet.Add(messageEvery); quiet.Sub(now) > messageBurst*messageEvery || kind != websocket.MessageText {
			_ = c.Close(websocket.StatusPolicyViolation, "too many messages")
			return
		}
		select {
		case commands <- strings.TrimSpace(string(text)):
		case <-ctx.Done():
			return
		}
	}
}

func (b *base[Status, Row]) send(ctx context.Context, c *websocket.Conn, body any) bool {
	text, err := json.Marshal(body)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return c.Write(ctx, websocket.MessageText, text) == nil
}
