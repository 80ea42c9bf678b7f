package resolvers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

const subprotocol = "graphql-transport-ws"

// Bounds of one WebSocket.
const (
	maxMessage       = 1 << 20          // bytes of one message from the client
	maxSubscriptions = 100              // operations at once
	writeTimeout     = 10 * time.Second // a client that does not read for so long is cut off
	pingInterval     = 25 * time.Second
)

// The close codes of the graphql-transport-ws protocol.
const (
	closeBadRequest   websocket.StatusCode = 4400 // a message that is none
	closeUnauthorized websocket.StatusCode = 4401 // subscribe before connection_ack
	closeForbidden    websocket.StatusCode = 4403 // connection_init was turned down
	closeBadProtocol  websocket.StatusCode = 4406 // the client does not speak it
	closeInitTimeout  websocket.StatusCode = 4408 // no connection_init in time
	closeDuplicate    websocket.StatusCode = 4409 // an id that is in use
	closeTooManyInits websocket.StatusCode = 4429 // a second connection_init
)

// closing is an error that ends a connection with a code.
type closing struct {
	code   websocket.StatusCode
	reason string
}

func (c closing) Error() string { return c.reason }

// message is one message of the protocol, in either direction.
type message struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// socket is one connection. Its goroutines are the reader, which serve runs,
// one for each operation, and one that pings.
type socket struct {
	h      *Handler
	conn   *websocket.Conn
	ctx    context.Context
	end    context.CancelCauseFunc
	header http.Header
	key    string // API key; empty = none
	acked  bool   // only the reader asks

	mu     sync.Mutex
	active map[string]context.CancelFunc
	ops    sync.WaitGroup
}

// serveWebSocket speaks graphql-transport-ws, and no older protocol.
func (h *Handler) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, OriginPatterns: h.opts.Origins})
	if err != nil {
		return // Accept has answered: no proper handshake (4xx), or a foreign origin (403)
	}
	if conn.Subprotocol() != subprotocol {
		_ = conn.Close(closeBadProtocol, "Subprotocol not acceptable")
		return
	}
	conn.SetReadLimit(maxMessage)
	ctx, done := h.streaming(r)
	defer done()
	s := &socket{h: h, conn: conn, header: r.Header, key: r.Header.Get(keyHeader), active: map[string]context.CancelFunc{}}
	s.ctx, s.end = context.WithCancelCause(ctx)
	s.serve()
}

// serve reads messages until the connection ends.
func (s *socket) serve() {
	initTimer := time.AfterFunc(s.h.opts.InitTimeout, func() { s.end(closing{closeInitTimeout, "Connection initialisation timeout"}) })
	defer initTimer.Stop()
	defer s.ops.Wait()
	defer every(pingInterval, s.ping)()
	defer s.end(closing{websocket.StatusInternalError, "internal error"}) // after a panic; else the end has come
	s.ops.Add(1)
	context.AfterFunc(s.ctx, func() {
		defer s.ops.Done()
		s.close(context.Cause(s.ctx))
	})
	for s.ctx.Err() == nil {
		// Not s.ctx: the library answers its end by cutting the connection, and
		// the close frame would be lost.
		kind, data, err := s.conn.Read(context.Background())
		if err == nil {
			err = s.receive(kind, data, initTimer)
		}
		if err != nil {
			s.end(err)
		}
	}
}

// close says why, if the reason is ours to give, and gives the client a second
// to say goodbye.
func (s *socket) close(why error) {
	defer func() { _ = s.conn.CloseNow() }() // closed, or given up
	time.AfterFunc(time.Second, func() { _ = s.conn.CloseNow() })
	var c closing
	switch {
	case errors.As(why, &c):
		_ = s.conn.Close(c.code, c.reason) // the client may have gone
	case errors.Is(why, context.Canceled):
		_ = s.conn.Close(websocket.StatusGoingAway, "server is shutting down")
	}
}

func (s *socket) ping() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), writeTimeout)
	defer cancel()
	if err := s.conn.Ping(ctx); err != nil {
		s.end(err)
	}
}

