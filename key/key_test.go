package key

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func newRing(t *testing.T) (*Ring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.duckdb.keys")
	r, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, path
}

func mustCreate(t *testing.T, path, name string, s Scope, expires time.Time) string {
	t.Helper()
	secret, err := Create(path, name, s, time.Now(), expires)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestKeyLife(t *testing.T) {
	r, path := newRing(t)
	if !r.Empty() {
		t.Fatal("a ring without a file holds keys")
	}
	secret := mustCreate(t, path, "dash", Read, time.Time{})
	if k, err := r.Check(secret, Read); err != nil || k.Name != "dash" {
		t.Fatalf("a key made while the ring is open: %v, %v", k, err)
	}
	if _, err := r.Check(secret, Write); err != ErrScope {
		t.Fatalf("a read key writes: %v", err)
	}
	if _, err := r.Check(secret+"x", Read); err != ErrUnknown {
		t.Fatalf("a wrong key: %v", err)
	}
	if _, err := r.Check("", Read); err != ErrMissing {
		t.Fatalf("no key: %v", err)
	}
	if err := Revoke(path, "dash"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check(secret, Read); err != ErrUnknown {
		t.Fatalf("a revoked key: %v", err)
	}
}

func TestKeyExpires(t *testing.T) {
	r, path := newRing(t)
	now := time.Now()
	r.now = func() time.Time { return now }
	secret := mustCreate(t, path, "short", Read, now.Add(time.Hour))
	if _, err := r.Check(secret, Read); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if _, err := r.Check(secret, Read); err != ErrUnknown {
		t.Fatalf("an expired key: %v", err)
	}
	if !r.Empty() {
		t.Fatal("an expired key counts")
	}
}

func TestFileHoldsNoSecretAndIsPrivate(t *testing.T) {
	_, path := newRing(t)
	secret := mustCreate(t, path, "a", Admin, time.Time{})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), secret) || strings.Contains(string(b), strings.TrimPrefix(secret, prefix)) {
		t.Fatal("the file holds the key's text")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode().Perm())
	}
}

func TestConcurrentEditsLoseNothing(t *testing.T) {
	r, path := newRing(t)
	const n = 24
	secrets := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			s, err := Create(path, fmt.Sprintf("k%d", i), Read, time.Now(), time.Time{})
			if err != nil {
				t.Error(err)
			}
			secrets[i] = s
			if i%3 == 0 {
				if err := Revoke(path, fmt.Sprintf("k%d", i)); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() { _, _ = r.Check("nothing", Read) })
	}
	wg.Wait()
	for i, s := range secrets {
		_, err := r.Check(s, Read)
		if i%3 == 0 && err != ErrUnknown || i%3 != 0 && err != nil {
			t.Errorf("key %d: %v", i, err)
		}
	}
}

