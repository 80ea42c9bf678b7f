package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
)

// keepAlive is how often a silent stream says that it is still there, so that
// proxies don't cut it.
const keepAlive = 15 * time.Second

// serveEvents answers with server-sent events, in the "distinct connections"
// mode of the graphql-sse protocol: a next event for every response, and
// complete at the end.
func (h *Handler) serveEvents(ctx context.Context, w http.ResponseWriter, r *http.Request, params *graphql.RawParams) {
	ctx, done := h.streaming(r.WithContext(ctx))
	defer done()
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", typeEvents+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Accel-Buffering", "no")
	s.comment()
	stop := every(keepAlive, s.comment)
	defer stop()
	if errs := h.run(ctx, params, func(resp *graphql.Response) { s.event("next", resp) }); errs != nil {
		s.event("next", errorsOnly{errs})
	}
	if ctx.Err() == nil { // else it was cut short, and the client must not take it for the end
		s.event("complete", nil)
	}
}

// eventStream writes events of one connection. A write that fails means that
// the client has gone, which the request's context tells as well.
type eventStream struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *eventStream) event(name string, data any) {
	var b []byte
	if data != nil {
		b, _ = json.Marshal(data) // a response is made of JSON already
	}
	s.write(fmt.Sprintf("event: %s\ndata: %s\n\n", name, b))
}

// comment is ignored by clients.
func (s *eventStream) comment() { s.write(":\n\n") }

func (s *eventStream) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines
	_, _ = s.w.Write([]byte(text))
	_ = s.control.Flush()
}

// every calls f again and again until stop returns.
func every(interval time.Duration, f func()) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(interval)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				f()
			case <-quit:
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}
