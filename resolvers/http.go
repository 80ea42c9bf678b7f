package resolvers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// maxBody bounds a request's body: room for the artefact of a prediction model,
// and far below what would hurt.
const maxBody = 8 << 20

// maxDrained is how much more of a body that is too large is still read, so
// that the client sees the answer and not a broken connection.
const maxDrained = 32 << 20

// patience is how long a body may take to come.
const patience = 30 * time.Second

// The media types of responses. The first can tell by its status whether the
// operation ran; the second, the older one, answers 200 whatever the operation
// came to, so that a client that reads statuses first still sees the errors.
const (
	typeResponse = "application/graphql-response+json"
	typeJSON     = "application/json"
	typeEvents   = "text/event-stream"
)

// serveGraphQL answers by the GraphQL-over-HTTP specification.
func (h *Handler) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		h.serveWebSocket(w, r)
		return
	}
	if r.Method == http.MethodGet && r.URL.RawQuery == "" && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/graphiql", http.StatusSeeOther) // a person with a browser
		return
	}
	media := accepted(r.Header.Values("Accept"))
	w.Header().Add("Vary", "Accept")
	params, refused := readParams(w, r)
	if refused != nil {
		refused.write(w, media)
		return
	}
	ctx := withRequest(r.Context(), request{key: r.Header.Get(keyHeader), stream: media == typeEvents})
	if media == typeEvents {
		h.serveEvents(ctx, w, r, params)
		return
	}
	defer func() {
		if v := recover(); v != nil {
			writeErrors(w, http.StatusInternalServerError, media, gqlerror.List{h.present(ctx, h.recovered(ctx, v))})
		}
	}()
	op, errs := h.exec.CreateOperationContext(ctx, params)
	if errs != nil {
		resp := h.exec.DispatchError(graphql.WithOperationContext(ctx, op), errs)
		writeErrors(w, statusOf(resp.Errors, media), media, resp.Errors)
		return
	}
	if r.Method == http.MethodGet && op.Operation.Operation != ast.Query {
		w.Header().Set("Allow", http.MethodPost)
		refuse(http.StatusMethodNotAllowed, "GET is for queries; send the %s by POST", op.Operation.Operation).write(w, media)
		return
	}
	responses, ctx := h.exec.DispatchOperation(ctx, op)
	writeResponse(w, http.StatusOK, media, responses(ctx))
}

// accepted is the media type to answer in. Without a wish, or with one that
// can't be met, it is plain JSON, which every client reads.
func accepted(accept []string) string {
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil || params["q"] == "0" {
			continue
		}
		switch media {
		case typeResponse, typeJSON, typeEvents:
			return media
		case "application/*", "*/*":
			return typeJSON
		}
	}
	return typeJSON
}

// refusal is a request that holds no operation.
type refusal struct {
	status  int
	message string
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

func (f *refusal) write(w http.ResponseWriter, media string) {
	if media == typeEvents {
		media = typeJSON
	}
	writeErrors(w, f.status, media, gqlerror.List{{Message: f.message, Extensions: map[string]any{"code": codeBadRequest}}})
}

// readParams reads an operation from the query string of a GET or the body of a
// POST.
func readParams(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *refusal) {
	var raw map[string]json.RawMessage
	var refused *refusal
	switch r.Method {
	case http.MethodGet:
		raw, refused = queryParams(r.URL.RawQuery)
	case http.MethodPost:
		raw, refused = bodyParams(w, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		return nil, refuse(http.StatusMethodNotAllowed, "use GET or POST, not %s", r.Method)
	}
	if refused != nil {
		return nil, refused
	}
	p := &graphql.RawParams{Headers: r.Header}
	for _, member := range []struct {
		name, kind string
		to         any
	}{
		{"query", "a string", &p.Query},
		{"operationName", "a string", &p.OperationName},
		{"variables", "a JSON object", &p.Variables},
		{"extensions", "a JSON object", &p.Extensions},
	} {
		if decode(raw[member.name], member.to) != nil {
			return nil, refuse(http.StatusBadRequest, "%s must be %s", member.name, member.kind)
		}
	}
	if p.Query == "" && p.Extensions["persistedQuery"] == nil {
		return nil, refuse(http.StatusBadRequest, "query is missing")
	}
	return p, nil
}

// decode reads one member, keeping numbers as they were written. An absent one
// and null leave the zero value.
func decode(raw json.RawMessage, to any) error {
	if raw == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(to)
}

func queryParams(query string) (map[string]json.RawMessage, *refusal) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the query string is malformed")
	}
	raw := map[string]json.RawMessage{}
	for _, name := range []string{"query", "operationName"} {
		raw[name], _ = json.Marshal(values.Get(name)) // a string always has a form
	}
	for _, name := range []string{"variables", "extensions"} {
		if v := values.Get(name); v != "" {
			raw[name] = json.RawMessage(v)
		}
	}
	return raw, nil
}

func bodyParams(w http.ResponseWriter, r *http.Request) (map[string]json.RawMessage, *refusal) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != typeJSON {
		return nil, refuse(http.StatusUnsupportedMediaType, "the body must have Content-Type: application/json")
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return nil, refuse(http.StatusUnsupportedMediaType, "the body must be in UTF-8")
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(patience)) // not every writer has deadlines
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body could not be read, or was too slow to come")
	case len(body) > maxBody:
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // what does not come does not matter
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d MiB", maxBody>>20)
	}
	_ = control.SetReadDeadline(time.Time{})
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil || raw == nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, refuse(http.StatusBadRequest, "the body is not valid JSON (at byte %d)", syntax.Offset)
		}
		return nil, refuse(http.StatusBadRequest, "the body must be a JSON object with the member query")
	}
	return raw, nil
}

// statusOf is the status of an operation that was not run.
func statusOf(errs gqlerror.List, media string) int {
	for _, e := range errs {
		switch e.Extensions["code"] {
		case codeUnauthenticated:
			return http.StatusUnauthorized
		case codeForbidden:
			return http.StatusForbidden
		}
	}
	if media == typeJSON {
		return http.StatusOK
	}
	return http.StatusBadRequest
}

// errorsOnly is the response to an operation that was not run: it has no data
// entry, which a graphql.Response always has.
type errorsOnly struct {
	Errors gqlerror.List `json:"errors"`
}

func writeErrors(w http.ResponseWriter, status int, media string, errs gqlerror.List) {
	writeResponse(w, status, media, errorsOnly{errs})
}

func writeResponse(w http.ResponseWriter, status int, media string, response any) {
	b, err := json.Marshal(response)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL"}}]}`)
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client went away
}

// run executes one operation on a transport that can carry several responses.
// An operation that was not run gives its errors instead.
func (h *Handler) run(ctx context.Context, params *graphql.RawParams, send func(*graphql.Response)) (failed gqlerror.List) {
	defer func() {
		if v := recover(); v != nil {
			failed = gqlerror.List{h.present(ctx, h.recovered(ctx, v))}
		}
	}()
	op, errs := h.exec.CreateOperationContext(ctx, params)
	if errs != nil {
		return h.exec.DispatchError(graphql.WithOperationContext(ctx, op), errs).Errors
	}
	responses, ctx := h.exec.DispatchOperation(ctx, op)
	for {
		resp := responses(ctx)
		if resp == nil {
			return nil
		}
		send(resp)
		if op.Operation.Operation != ast.Subscription {
			return nil
		}
	}
}
