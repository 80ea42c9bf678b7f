package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/perfcast/perfcast/document"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
)

// What a socket's client may send.
const (
	socketMessage = 4096 // most bytes of a message
	socketBurst   = 100  // messages at once ...
	socketRate    = 10   // ... and per second after that
)

// closeUnknownTask tells a client that there is no such task.
const closeUnknownTask websocket.StatusCode = 4404

// unknownTask is the only message about a task that does not exist. Here the
// key "error" is what makes clients stop waiting.
type unknownTask struct {
	TaskID string `json:"task_id"`
	Error  string `json:"error"`
}

// socket streams every state of a task as one message each, the last with its
// result, and then closes. What the client says is read, so that its leaving is
// noticed, and ignored.
func (h *handler) socket(w http.ResponseWriter, r *http.Request, id string) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		h.Answer(w, r, http.StatusUpgradeRequired, openapi.Problem{Detail: "Upgrade Required: this path speaks WebSocket"})
		return
	}
	if h.sockets.Add(1) > h.cap {
		h.sockets.Add(-1)
		w.Header().Set("Retry-After", "1")
		h.Answer(w, r, http.StatusServiceUnavailable, openapi.Problem{Detail: "Too many WebSockets are open"})
		return
	}
	defer h.sockets.Add(-1)
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // any origin, as documented; a task's id is the secret
	})
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	shutdown := r.Context()
	ctx, cancel := context.WithCancel(context.WithoutCancel(shutdown))
	defer cancel()
	go listen(ctx, cancel, conn)
	h.stream(ctx, shutdown, conn, id)
}

// stream writes the states of a task until its end, the client's, or the
// server's.
func (h *handler) stream(ctx, shutdown context.Context, conn *websocket.Conn, id string) {
	states, err := h.app.WatchTask(ctx, id)
	if err != nil {
		code, reason, message := closeUnknownTask, "Task not found", "Task not found"
		if perf.AsError(err).Code != perf.CodeNotFound {
			h.Log.ErrorContext(ctx, "watching a task", "task", id, "error", err)
			code, reason, message = websocket.StatusInternalError, "internal error", "internal error"
		}
		if h.send(ctx, conn, unknownTask{TaskID: id, Error: message}) == nil {
			_ = conn.Close(code, reason)
		}
		return
	}
	ping := time.NewTicker(h.ping)
	defer ping.Stop()
	for {
		select {
		case state, open := <-states:
			if !open {
				_ = conn.Close(websocket.StatusNormalClosure, "")
				return
			}
			if h.send(ctx, conn, document.Message(state)) != nil {
				return
			}
		case <-ping.C:
			alive, done := context.WithTimeout(ctx, h.Patience)
			err := conn.Ping(alive)
			done()
			if err != nil {
				return
			}
		case <-ctx.Done():
			return
		case <-shutdown.Done():
			_ = conn.Close(websocket.StatusGoingAway, "the server is shutting down")
			return
		}
	}
}

func (h *handler) send(ctx context.Context, conn *websocket.Conn, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, h.Patience)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, text)
}

// listen reads and drops what the client sends, and ends the connection when it
// leaves or sends too much.
func listen(ctx context.Context, cancel context.CancelFunc, conn *websocket.Conn) {
	defer cancel()
	conn.SetReadLimit(socketMessage)
	credit, last := float64(socketBurst), time.Now()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return
		}
		now := time.Now()
		credit = min(socketBurst, credit+socketRate*now.Sub(last).Seconds()) - 1
		last = now
		if credit < 0 {
			_ = conn.Close(websocket.StatusPolicyViolation, "too many messages")
			return
		}
	}
}
