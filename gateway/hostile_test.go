package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/perfcast/perfcast/key"
)

// raw sends bytes as they are, which http.Client would not, and returns the
// first answer's status and body.
func raw(t *testing.T, server, text string) (int, string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

// No spelling of a database's path gets past the key, whether the component is
// in this binary or elsewhere.
func TestNoPathGoesAroundTheKey(t *testing.T) {
	far := httptest.NewServer(echo("far"))
	defer far.Close()
	_, s := newGateway(t, Options{Builtin: allEchoes(), Targets: map[string]Target{"benchmark": {Kind: KindURL, URL: far.URL}}, Root: echo("root")})
	for _, component := range []string{"test", "benchmark"} {
		for _, path := range []string{
			"/api/db/%s/runs", "/api/%s/db/runs", "/api/%s/db", "/api/%s/db/", "/api/%s/DB/runs", "/api/%s/Db",
			"/api/%s/%%64b/runs", "/api/%s/d%%62/runs", "/api/%s%%2fdb/runs", "/api%%2f%s%%2Fdb%%2Fruns",
			"/api/%s/db%%20/runs", "/api/%s/%%20db/runs", "/api/%s/%%EF%%BD%%84%%EF%%BD%%82/runs",
			// These are refused outright:
			"//api/%s/db/runs", "/api//%s/db/runs", "/api/%s//db/runs", "/api/%s/./db/runs", "/api/%s/x/../db/runs",
			"/api/%s/x/%%2e%%2e/db/runs", "/api/%s/x/%%2e%%2e%%2fdb/runs", "/api/%s/db;a=b/runs", "/api/%s;a=b/db/runs",
			"/api/%s/%%3bdb/runs", "/api/%s/%%2564b/runs", "/api/%s/%%252fdb/runs", "/api/%s/\\db/runs", "/api/%s/%%5cdb/runs",
			"/api/%s/db%%00/runs", "/api/%s/db%%0d%%0aX:y/runs", "/api/%s/%%c0%%ae%%c0%%ae/db/runs",
		} {
			path = fmt.Sprintf(path, component)
			code, body := raw(t, s.URL, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			if code != 400 && code != 403 {
				t.Errorf("%s: %d %s", path, code, body)
			}
		}
	}
}

// Whatever path is asked for without a key, no component sees one of its
// database, and what it sees is a clean path below its own prefix.
func TestPathsProperty(t *testing.T) {
	var saw []string
	see := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { saw = append(saw, r.URL.Path+" "+r.URL.EscapedPath()) })
	g, _ := newGateway(t, Options{Builtin: map[string]http.Handler{"test": see}})
	pieces := []string{"/", "//", "api", "test", "db", "DB", "%64b", "..", ".", "%2e", "%2f", ";", "%3b", "%25", "%2564", "\\", "%5c", "x", "%00", "é", "%C3%A9", "?", "#", " ", "%20"}
	rapid.Check(t, func(t *rapid.T) {
		target := "/api/test" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "pieces"), "")
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http refuses it
		}
		saw = nil
		g.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: "GET", URL: u, Header: http.Header{}, Body: http.NoBody, RemoteAddr: "192.0.2.1:1"})
		for _, p := range saw {
			plain, _, _ := strings.Cut(p, " ")
			if !strings.HasPrefix(plain, "/api/test") || isDatabase(strings.TrimPrefix(plain, "/api/test")) || strings.Contains(plain, "//") || strings.Contains(plain, "/..") || !utf8.ValidString(plain) {
				t.Fatalf("%q reached the component as %q", target, p)
			}
		}
	})
}

