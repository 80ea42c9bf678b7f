package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows are the imports that are allowed between our packages, besides
// everybody's import of perf. Tests may import what they like.
var arrows = map[string][]string{
	".":                 {"app", "catalog", "component", "db", "gateway", "intake", "key", "openapi", "predictor", "resolvers", "rest", "train", "web"},
	"app":               {"catalog", "db", "document", "predictor", "task"},
	"app/apptest":       {"app", "catalog", "db", "predictor"},
	"catalog":           {},
	"component":         {"app", "bench", "component/cpubench", "component/proc", "openapi"},
	"db":                {},
	"document":          {},
	"gateway":           {"app", "component/proc", "document", "key", "openapi"},
	"graph":             {"app", "resolvers/relay", "predictor", "db"}, // generated: what the schema is bound to
	"intake":            {"app", "component", "db"},
	"key":               {},
	"predictor":         {"predictor/boost", "predictor/kernel", "predictor/ops", "predictor/serving"},
	"predictor/kernel":  {"predictor/boost", "predictor/ops"},
	"predictor/serving": {"predictor/boost", "predictor/kernel", "predictor/ops"},
	"resolvers":         {"app", "graph", "resolvers/relay", "web"},
	"openapi":           {},
	"rest":              {"app", "document", "openapi"},
	"task":              {},
	"train":             {"catalog", "predictor", "predictor/boost", "predictor/kernel", "predictor/ops", "predictor/serving"},
}

func TestImportArrows(t *testing.T) {
	const module = "github.com/perfcast/perfcast"
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	short := func(path string) string {
		if path == module {
			return "."
		}
		return strings.TrimPrefix(path, module+"/")
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		from := short(fields[0])
		for _, to := range fields[1:] {
			if !strings.HasPrefix(to, module) || short(to) == "perf" {
				continue
			}
			if !slices.Contains(arrows[from], short(to)) {
				t.Errorf("%s must not import %s", from, short(to))
			}
		}
	}
}
