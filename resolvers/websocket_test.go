package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// wire is a client's end of a WebSocket.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
}

func (f *face) dial(t *testing.T, header http.Header) *wire {
	t.Helper()
	conn, resp, err := websocket.Dial(t.Context(), strings.Replace(f.url, "http", "ws", 1),
		&websocket.DialOptions{Subprotocols: []string{subprotocol}, HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	conn.SetReadLimit(1 << 24)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &wire{t, conn}
}

func (w *wire) send(m string) {
	w.t.Helper()
	if err := w.conn.Write(w.t.Context(), websocket.MessageText, []byte(m)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) subscribe(id, query string) {
	w.t.Helper()
	payload, _ := json.Marshal(map[string]string{"query": query})
	w.send(fmt.Sprintf(`{"type":"subscribe","id":%q,"payload":%s}`, id, payload))
}

// next is the next message, or the code the connection was closed with.
func (w *wire) next() (m message, closed websocket.StatusCode) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := w.conn.Read(ctx)
	if err != nil {
		return m, websocket.CloseStatus(err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		w.t.Fatalf("%v in %s", err, data)
	}
	return m, 0
}

// expect is the next message, which must be of a type.
func (w *wire) expect(kind string) message {
	w.t.Helper()
	m, closed := w.next()
	if closed != 0 || m.Type != kind {
		w.t.Fatalf("closed with %d, message %+v, want %s", closed, m, kind)
	}
	return m
}

func (w *wire) init() *wire {
	w.t.Helper()
	w.send(`{"type":"connection_init"}`)
	w.expect("connection_ack")
	return w
}

// A subscription from its start, while the task runs, to its end.
func TestTaskProgressOverAWebSocket(t *testing.T) {
	f := newFace(t, Options{})
	w := f.dial(t, nil).init()
	w.subscribe("m", `mutation { generateMatrix(models: ["bert-base-uncased", "gpt2", "t5-small", "resnet-50"], platforms: [cuda, cpu, rocm], batchSizes: [1, 8]) { id status } }`)
	var started struct {
		Data struct{ GenerateMatrix aTask }
	}
	if err := json.Unmarshal(w.expect("next").Payload, &started); err != nil {
		t.Fatal(err)
	}
	w.expect("complete")
	w.subscribe("s", fmt.Sprintf(`subscription { taskProgress(id: %q) { id status progress message } }`, started.Data.GenerateMatrix.ID))
	var states []aTask
	for {
		m, closed := w.next()
		if closed != 0 || m.ID != "s" {
			t.Fatalf("closed with %d, message %+v", closed, m)
		}
		if m.Type == "complete" {
			break
		}
		var state struct{ Data struct{ TaskProgress aTask } }
		if err := json.Unmarshal(m.Payload, &state); err != nil || m.Type != "next" {
			t.Fatalf("%v in %+v", err, m)
		}
		states = append(states, state.Data.TaskProgress)
	}
	last := states[len(states)-1]
	if len(states) < 2 || last.Status != "completed" || last.Progress != 1 || last.ID != started.Data.GenerateMatrix.ID {
		t.Errorf("states %+v", states)
	}
	for i := 1; i < len(states); i++ {
		if states[i].Progress < states[i-1].Progress {
			t.Errorf("progress falls: %+v", states)
		}
	}
}

func TestUnknownTaskIsAnErrorOfTheSubscription(t *testing.T) {
	f := newFace(t, Options{})
	w := f.dial(t, nil).init()
	w.subscribe("s", `subscription { taskProgress(id: "hardware-none") { id } }`)
	if m := w.expect("next"); !strings.Contains(string(m.Payload), "NOT_FOUND") {
		t.Errorf("%s", m.Payload)
	}
	w.expect("complete")
}

func TestNewsOfOneModel(t *testing.T) {
	f := newFace(t, Options{})
	w := f.dial(t, nil).init()
	w.subscribe("m", `subscription { measurements(model: "bert-base", device: "a100 sxm 80gb") { model device batchSize latencyMs } }`)
	w.subscribe("p", `subscription { predictions(model: "gpt2") { id model } }`)
	f.settle(2)
	f.ask(&struct{}{}, `mutation { recordMeasurements(inputs: [
		{ model: "gpt2", device: "a100 sxm 80gb", latencyMs: 1 }, { model: "bert-base-uncased", device: "NVIDIA T4", latencyMs: 2 },
		{ model: "bert-base-uncased", device: "a100 sxm 80gb", batchSize: 4, latencyMs: 3 }]) { measurement { id } } }`, nil)
	got := map[string]string{}
	for range 2 {
		m := w.expect("next")
		got[m.ID] = string(m.Payload)
	}
	if want := `{"data":{"measurements":{"model":"bert-base-uncased","device":"NVIDIA A100 SXM 80GB","batchSize":4,"latencyMs":3}}}`; got["m"] != want {
		t.Errorf("measurement %s, want %s", got["m"], want)
	}
	if !strings.Contains(got["p"], `"model":"gpt2"`) {
		t.Errorf("prediction %s", got["p"])
	}
	w.send(`{"type":"complete","id":"m"}`)
	w.send(`{"type":"ping","payload":{"n":1}}`)
	if m := w.expect("pong"); string(m.Payload) != `{"n":1}` {
		t.Errorf("pong %s", m.Payload)
	}
}

// settle waits until n subscriptions listen.
func (f *face) settle(n int) {
	f.t.Helper()
	for range 500 {
		if strings.Count(stacks(), "resolvers.only[") >= n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.t.Fatalf("%d subscriptions do not listen after 5 s", n)
}

func stacks() string {
	buf := make([]byte, 1<<22)
	return string(buf[:runtime.Stack(buf, true)])
}

func TestCloseCodes(t *testing.T) {
	f := newFace(t, Options{})
	gated := newFace(t, Options{Authorize: secretOnly, InitTimeout: 50 * time.Millisecond})
	const forever = `{"type":"subscribe","id":"a","payload":{"query":"subscription { predictions { id } }"}}`
	const init = `{"type":"connection_init"}`
	for _, c := range []struct {
		what     string
		face     *face
		messages []string
		code     websocket.StatusCode
	}{
		{"no connection_init", gated, nil, closeInitTimeout},
		{"no key", gated, []string{init}, closeForbidden},
		{"a wrong key", gated, []string{`{"type":"connection_init","payload":{"X-API-Key":"x"}}`}, closeForbidden},
		{"a payload that is no object", f, []string{`{"type":"connection_init","payload":"x"}`}, closeBadRequest},
		{"two inits", f, []string{init, init}, closeTooManyInits},
		{"subscribe first", f, []string{forever}, closeUnauthorized},
		{"a duplicate id", f, []string{init, forever, forever}, closeDuplicate},
		{"no JSON", f, []string{init, "{"}, closeBadRequest},
		{"an array", f, []string{init, "[]"}, closeBadRequest},
		{"an unknown type", f, []string{init, `{"type":"start","id":"a"}`}, closeBadRequest},
		{"a server's type", f, []string{init, `{"type":"next","id":"a"}`}, closeBadRequest},
		{"no id", f, []string{init, `{"type":"subscribe","payload":{"query":"{ __typename }"}}`}, closeBadRequest},
		{"no payload", f, []string{init, `{"type":"subscribe","id":"a"}`}, closeBadRequest},
		{"variables that are no object", f, []string{init, `{"type":"subscribe","id":"a","payload":{"query":"{ __typename }","variables":[]}}`}, closeBadRequest},
		{"2 MB", f, []string{init, `{"type":"ping","payload":"` + strings.Repeat("x", 2<<20) + `"}`}, websocket.StatusMessageTooBig},
	} {
		w := c.face.dial(t, nil)
		for _, m := range c.messages {
			if err := w.conn.Write(t.Context(), websocket.MessageText, []byte(m)); err != nil {
				break // closed already
			}
		}
		for {
			m, closed := w.next()
			if closed == c.code {
				break
			}
			if closed != 0 || m.Type == "" {
				t.Errorf("%s: closed with %d, want %d", c.what, closed, c.code)
				break
			}
		}
	}
}

func TestKeyOfAWebSocket(t *testing.T) {
	f := newFace(t, Options{Authorize: secretOnly})
	f.dial(t, http.Header{keyHeader: {"secret"}}).init()
	for _, payload := range []string{`{"X-API-Key":"secret"}`, `{"x-api-key":"secret"}`, `{"apiKey":"secret"}`} {
		w := f.dial(t, nil)
		w.send(`{"type":"connection_init","payload":` + payload + `}`)
		w.expect("connection_ack")
		w.subscribe("a", `mutation { generateSampleData(numModels: 0) { status } }`)
		if m := w.expect("next"); !strings.Contains(string(m.Payload), "completed") {
			t.Errorf("%s: %s", payload, m.Payload)
		}
	}
}

func TestForeignOrigins(t *testing.T) {
	dial := func(f *face, origin string) int {
		conn, resp, err := websocket.Dial(t.Context(), strings.Replace(f.url, "http", "ws", 1),
			&websocket.DialOptions{Subprotocols: []string{subprotocol}, HTTPHeader: http.Header{"Origin": {origin}}})
		if err == nil {
			_ = conn.CloseNow()
		}
		return resp.StatusCode
	}
	f := newFace(t, Options{})
	if got := dial(f, "https://evil.example"); got != 403 {
		t.Errorf("a foreign origin: %d", got)
	}
	if got := dial(f, strings.TrimSuffix(f.url, "/graphql")); got != 101 {
		t.Errorf("its own origin: %d", got)
	}
	if got := dial(newFace(t, Options{Origins: []string{"*.example"}}), "https://good.example"); got != 101 {
		t.Errorf("an origin that was allowed: %d", got)
	}
}

// Browsers ask before they let a foreign page in.
func TestPreflight(t *testing.T) {
	f := newFace(t, Options{Origins: []string{"*.example"}})
	for origin, want := range map[string]string{"https://good.example": "https://good.example", "https://evil.test": "", "https://example.evil.test": "", "null": ""} {
		_, header, _ := f.send("OPTIONS", f.url, map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}, "")
		if got := header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("preflight from %s: %q", origin, got)
		}
		_, header, body := f.send("POST", f.url, map[string]string{"Origin": origin, "Content-Type": "application/json"}, `{"query":"{ __typename }"}`)
		if got := header.Get("Access-Control-Allow-Origin"); got != want || !strings.Contains(body, "Query") {
			t.Errorf("request from %s: %q, %s", origin, got, body)
		}
	}
}

func TestSubscriptionsOfOneConnectionAreBounded(t *testing.T) {
	f := newFace(t, Options{})
	w := f.dial(t, nil).init()
	for i := range maxSubscriptions + 1 {
		w.subscribe(fmt.Sprint(i), `subscription { predictions { id } }`)
	}
	if m := w.expect("error"); m.ID != fmt.Sprint(maxSubscriptions) || !strings.Contains(string(m.Payload), codeTooManyStreams) {
		t.Errorf("%+v", m)
	}
	w.send(`{"type":"complete","id":"0"}`)
	w.subscribe("again", `{ __typename }`)
	w.expect("next")
	w.expect("complete")
}

// Close ends every connection at once, with a code, and leaves nothing behind.
func TestCloseEndsWebSockets(t *testing.T) {
	f := newFace(t, Options{})
	var wires []*wire
	for range 20 {
		w := f.dial(t, nil).init()
		w.subscribe("a", `subscription { measurements { id } }`)
		wires = append(wires, w)
	}
	f.settle(20)
	ended := make(chan websocket.StatusCode, len(wires))
	for _, w := range wires {
		go func() {
			_, _, err := w.conn.Read(context.Background())
			ended <- websocket.CloseStatus(err)
		}()
	}
	start := time.Now()
	f.h.Close()
	for range wires {
		if code := <-ended; code != websocket.StatusGoingAway {
			t.Errorf("closed with %d", code)
		}
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	for range 300 {
		if !strings.Contains(stacks(), "resolvers.(*socket)") && !strings.Contains(stacks(), "resolvers.only[") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("goroutines are left")
}

// A client that goes away without a word leaves nothing behind either.
func TestLostClients(t *testing.T) {
	f := newFace(t, Options{})
	w := f.dial(t, nil).init()
	w.subscribe("a", `subscription { measurements { id } }`)
	f.settle(1)
	_ = w.conn.CloseNow()
	for range 300 {
		if !strings.Contains(stacks(), "resolvers.only[") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the subscription still listens")
}
