package bench

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func python(t *testing.T) string {
	t.Helper()
	p, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not here")
	}
	return p
}

// Every template makes a script that Python reads, and that says what is
// missing instead of failing where its libraries are not installed.
func TestScriptsStand(t *testing.T) {
	py := python(t)
	for _, template := range Templates {
		text, err := template.Script("a test", []string{"--model", "no such shape", "--repeats", "1"})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "script.py")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(py, "-I", path) // -I: nothing beside the script is found
		out, err := c.Output()
		var report struct{ Error string }
		if json.Unmarshal(out, &report) != nil || report.Error == "" || c.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: %s, %v", template.Name, out, err)
		}
	}
}

// Whatever an argument holds, the script has it as a string, and as nothing
// else.
func TestScriptArgumentsProperty(t *testing.T) {
	py := python(t)
	var all [][]string
	rapid.Check(t, func(t *rapid.T) { all = append(all, rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "args")) })
	all = append(all, []string{`"); import os; os.system("touch pwned") #`, "\n", `\`, "'''", "\u2028", "😀", "${x}", "{{.}}"})
	var checks strings.Builder
	for _, args := range all {
		text, err := Templates[0].Script("x\nimport os", args)
		if err != nil {
			t.Fatal(err)
		}
		line := ""
		for l := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(l, "DEFAULTS = ") {
				line = strings.TrimPrefix(l, "DEFAULTS = ")
			}
			if strings.HasPrefix(l, "import os; ") {
				t.Fatal("an argument became a line")
			}
		}
		checks.WriteString(line + "\n")
	}
	c := exec.Command(py, "-I", "-c", "import sys, ast, json\nfor l in sys.stdin: print(json.dumps(ast.literal_eval(l)))")
	c.Stdin = strings.NewReader(checks.String())
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(all) {
		t.Fatalf("%d lists, want %d", len(lines), len(all))
	}
	for i, l := range lines {
		var got []string
		if err := json.Unmarshal([]byte(l), &got); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\x00") != strings.ToValidUTF8(strings.Join(all[i], "\x00"), "\ufffd") {
			t.Errorf("%q became %q", all[i], got)
		}
	}
}