// A name that only begins like a component is not it, and none reaches
// another's routes.
func TestNoPathReachesAnotherComponent(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	for path, want := range map[string]int{
		"/api/testXYZ/runs": 404, "/api/Test/runs": 404, "/API/test/runs": 404, "/api/predictive/models": 404,
		"/api/test/%2e%2e/benchmark/db/runs": 400, "/api/test/..%2fbenchmark/runs": 400,
		"/api/db/test/%2e%2e/%2e%2e/benchmark/runs": 400, "/api/test%2f..%2fbenchmark": 400,
	} {
		if code, body := raw(t, s.URL, "GET "+path+" HTTP/1.1\r\nHost: x\r\n"+key.Header+": "+admin+"\r\nConnection: close\r\n\r\n"); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestModelNamesAreOnlyNames(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	for path, want := range map[string]int{
		"/api/db/model/a/b/c": 200, "/api/db/model/a%2Fb": 200, "/api/db/model/meta-llama%2FLlama-2-7b": 200,
		"/api/db/model/%24(id)": 200, "/api/db/model/'%20OR%201=1--": 200, "/api/db/model/%E2%98%83": 200,
		"/api/db/model/../overview": 400, "/api/db/model/a%2F..%2F..%2Fb": 400, "/api/db/model/%2e%2e": 400,
		"/api/db/model/a%00b": 400, "/api/db/model/a;b": 400, "/api/db/model/..%5c..%5cx": 400, "/api/db/model/%ff": 400,
	} {
		if code, body := raw(t, s.URL, "GET "+path+" HTTP/1.1\r\nHost: x\r\n"+key.Header+": "+reader+"\r\nConnection: close\r\n\r\n"); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// What a component elsewhere is told about the caller is the gateway's word.
func TestHeadersCannotBeSmuggled(t *testing.T) {
	far := httptest.NewServer(echo("far"))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"test": {Kind: KindURL, URL: far.URL}}})
	code, body := raw(t, s.URL, "GET /api/test/x HTTP/1.1\r\nHost: victim\r\n"+
		"X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\nForwarded: for=10.0.0.1\r\n"+
		"X_Forwarded_For: 10.0.0.2\r\nX_API_Key: "+admin+"\r\nX-API-Key: "+admin+"\r\n"+
		"Connection: close, X-Secret, X-Forwarded-For\r\nX-Secret: 1\r\nProxy-Authorization: a\r\nTE: trailers\r\nKeep-Alive: 1\r\n\r\n")
	if code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	h := decode[heard](t, []byte(body)).Header
	if got := h.Get("X-Forwarded-For"); got != "127.0.0.1" && got != "::1" {
		t.Errorf("X-Forwarded-For: %q", got)
	}
	if h.Get("X-Forwarded-Host") != "victim" || h.Get("X-Forwarded-Proto") != "http" {
		t.Errorf("X-Forwarded-Host %q, -Proto %q", h.Get("X-Forwarded-Host"), h.Get("X-Forwarded-Proto"))
	}
	for _, name := range []string{"Forwarded", "X-Secret", "X-Api-Key", "Proxy-Authorization", "Keep-Alive", "Connection"} {
		if v := h.Get(name); v != "" {
			t.Errorf("%s: %q came through", name, v)
		}
	}
	for name := range h {
		if strings.Contains(name, "_") {
			t.Errorf("%s came through", name)
		}
	}
}

func TestKeyedDoorWithStrangeHeaders(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	for name, c := range map[string]struct {
		headers string
		want    int
	}{
		"named as hop-by-hop":       {"X-API-Key: " + reader + "\r\nConnection: close, X-API-Key\r\n", 200},
		"two different keys":        {"X-API-Key: nope\r\nX-API-Key: " + reader + "\r\n", 401},
		"an empty and a right key":  {"X-API-Key: \r\nX-API-Key: " + reader + "\r\n", 401},
		"underscores":               {"X_API_Key: " + reader + "\r\n", 403},
		"a bearer token":            {"Authorization: Bearer " + reader + "\r\n", 403},
		"a folded header":           {"X-API-Key: x\r\n " + reader + "\r\n", 401},
		"a space before the colon":  {"X-API-Key : " + reader + "\r\n", 400},
		"overridden method and url": {"X-HTTP-Method-Override: GET\r\nX-Original-URL: /health\r\nX-Rewrite-URL: /health\r\n", 403},
	} {
		code, body := raw(t, s.URL, "GET /api/db/test/runs HTTP/1.1\r\nHost: x\r\n"+c.headers+"Connection: close\r\n\r\n")
		if code != c.want {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
}

// A request hidden in another's body stays a body: the gateway frames anew
// what it forwards, and refuses what could be framed in two ways.
func TestRequestsCannotBeSmuggled(t *testing.T) {
	var paths []string
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		paths = append(paths, r.URL.Path)
		fmt.Fprintf(w, "%d", len(b))
	}))
	defer far.Close()
	_, s := newGateway(t, Options{Targets: map[string]Target{"test": {Kind: KindURL, URL: far.URL}}})
	hidden := "GET /api/test/db/runs HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, text := range map[string]string{
		"length and chunks":   "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
		"two lengths":         "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + hidden,
		"a strange coding":    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + hidden,
		"two codings":         "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + hidden,
		"a signed length":     "Content-Length: +44\r\n\r\n" + hidden,
		"a length as a body":  fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(hidden), hidden),
		"a newline in a name": "X-A\nContent-Length: 44\r\n\r\n" + hidden,
	} {
		paths = nil
		raw(t, s.URL, "POST /api/test/x HTTP/1.1\r\nHost: x\r\n"+text)
		time.Sleep(20 * time.Millisecond)
		for _, p := range paths {
			if p != "/api/test/x" {
				t.Errorf("%s: %s got through", name, p)
			}
		}
	}
}

