package resolvers

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/perfcast/perfcast/perf"
)

// everyType calls f with each of our own types, ordered by name.
func everyType(f func(*ast.Definition)) {
	var names []string
	for name, def := range schema.Types {
		if !def.BuiltIn && !strings.HasPrefix(name, "__") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		f(schema.Types[name])
	}
}

func TestEverythingIsDescribed(t *testing.T) {
	if schema.Description == "" {
		t.Error("the schema has no description")
	}
	everyType(func(def *ast.Definition) {
		if def.Description == "" {
			t.Errorf("%s has no description", def.Name)
		}
		for _, v := range def.EnumValues {
			if v.Description == "" {
				t.Errorf("%s.%s has no description", def.Name, v.Name)
			}
		}
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue // introspection
			}
			if f.Description == "" {
				t.Errorf("%s.%s has no description", def.Name, f.Name)
			}
			for _, a := range f.Arguments {
				if a.Description == "" {
					t.Errorf("%s.%s(%s:) has no description", def.Name, f.Name, a.Name)
				}
			}
		}
	})
}

// What a name says of its unit, the description says too.
func TestDescriptionsNameTheUnits(t *testing.T) {
	units := map[string]string{"Ms": "ms", "Mb": "MB", "FlopPerS": "FLOP/s", "OpPerS": "OP/s", "Hz": "Hz", "PowerW": "W",
		"Bytes": "bytes", "PerHour": "hour", "PerSecond": "a second"}
	everyType(func(def *ast.Definition) {
		for _, f := range def.Fields {
			for suffix, unit := range units {
				if strings.HasSuffix(f.Name, suffix) && !strings.Contains(strings.ToLower(f.Description), strings.ToLower(unit)) {
					t.Errorf("%s.%s: %q does not say %q", def.Name, f.Name, f.Description, unit)
				}
			}
		}
	})
}

// Every list that grows is a connection after the Relay specification, and
// every node of one can be fetched again.
func TestListsAreConnections(t *testing.T) {
	everyType(func(def *ast.Definition) {
		name, isConnection := strings.CutSuffix(def.Name, "Connection")
		if !isConnection {
			return
		}
		want := map[string]string{"edges": "[" + name + "Edge!]!", "nodes": "[" + name + "!]!", "pageInfo": "PageInfo!", "totalCount": "Int!"}
		for field, typ := range want {
			if f := def.Fields.ForName(field); f == nil || f.Type.String() != typ {
				t.Errorf("%s.%s is not a %s", def.Name, field, typ)
			}
		}
		field := ""
		for _, f := range schema.Query.Fields {
			if f.Type.Name() == def.Name {
				field = f.Name
				for _, arg := range []string{"first", "after", "last", "before"} {
					if f.Arguments.ForName(arg) == nil {
						t.Errorf("Query.%s has no argument %s", f.Name, arg)
					}
				}
			}
		}
		if field == "" {
			t.Errorf("nothing gives a %s", def.Name)
		}
		if name != "Comparison" && !slices.Contains(schema.Types[name].Interfaces, "Node") {
			t.Errorf("%s is no Node", name)
		}
	})
}

// The scalar's description lists what the domain accepts, and enumerations
// hold the domain's values, as they are.
func TestSchemaKnowsTheDomainsWords(t *testing.T) {
	for _, p := range perf.Precisions {
		if !strings.Contains(schema.Types["Precision"].Description, "`"+string(p)+"`") {
			t.Errorf("the description of Precision lacks %s", p)
		}
	}
	for _, p := range perf.RESTPlatforms {
		if !strings.Contains(schema.Types["Platform"].Description, "`"+string(p)+"`") {
			t.Errorf("the description of Platform lacks %s", p)
		}
	}
	for enum, words := range map[string][]string{
		"Basis":      {string(perf.BasisMeasured), string(perf.BasisNeighbour), string(perf.BasisLearned), string(perf.BasisPhysical)},
		"Fit":        {string(perf.FitYes), string(perf.FitTight), string(perf.FitNo)},
		"Bound":      {string(perf.BoundCompute), string(perf.BoundMemory), string(perf.BoundOverhead), string(perf.BoundCommunication)},
		"Distance":   {string(perf.DistanceCovered), string(perf.DistanceExtrapolated), string(perf.DistanceFar)},
		"Objective":  {string(perf.ObjectiveThroughput), string(perf.ObjectiveLatency), string(perf.ObjectiveCost)},
		"Metric":     mapped(perf.Metrics, func(m perf.Metric) string { return string(m) }),
		"TaskStatus": {string(perf.TaskPending), string(perf.TaskRunning), string(perf.TaskCompleted), string(perf.TaskFailed)},
		"TaskKind": {string(perf.TaskHardware), string(perf.TaskPerformance), string(perf.TaskMeasurement), string(perf.TaskAnalysis),
			string(perf.TaskFeedback), string(perf.TaskModel), string(perf.TaskMatrix), string(perf.TaskSample)},
	} {
		got := mapped(schema.Types[enum].EnumValues, func(v *ast.EnumValueDefinition) string { return v.Name })
		if !slices.Equal(got, words) {
			t.Errorf("%s has %v, the domain %v", enum, got, words)
		}
	}
}

// Every name that an error may be translated to is an input's.
func TestFieldNamesAreInputs(t *testing.T) {
	inputs := map[string]bool{}
	everyType(func(def *ast.Definition) {
		for _, f := range def.Fields {
			inputs[f.Name] = inputs[f.Name] || def.Kind == ast.InputObject
			for _, a := range f.Arguments {
				inputs[a.Name] = true
			}
		}
	})
	for from, to := range fieldNames {
		if !inputs[to] {
			t.Errorf("%s becomes %s, which no input has", from, to)
		}
	}
}

// GraphQL is bound to the domain's own structs: gqlgen must find nothing that
// it would have to write a model for.
func TestNoModelsAreGenerated(t *testing.T) {
	files, err := filepath.Glob("../graph/*")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(files, []string{"../graph/generated.go"}) {
		t.Errorf("graph/ holds %v, not generated.go alone", files)
	}
	for _, pattern := range []string{"../*models_gen*", "../*/*models_gen*", "../*/*/*models_gen*"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			t.Errorf("models were generated: %v", found)
		}
	}
	config, err := os.ReadFile("../gqlgen.yml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(config), "skip_mod_tidy: true") {
		t.Error("gqlgen.yml lets gqlgen tidy go.mod")
	}
}

// Every example in the documentation is an operation that the schema knows.
func TestDocumentedExamples(t *testing.T) {
	files, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "```graphql\n")[1:] {
			example, _, _ := strings.Cut(block, "```")
			n++
			if _, errs := gqlparser.LoadQueryWithRules(schema, example, rules.NewDefaultRules()); errs != nil {
				t.Errorf("%s: %v in\n%s", filepath.Base(file), errs, example)
			}
		}
	}
	if n == 0 {
		t.Error("the documentation has no example")
	}
}
