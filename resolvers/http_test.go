package resolvers

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// send sends any request and gives its status, headers and body.
func (f *face) send(method, target string, header map[string]string, body string) (int, http.Header, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Timeout: 20 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

const secretText = "hunter2-secret"

func TestHTTPStatuses(t *testing.T) {
	f := newFace(t, Options{})
	jsonType := map[string]string{"Content-Type": "application/json"}
	modern := map[string]string{"Content-Type": "application/json", "Accept": typeResponse}
	get := func(query string) string { return f.url + "?query=" + url.QueryEscape(query) }
	for _, c := range []struct {
		what, method, target string
		header               map[string]string
		body                 string
		status               int
		allow                string
	}{
		{"a query", "POST", f.url, modern, `{"query":"{ __typename }"}`, 200, ""},
		{"a query by GET", "GET", get("{ __typename }"), nil, "", 200, ""},
		{"a mutation by GET", "GET", get(`mutation { cancelTask(id: "x") { id } }`), nil, "", 405, "POST"},
		{"a subscription by GET", "GET", get(`subscription { predictions { id } }`), modern, "", 400, ""},
		{"a subscription by POST", "POST", f.url, modern, `{"query":"subscription { predictions { id } }"}`, 400, ""},
		{"another method", "PUT", f.url, jsonType, `{"query":"{ __typename }"}`, 405, "GET, POST"},
		{"another method", "DELETE", f.url, jsonType, "", 405, "GET, POST"},
		{"another content type", "POST", f.url, map[string]string{"Content-Type": "text/plain"}, `{"query":"{ __typename }"}`, 415, ""},
		{"a form", "POST", f.url, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, `query={__typename}`, 415, ""},
		{"an upload", "POST", f.url, map[string]string{"Content-Type": "multipart/form-data; boundary=x"}, "--x--", 415, ""},
		{"another charset", "POST", f.url, map[string]string{"Content-Type": "application/json; charset=latin1"}, `{"query":"{ __typename }"}`, 415, ""},
		{"no JSON", "POST", f.url, jsonType, `{"query": "` + secretText, 400, ""},
		{"a batch", "POST", f.url, jsonType, `[{"query":"{ __typename }"}]`, 400, ""},
		{"null", "POST", f.url, jsonType, `null`, 400, ""},
		{"nothing", "POST", f.url, jsonType, ``, 400, ""},
		{"no query", "POST", f.url, jsonType, `{}`, 400, ""},
		{"a number for a query", "POST", f.url, jsonType, `{"query":7}`, 400, ""},
		{"variables that are no object", "POST", f.url, jsonType, `{"query":"{ __typename }","variables":"` + secretText + `"}`, 400, ""},
		{"variables that are no JSON", "GET", get("{ __typename }") + "&variables={" + secretText, nil, "", 400, ""},
		{"10 MB", "POST", f.url, jsonType, `{"query":"{ __typename }","x":"` + strings.Repeat("x", 10_000_000) + `"}`, 413, ""},
		{"a syntax error", "POST", f.url, modern, `{"query":"{"}`, 400, ""},
		{"a syntax error, older clients", "POST", f.url, jsonType, `{"query":"{"}`, 200, ""},
		{"an unknown field", "POST", f.url, modern, `{"query":"{ nope }"}`, 400, ""},
		{"an unknown operation", "POST", f.url, modern, `{"query":"query A { __typename }","operationName":"B"}`, 400, ""},
		{"another query's hash", "POST", f.url, modern, `{"query":"{ __typename }","extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}`, 400, ""},
		{"a hash of no version", "POST", f.url, modern, `{"query":"{ __typename }","extensions":{"persistedQuery":{"version":"x"}}}`, 400, ""},
		{"a bad value", "POST", f.url, modern, `{"query":"{ predict(input: { model: \"\" }) { id } }"}`, 200, ""}, // it was run
	} {
		status, header, body := f.send(c.method, c.target, c.header, c.body)
		if status != c.status || header.Get("Allow") != c.allow {
			t.Errorf("%s: status %d, Allow %q, want %d, %q: %.300s", c.what, status, header.Get("Allow"), c.status, c.allow, body)
		}
		if !strings.HasPrefix(body, `{"`) || !strings.Contains(header.Get("Content-Type"), "json") {
			t.Errorf("%s: no JSON: %q, %.200s", c.what, header.Get("Content-Type"), body)
		}
		if strings.Contains(body, "internal error") {
			t.Errorf("%s: said to be our fault: %s", c.what, body)
		}
		if strings.Contains(body, secretText) {
			t.Errorf("%s: the body is echoed: %.300s", c.what, body)
		}
		if status >= 400 && strings.Contains(body, `"data"`) {
			t.Errorf("%s: an operation that was not run has data: %.300s", c.what, body)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	for accept, want := range map[string]string{
		"": typeJSON, "*/*": typeJSON, "application/*": typeJSON, "application/json": typeJSON, typeResponse: typeResponse,
		typeResponse + ", application/json;q=0.9": typeResponse, "image/png": typeJSON, "application/json;q=0, " + typeResponse: typeResponse,
		"text/event-stream": typeEvents, "nonsense/;;": typeJSON,
	} {
		if got := accepted([]string{accept}); got != want {
			t.Errorf("Accept %q: %s, want %s", accept, got, want)
		}
	}
}

func TestBrowsersAreSentToGraphiQL(t *testing.T) {
	f := newFace(t, Options{})
	status, header, _ := f.send("GET", f.url, map[string]string{"Accept": "text/html,*/*;q=0.8"}, "")
	if status != 303 || header.Get("Location") != "/graphiql" {
		t.Errorf("%d to %q", status, header.Get("Location"))
	}
}

func TestGraphiQL(t *testing.T) {
	full := fstest.MapFS{}
	for name := range graphiqlFiles {
		full[name] = &fstest.MapFile{Data: []byte("content of " + name)}
	}
	for _, c := range []struct {
		what   string
		o      Options
		says   string
		script int
	}{
		{"with its files", Options{Assets: full}, "GraphiQL.createFetcher", 200},
		{"with one missing", Options{Assets: fstest.MapFS{"graphiql.min.js": full["graphiql.min.js"]}}, "make web", 200},
		{"without", Options{}, "make web", 404},
	} {
		f := newFace(t, c.o)
		page := strings.TrimSuffix(f.url, "/graphql") + "/graphiql"
		status, header, body := f.send("GET", page, nil, "")
		if status != 200 || !strings.Contains(body, c.says) || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %q %.200s", c.what, status, header.Get("Content-Type"), body)
		}
		if strings.Contains(body, "//cdn") || strings.Contains(body, "https://") {
			t.Errorf("%s: the page loads something from elsewhere", c.what)
		}
		if status, _, _ := f.send("GET", page+"/graphiql.min.js", nil, ""); status != c.script {
			t.Errorf("%s: the script: %d", c.what, status)
		}
		for _, path := range []string{"/../handler.go", "/%2e%2e/handler.go", "/README.md", "/nope.js"} {
			if status, _, body := f.send("GET", page+path, nil, ""); status == 200 {
				t.Errorf("%s: %s: %.100s", c.what, path, body)
			}
		}
		if status, _, _ := f.send("POST", page, nil, ""); status != 405 {
			t.Errorf("%s: POST: %d", c.what, status)
		}
	}
}

func TestKeysOverHTTP(t *testing.T) {
	f := newFace(t, Options{Authorize: secretOnly})
	mutation, query := `{"query":"mutation { generateSampleData(numModels: 0) { id } }"}`, `{"query":"{ __typename }"}`
	for _, c := range []struct {
		body, key string
		status    int
		code      string
	}{
		{query, "", 200, ""}, {query, "wrong", 200, ""}, {mutation, "secret", 200, ""},
		{mutation, "", 401, codeUnauthenticated}, {mutation, "wrong", 403, codeForbidden},
	} {
		status, _, body := f.send("POST", f.url, map[string]string{"Content-Type": "application/json", keyHeader: c.key}, c.body)
		if status != c.status || c.code != "" && !strings.Contains(body, c.code) || c.code == "" && strings.Contains(body, "errors") {
			t.Errorf("%s with %q: %d %s", c.body, c.key, status, body)
		}
	}
	var got struct{ Tasks struct{ TotalCount int } }
	f.ask(&got, `{ tasks { totalCount } }`, nil)
	if got.Tasks.TotalCount != 1 {
		t.Errorf("%d tasks were made by one mutation that was allowed", got.Tasks.TotalCount)
	}
}

func TestEventsEndWithTheHandler(t *testing.T) {
	f := newFace(t, Options{})
	req, err := http.NewRequestWithContext(t.Context(), "POST", f.url, strings.NewReader(`{"query":"subscription { predictions { id } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", typeEvents)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	start := time.Now()
	f.h.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || strings.Contains(string(body), "event: complete") || time.Since(start) > 2*time.Second {
		t.Errorf("after %v: %v, %q", time.Since(start), err, body)
	}
	if resp.Header.Get("Content-Type") != typeEvents+"; charset=utf-8" {
		t.Errorf("type %q", resp.Header.Get("Content-Type"))
	}
}