// A web page may use the database with a key that it was given, and nothing
// that needs none but does something.
func TestOtherOrigins(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	ask := func(path string) http.Header {
		req, err := http.NewRequest("OPTIONS", s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "http://elsewhere")
		req.Header.Set("Access-Control-Request-Method", "POST")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.Header
	}
	for path, want := range map[string]string{"/api/db/overview": "*", "/": "*", "/health/test": "*", "/api/benchmark/run": "", "/api/components/test/stop": "", "/api/test/db/runs": ""} {
		if got := ask(path).Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	if h := ask("/api/db/overview"); !strings.Contains(h.Get("Access-Control-Allow-Headers"), "X-API-Key") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%v", h)
	}
	if code, _ := do(t, "OPTIONS", s.URL+"/api/db/overview", "", ""); code != 403 {
		t.Errorf("OPTIONS that is no preflight: %d", code)
	}
}

func TestBodiesHaveALimit(t *testing.T) {
	far := httptest.NewServer(echo("far"))
	defer far.Close()
	_, s := newGateway(t, Options{MaxBody: 1000, Targets: map[string]Target{"test": {Kind: KindURL, URL: far.URL}}})
	if code, b := do(t, "POST", s.URL+"/api/test/x", "", strings.Repeat("x", 2000)); code != 413 {
		t.Errorf("%d %s", code, b)
	}
	if code, b := do(t, "POST", s.URL+"/api/test/x", "", strings.Repeat("x", 1000)); code != 200 {
		t.Errorf("%d %s", code, b)
	}
}

// A client that sends its body a byte at a time is cut off; others are served
// meanwhile.
func TestSlowClients(t *testing.T) {
	old := slowest
	slowest = 200 * time.Millisecond
	defer func() { slowest = old }()
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var slow []net.Conn
	for range 50 {
		c, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "POST /api/test/run HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	start := time.Now()
	if code, _ := do(t, "GET", s.URL+"/health", "", ""); code != 200 || time.Since(start) > 5*time.Second {
		t.Errorf("%d after %v", code, time.Since(start))
	}
	for _, c := range slow {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, c); err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("a slow client is kept")
		}
	}
}

func TestGuessingKeys(t *testing.T) {
	_, s := newGateway(t, Options{Builtin: allEchoes()})
	codes := map[int]int{}
	for i := range 40 {
		code, _ := do(t, "GET", s.URL+"/api/db/test/runs", fmt.Sprint("guess-", i), "")
		codes[code]++
	}
	if codes[401] > 12 || codes[401]+codes[429] != 40 {
		t.Errorf("answers: %v", codes)
	}
	if code, _ := do(t, "GET", s.URL+"/api/test/runs", "", ""); code != 200 {
		t.Errorf("open routes: %d", code)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"/", "/api/db/x", "/a%2fb", "/a//b", "/%252e", "/a;b", "/é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		p, err := canonical(&http.Request{URL: u})
		if err != nil {
			return
		}
		// Read again, the clean path is itself.
		again := url.URL{Path: p}
		v, err := url.ParseRequestURI(again.EscapedPath())
		if err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		if q, err := canonical(&http.Request{URL: v}); err != nil || q != p {
			t.Fatalf("%q is %q, then %q (%v)", target, p, q, err)
		}
	})
}