// receive acts on one message.
func (s *socket) receive(kind websocket.MessageType, data []byte, initTimer *time.Timer) error {
	var m message
	if kind != websocket.MessageText || json.Unmarshal(data, &m) != nil {
		return closing{closeBadRequest, "Invalid message received"}
	}
	switch m.Type {
	case "connection_init":
		if s.acked {
			return closing{closeTooManyInits, "Too many initialisation requests"}
		}
		initTimer.Stop()
		return s.init(m.Payload)
	case "subscribe":
		if !s.acked {
			return closing{closeUnauthorized, "Unauthorized"}
		}
		return s.subscribe(m)
	case "complete":
		s.mu.Lock()
		defer s.mu.Unlock()
		if cancel := s.active[m.ID]; cancel != nil {
			cancel()
			delete(s.active, m.ID) // free at once: the client may use the id again
		}
	case "ping":
		s.send(message{Type: "pong", Payload: m.Payload})
	case "pong":
	default:
		return closing{closeBadRequest, "Invalid message received"}
	}
	return nil
}

// init answers connection_init.
func (s *socket) init(payload json.RawMessage) error {
	var given map[string]any
	if decode(payload, &given) != nil {
		return closing{closeBadRequest, "Invalid connection_init payload"}
	}
	for name, v := range given {
		if key, ok := v.(string); ok && (http.CanonicalHeaderKey(name) == http.CanonicalHeaderKey(keyHeader) || name == "apiKey") {
			s.key = key
		}
	}
	if allow := s.h.opts.Authorize; allow != nil && allow(s.ctx, s.key, false) != nil {
		return closing{closeForbidden, "Forbidden"}
	}
	s.acked = true
	s.send(message{Type: "connection_ack"})
	return nil
}

// subscribe starts an operation.
func (s *socket) subscribe(m message) error {
	var payload struct {
		Query         *string        `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
		Extensions    map[string]any `json:"extensions"`
	}
	if m.ID == "" || decode(m.Payload, &payload) != nil || payload.Query == nil {
		return closing{closeBadRequest, "Invalid message received"}
	}
	p := graphql.RawParams{Query: *payload.Query, OperationName: payload.OperationName, Variables: payload.Variables,
		Extensions: payload.Extensions, Headers: s.header}
	ctx, cancel := context.WithCancel(withRequest(s.ctx, request{key: s.key, stream: true}))
	s.mu.Lock()
	duplicate, full := s.active[m.ID] != nil, len(s.active) >= maxSubscriptions
	if !duplicate && !full {
		s.active[m.ID] = cancel
	}
	s.mu.Unlock()
	switch {
	case duplicate:
		cancel()
		return closing{closeDuplicate, "Subscriber for " + clip(m.ID, 80) + " already exists"}
	case full:
		cancel()
		s.sendErrors(m.ID, gqlerror.List{{Message: "too many operations on one connection; end some, or open another",
			Extensions: map[string]any{"code": codeTooManyStreams, "maximum": maxSubscriptions}}})
		return nil
	}
	s.ops.Add(1)
	go s.operate(ctx, cancel, m.ID, &p)
	return nil
}

// operate runs one operation to its end.
func (s *socket) operate(ctx context.Context, cancel context.CancelFunc, id string, p *graphql.RawParams) {
	defer s.ops.Done()
	defer cancel()
	errs := s.h.run(ctx, p, func(resp *graphql.Response) {
		if b, err := json.Marshal(resp); err == nil && ctx.Err() == nil {
			s.send(message{Type: "next", ID: id, Payload: b})
		}
	})
	s.mu.Lock()
	if ctx.Err() != nil {
		s.mu.Unlock()
		return // the client ended it, or the connection did
	}
	delete(s.active, id)
	s.mu.Unlock()
	if errs != nil {
		s.sendErrors(id, errs)
		return
	}
	s.send(message{Type: "complete", ID: id})
}

func (s *socket) sendErrors(id string, errs gqlerror.List) {
	b, err := json.Marshal(errs)
	if err != nil {
		b = []byte(`[{"message":"internal error","extensions":{"code":"INTERNAL"}}]`)
	}
	s.send(message{Type: "error", ID: id, Payload: b})
}

// send writes a message. A client that can't be written to is cut off.
func (s *socket) send(m message) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return // made of JSON already
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), writeTimeout)
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, bytes.TrimSpace(b.Bytes())); err != nil {
		s.end(err)
	}
}

// clip keeps a close reason within its 123 bytes.
func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
