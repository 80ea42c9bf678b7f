package resolvers

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/app/apptest"
)

// face is the GraphQL face of a real App on a port of its own.
type face struct {
	t   testing.TB
	app *app.App
	url string
	h   *Handler
}

func newFace(t testing.TB, o Options) *face {
	t.Helper()
	a := apptest.New(t)
	h := New(a, o)
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		h.Close()
		srv.Close()
	})
	return &face{t, a, srv.URL + "/graphql", h}
}

// reply is a response as clients see it.
type reply struct {
	Data   json.RawMessage `json:"data"`
	Errors []problem       `json:"errors"`
}

type problem struct {
	Message    string `json:"message"`
	Path       []any  `json:"path"`
	Extensions struct {
		Code        string   `json:"code"`
		Field       string   `json:"field"`
		Suggestions []string `json:"suggestions"`
	} `json:"extensions"`
}

// try sends an operation and gives whatever comes back.
func (f *face) try(query string, variables map[string]any) reply {
	f.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		f.t.Fatal(err)
	}
	resp, err := http.Post(f.url, "application/json", bytes.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var r reply
	if err := json.Unmarshal(text, &r); err != nil {
		f.t.Fatalf("%v in %s", err, text)
	}
	return r
}

// ask sends an operation that must succeed and decodes its data.
func (f *face) ask(to any, query string, variables map[string]any) {
	f.t.Helper()
	r := f.try(query, variables)
	if len(r.Errors) > 0 {
		f.t.Fatalf("%s\nanswered %+v", query, r.Errors)
	}
	if err := json.Unmarshal(r.Data, to); err != nil {
		f.t.Fatalf("%v in %s", err, r.Data)
	}
}

// refused sends an operation that must fail with one error, and gives that.
func (f *face) refused(query string, variables map[string]any) problem {
	f.t.Helper()
	r := f.try(query, variables)
	if len(r.Errors) != 1 {
		f.t.Fatalf("%s\nanswered %d errors %+v and data %.200s, not one error", query, len(r.Errors), r.Errors, r.Data)
	}
	return r.Errors[0]
}
