//go:build unix

package component

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/perfcast/perfcast/app/apptest"
)

// Placeholders with ";" and "$( )" are refused at the door; and were one to
// get in, no shell would read it (TestRunPassesValuesAsArguments).
func TestHostilePlaceholders(t *testing.T) {
	s := serve(t, Options{App: apptest.New(t)}, benchCommands)
	for _, evil := range []string{"; touch pwned", "$(touch pwned)", "`id`", "--output=/etc/passwd", "-rf", "a|b", "a b", "a\nb", "../../etc/passwd", "a/../b", "a\x00b", "{device}", "", strings.Repeat("a", 500), "é"} {
		name, _ := json.Marshal(evil)
		for path, body := range map[string]string{
			"/api/benchmark/run":   `{"hardware":"cpu","models":["ok",%s]}`,
			"/api/test/run":        `{"model_name":%s}`,
			"/api/generator/model": `{"model_name":%s}`,
		} {
			if evil == "" && path == "/api/benchmark/run" {
				continue // an empty name is no name
			}
			if code, _, text := s.do("POST", path, fmt.Sprintf(body, name)); code != 422 {
				t.Errorf("%s with %q: %d %s", path, evil, code, text)
			}
		}
		if evil == "" || evil == "a b" {
			continue // standard, and device names have spaces
		}
		for path, body := range map[string]string{
			"/api/benchmark/run":   `{"models":["gpt2"],"hardware":[%s]}`,
			"/api/test/run":        `{"model_name":"gpt2","hardware":%s}`,
			"/api/generator/model": `{"model_name":"gpt2","hardware":%s}`,
		} {
			if code, _, text := s.do("POST", path, fmt.Sprintf(body, name)); code != 422 {
				t.Errorf("%s on %q: %d %s", path, evil, code, text)
			}
		}
		if code, _, text := s.do("POST", "/api/benchmark/run", fmt.Sprintf(`{"models":["gpt2"],"precision":%s}`, name)); code != 422 {
			t.Errorf("precision %q: %d %s", evil, code, text)
		}
	}
	for _, body := range []string{`{"models":["gpt2"],"batch_sizes":[0]}`, `{"models":["gpt2"],"batch_sizes":["1;id"]}`, `{"models":["gpt2"],"batch_size":1.5}`, `[]`, `{`, ``, `{"models":{}}`} {
		if code, _, text := s.do("POST", "/api/benchmark/run", body); code != 422 {
			t.Errorf("%s: %d %s", body, code, text)
		}
	}
	if code, _, _ := s.do("POST", "/api/benchmark/run", `{"models":["`+strings.Repeat("x", 1<<20)+`"]}`); code != 413 {
		t.Errorf("a huge body: %d", code)
	}
}

// A form on a web page cannot start a run.
func TestOnlyJSONStartsRuns(t *testing.T) {
	s := serve(t, Options{}, testCommands)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; application/json"} {
		res, err := http.Post(s.URL+"/api/test/run", kind, strings.NewReader(`{"model_name":"gpt2"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 422 {
			t.Errorf("%q: %d", kind, res.StatusCode)
		}
	}
	if rows := s.rows("/api/test/db/runs"); len(rows) != 0 {
		t.Errorf("%v", rows)
	}
}

func TestReportFolderLinks(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(filepath.Join(out, "secret.json"), []byte(`{"secret":1}`), 0o600))
	must(os.WriteFile(filepath.Join(dir, "good.json"), []byte(`{"good":1}`), 0o600))
	must(os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "sub", "page.html"), []byte(`<script>`), 0o600))
	must(os.Symlink(filepath.Join(out, "secret.json"), filepath.Join(dir, "link.json")))
	must(os.Symlink("../"+filepath.Base(out)+"/secret.json", filepath.Join(dir, "relative.json")))
	must(os.Symlink(out, filepath.Join(dir, "linked")))
	must(os.Symlink("good.json", filepath.Join(dir, "inside.json")))
	must(syscall.Mkfifo(filepath.Join(dir, "pipe.json"), 0o600))
	s := serve(t, Options{Reports: dir}, "")
	list := fmt.Sprint(s.get("/api/benchmark/reports")["reports"])
	for _, name := range []string{"link", "relative", "linked", "inside", "pipe", "secret"} {
		if strings.Contains(list, name) {
			t.Errorf("%s is listed: %s", name, list)
		}
	}
	for name, want := range map[string]int{
		"good.json": 200, "sub/page.html": 200, "link.json": 404, "relative.json": 404, "linked/secret.json": 404, "inside.json": 404, "pipe.json": 404,
		"sub": 404, "..%2f" + filepath.Base(out) + "%2fsecret.json": 404, "%2e%2e%2fx": 404, "%2fetc%2fpasswd": 404, "": 404, "nothing.json": 404,
	} {
		code, _, text := s.do("GET", "/api/benchmark/reports/"+name, "")
		if code != want || strings.Contains(text, "secret\":") {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	res, err := http.Get(s.URL + "/api/benchmark/reports/sub/page.html")
	must(err)
	res.Body.Close()
	if ct := res.Header.Get("Content-Type"); ct != "application/octet-stream" {
		t.Errorf("a page is served as %s", ct)
	}
}