func TestBrokenFileLetsNobodyIn(t *testing.T) {
	r, path := newRing(t)
	secret := mustCreate(t, path, "a", Admin, time.Time{})
	r.Add("environment", "from-the-environment", Admin)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{string(good) + "{", `{"name":"x","hash":"","scope":"admin"}`, `{"name":"x","hash":"zz","scope":"god"}`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Check(secret, Read); err != ErrUnreadable {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := r.Check("from-the-environment", Admin); err != nil {
			t.Errorf("%q closes the environment's key: %v", bad, err)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Check(secret, Read); err != nil {
		t.Errorf("mended: %v", err)
	}
}

func ask(r *Ring, from string, keys ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest("GET", "/api/db/overview", nil)
	req.RemoteAddr = from
	for _, k := range keys {
		req.Header.Add(Header, k)
	}
	w := httptest.NewRecorder()
	r.Require(Read, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		k, _ := From(req.Context())
		_, _ = w.Write([]byte(k.Name))
	})).ServeHTTP(w, req)
	return w
}

func TestHTTPAnswers(t *testing.T) {
	r, path := newRing(t)
	secret := mustCreate(t, path, "a", Read, time.Time{})
	for _, c := range []struct {
		name string
		keys []string
		code int
		body string
	}{
		{"none", nil, 403, `{"detail":"Not authenticated"}`},
		{"empty", []string{""}, 403, `{"detail":"Not authenticated"}`},
		{"wrong", []string{"nope"}, 401, `{"detail":"Invalid or missing API Key"}`},
		{"two different", []string{secret, "nope"}, 401, `{"detail":"Invalid or missing API Key"}`},
		{"empty and right", []string{"", secret}, 401, `{"detail":"Invalid or missing API Key"}`},
		{"the same twice", []string{secret, secret}, 200, "a"},
		{"right", []string{secret}, 200, "a"},
	} {
		w := ask(r, "192.0.2.1:1", c.keys...)
		if w.Code != c.code || strings.TrimSpace(w.Body.String()) != c.body {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

func TestGuessing(t *testing.T) {
	r, path := newRing(t)
	secret := mustCreate(t, path, "a", Read, time.Time{})
	now := time.Now()
	r.now = func() time.Time { return now }
	for i := range guessBurst {
		if w := ask(r, "192.0.2.9:1000", Generate()); w.Code != 401 {
			t.Fatalf("guess %d: %d", i, w.Code)
		}
	}
	w := ask(r, "192.0.2.9:2000", Generate())
	if w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Fatalf("guess after the burst: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	if w := ask(r, "192.0.2.9:2000", secret); w.Code != 429 {
		t.Fatalf("a guesser can tell a right key while blocked: %d", w.Code)
	}
	if w := ask(r, "192.0.2.10:1000", secret); w.Code != 200 {
		t.Fatalf("another address suffers: %d", w.Code)
	}
	now = now.Add(guessEvery)
	if w := ask(r, "192.0.2.9:2000", secret); w.Code != 200 {
		t.Fatalf("blocked for ever: %d", w.Code)
	}
	for i := range guessBurst + 1 { // one /64 is one guesser
		w = ask(r, fmt.Sprintf("[2001:db8::%x]:1", i+1), Generate())
	}
	if w.Code != 429 {
		t.Fatalf("a /64 guesses on: %d", w.Code)
	}
	for i := range guessersKept + 100 {
		r.guesses.wrong(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), now)
	}
	if n := len(r.guesses.full); n > guessersKept {
		t.Fatalf("%d addresses are kept", n)
	}
}

func TestCommandLine(t *testing.T) {
	db := filepath.Join(t.TempDir(), "perf.duckdb")
	run := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		return Main(args, &out, &errs), out.String(), errs.String()
	}
	code, out, errs := run("create", "--db-path", db, "--name", "ci", "--scope", "write", "--expires", "30d")
	if code != 0 {
		t.Fatal(errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	secret := lines[len(lines)-1]
	r, err := Open(DefaultPath(db), nil)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := r.Check(secret, Write); err != nil || k.Name != "ci" || k.Expires == nil {
		t.Fatalf("%v, %v", k, err)
	}
	if code, out, _ = run("list", "--db-path", db); code != 0 || !strings.Contains(out, "ci") || strings.Contains(out, secret) {
		t.Fatalf("list: %d %s", code, out)
	}
	if code, _, errs = run("create", "--db-path", db, "--name", "ci"); code != 1 || !strings.Contains(errs, "already") {
		t.Fatalf("the same name twice: %d %s", code, errs)
	}
	if code, _, _ = run("create", "--db-path", db, "--name", "x", "--scope", "god"); code != 1 {
		t.Fatalf("scope god: %d", code)
	}
	if code, _, _ = run("create", "--db-path", db, "--name", "x", "--expires", "2001-01-01"); code != 1 {
		t.Fatalf("expired at birth: %d", code)
	}
	if code, _, errs = run("revoke", "ci", "--db-path", db); code != 0 {
		t.Fatal(errs)
	}
	if code, _, _ = run("revoke", "--db-path", db, "ci"); code != 1 {
		t.Fatalf("revoked twice: %d", code)
	}
	if code, _, _ = run("frobnicate"); code != 2 {
		t.Fatalf("unknown verb: %d", code)
	}
	if _, err := r.Check(secret, Read); err != ErrUnknown {
		t.Fatalf("after revoke: %v", err)
	}
}
