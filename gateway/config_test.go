package gateway

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func writeConfig(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// Adding the predictive component to a gateway and taking it out again is one
// line of configuration, re-read without a restart.
func TestConfigurationIsReread(t *testing.T) {
	quick(t)
	path := filepath.Join(t.TempDir(), "perfcast.yaml")
	writeConfig(t, path, "components: {predictive: off}\n")
	_, s := newGateway(t, Options{Builtin: allEchoes(), Config: path})
	code := func() int {
		c, _ := do(t, "GET", s.URL+"/api/predictive-performance/models", "", "")
		return c
	}
	if c := code(); c != 404 {
		t.Fatalf("off: %d", c)
	}
	writeConfig(t, path, "components: {predictive: builtin}\n")
	eventually(t, "adding it", func() bool { return code() == 200 })
	writeConfig(t, path, "components: {predictive: what}\n") // nonsense changes nothing
	time.Sleep(100 * time.Millisecond)
	if c := code(); c != 200 {
		t.Fatalf("after nonsense: %d", c)
	}
	writeConfig(t, path, "components: {predictive: off}\n")
	eventually(t, "taking it out", func() bool { return code() == 404 })
}

func TestParseConfig(t *testing.T) {
	for text, want := range map[string]string{
		`{"components": {"test": "http://127.0.0.1:8000/"}}`:            "",
		"components: {predictive-performance: off}":                     "",
		"components: {test: {url: 'http://a:1', forward_key: true}}":    "",
		"commands: {benchmark: []}":                                     "",
		"":                                                              "",
		"components: {nothing: builtin}":                                "no component",
		"components: {test: 'ftp://a'}":                                 "neither builtin",
		"components: {test: {command: [a]}}":                            "needs a url",
		"components: {test: {comand: [a]}}":                             "comand",
		"components: {test: {}}":                                        "needs a url or a command",
		"components: {test: {url: 'http://a', health: 'http://evil/'}}": "not a path",
		"components: {test: 'http://user:pw@a'}":                        "neither builtin",
		"components: [":                                                 "yaml",
	} {
		_, err := parseConfig("f", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// The documented gateway's own configuration says which services there are, and
// on which ports.
func TestOldConfig(t *testing.T) {
	c, err := parseConfig("f", []byte(`{
		"test_api": {"enabled": false, "port": 8000, "host": "0.0.0.0", "module": "test.api_server", "args": []},
		"generator_api": {"enabled": true, "port": 8001},
		"predictive_performance_api": {"port": 8501, "module": "x"},
		"gateway": {"enabled": true, "port": 8081}}`))
	want := map[string]Target{"test": {Kind: KindOff}, "generator": {Kind: KindBuiltin}, "predictive": {Kind: KindBuiltin}}
	if err != nil || !c.Old || c.GatewayPort != 8081 || c.PredictivePort != 8501 || !reflect.DeepEqual(c.Targets, want) {
		t.Errorf("%+v, %v", c, err)
	}
	for text, want := range map[string]string{
		`{"gateway": {"enabled": false}}`:                                "--predictive-only",
		`{"test_api": {"enable": true}}`:                                 "enable",
		`{"test_api": {"port": 70000}}`:                                  "port must be",
		`{"test_api": true}`:                                             "test_api",
		`{"test_api": {"enabled": true}, "components": {"test": "off"}}`: "keep one",
		`{"test": "builtin"}`:                                            "below components",
		`{"services": {}}`:                                               "no section",
	} {
		if _, err := parseConfig("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("components: {test: {url: 'http://a:1', command: [x]}}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig("f", b)
		for name, target := range c.Targets {
			if err == nil && (prefixes[name] == "" || target.Kind == "") {
				t.Errorf("%s: %+v", name, target)
			}
		}
	})
}
