package resolvers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"pgregory.net/rapid"

	"github.com/perfcast/perfcast/graph"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/resolvers/relay"
)

func TestLimits(t *testing.T) {
	f := newFace(t, Options{})
	bomb := "{ ...f0 }"
	for i := range 40 {
		bomb += fmt.Sprintf(" fragment f%d on Query { ...f%d ...f%d }", i, i+1, i+1)
	}
	bomb += " fragment f40 on Query { __typename }"
	nodes := "{ node(id: \"x\") { ... on Measurement { prediction { deviceFacts { id } } } } }"
	var aliases strings.Builder
	for i := range 250 {
		fmt.Fprintf(&aliases, "a%d: measurements(first: 1) { nodes { id } } ", i)
	}
	var manyIDs strings.Builder
	for i := range 101 {
		fmt.Fprintf(&manyIDs, "%q,", fmt.Sprint("pred-", i))
	}
	for _, c := range []struct{ what, query, code string }{
		{"introspection as GraphiQL does it", introspection, ""},
		{"an ordinary query", nodes, ""},
		{"a fragment bomb", bomb, "SIZE_LIMIT_EXCEEDED"},
		{"250 lists under aliases", "{" + aliases.String() + "}", "COMPLEXITY_LIMIT_EXCEEDED"},
		{"a page of 100 of pages", "{ measurements(first: 100) { nodes { prediction { modelFacts { " + strings.Repeat("id ", 100) + " } } } } }", "COMPLEXITY_LIMIT_EXCEEDED"},
		{"a negative page of much", "{ a: measurements(first: -100000) { nodes { id } } b: measurements(first: 100) { nodes { prediction { modelFacts { " + strings.Repeat("id ", 100) + " } } } } }", "COMPLEXITY_LIMIT_EXCEEDED"},
		{"@defer", "{ ... @defer { __typename } }", "GRAPHQL_VALIDATION_FAILED"},
		{"20,000 tokens", "{ " + strings.Repeat("__typename ", 20_000) + "}", "GRAPHQL_PARSE_FAILED"},
		{"a sweep of 10,200 points", sweep(17, 10, "id"), "TOO_LARGE"},
		{"101 nodes", "{ nodes(ids: [" + manyIDs.String() + "]) { id } }", "INVALID_ARGUMENT"},
	} {
		r := f.try(c.query, nil)
		code := ""
		if len(r.Errors) > 0 {
			code = r.Errors[0].Extensions.Code
		}
		if code != c.code {
			t.Errorf("%s: %q, want %q: %.300v", c.what, code, c.code, r.Errors)
		}
	}
}

// sweep asks for batches x lengths x 60 points.
func sweep(batches, lengths int, fields string) string {
	return `{ sweep(input: { model: "bert-base-uncased" }, platforms: [cuda, cpu, rocm, mps],
		precisions: [fp32, fp16, bf16, int8, fp64, tf32, amp, amp_bf16, fp8, fp4, int4, int6, int5, int3, w4a16],
		batchSizes: ` + upTo(batches) + `, sequenceLengths: ` + upTo(lengths) + `) { ` + fields + ` } }`
}

// upTo is the list of 1 to n, as JSON and GraphQL both write it.
func upTo(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",%d", i+1)
	}
	return "[" + strings.TrimPrefix(b.String(), ",") + "]"
}

const introspection = `query { __schema { queryType { name } types { ...T } directives { name args { type { ...R } } } } }
fragment T on __Type { kind name fields(includeDeprecated: true) { name args { name type { ...R } } type { ...R } } inputFields { name type { ...R } } possibleTypes { ...R } }
fragment R on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

// The largest sweep is within the budget, with every number that it can give.
func TestLargestSweep(t *testing.T) {
	f := newFace(t, Options{})
	var got struct{ Sweep []struct{ BatchSize int } }
	f.ask(&got, sweep(16, 10, `batchSize sequenceLength precision platform device fits bound basis distance modelVersion warnings
		throughput { value low high } latencyMs { value low high } memoryMb { value low high } boundShares { compute memoryBandwidth overhead communication }`), nil)
	if len(got.Sweep) != 9600 {
		t.Errorf("%d points", len(got.Sweep))
	}
}

// The schema itself has no way to go round in circles, so a document that is
// too deep is made without it: a field added later must not open one.
func TestDepth(t *testing.T) {
	for depth, allowed := range map[int]bool{1: true, maxDepth: true, maxDepth + 1: false, 500: false} {
		doc, err := parser.ParseQuery(&ast.Source{Input: strings.Repeat("{ a ", depth) + strings.Repeat("}", depth)})
		if err != nil {
			t.Fatal(err)
		}
		problem := limits{}.MutateOperationContext(t.Context(), &graphql.OperationContext{Operation: doc.Operations[0]})
		if (problem == nil) != allowed || problem != nil && problem.Extensions["code"] != "DEPTH_LIMIT_EXCEEDED" {
			t.Errorf("%d fields deep: %v", depth, problem)
		}
	}
}

// Nobody gets below the cost of a page of one by asking for less than nothing.
func TestPagesCostAtLeastOneItem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, child := rapid.Int().Draw(t, "n"), rapid.IntRange(1, 10_000).Draw(t, "child")
		if cost := page(child, &n, nil); cost < child+root || cost > 5*root+100*child {
			t.Fatalf("a page of %d x %d costs %d", n, child, cost)
		}
	})
}

// Measuring is linear however often fragments spread one another, and counts
// what a plain walk counts where that ends.
func TestWalkerCountsFragments(t *testing.T) {
	doc, err := parser.ParseQuery(&ast.Source{Input: `{ a { ...F ...F b } ...F } fragment F on X { c { d } }`})
	if err != nil {
		t.Fatal(err)
	}
	spread(doc, doc.Operations[0].SelectionSet)
	for _, fragment := range doc.Fragments {
		spread(doc, fragment.SelectionSet)
	}
	if depth, size := (walker{}).measure(doc.Operations[0].SelectionSet); depth != 3 || size != 8 {
		t.Errorf("depth %d, size %d, want 3 and 8", depth, size)
	}
}

// spread links fragment spreads to their definitions, as validation does.
func spread(doc *ast.QueryDocument, set ast.SelectionSet) {
	for _, s := range set {
		switch s := s.(type) {
		case *ast.Field:
			spread(doc, s.SelectionSet)
		case *ast.FragmentSpread:
			s.Definition = doc.Fragments.ForName(s.Name)
		}
	}
}

// brokenRoot fails inside, in two ways.
type brokenRoot struct{ *resolver }

type brokenQuery struct {
	graph.QueryResolver
}

func (brokenRoot) Query() graph.QueryResolver { return brokenQuery{} }

func (brokenQuery) Platforms(context.Context) ([]perf.Platform, error) { panic(secretText) }

func (brokenQuery) Node(context.Context, string) (relay.Node, error) {
	return nil, errors.New("sql: " + secretText)
}

func TestInternalTextNeverLeaks(t *testing.T) {
	var log strings.Builder
	h := newHandler(brokenRoot{&resolver{}}, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	srv := httptest.NewServer(h)
	defer srv.Close()
	f := &face{t: t, url: srv.URL + "/graphql"}
	for _, query := range []string{`{ platforms }`, `{ node(id: "x") { id } }`, `{ predict(input: { model: "x" }) { id } }`} {
		p := f.try(query, nil).Errors
		if len(p) != 1 || p[0].Message != "internal error" || p[0].Extensions.Code != "INTERNAL" {
			t.Errorf("%s: %+v", query, p)
		}
	}
	if strings.Count(log.String(), secretText) < 2 {
		t.Errorf("the log does not tell what happened: %s", log.String())
	}
}

// A panic outside the resolvers is an internal error too, and takes no other
// request along.
func TestPanics(t *testing.T) {
	var log strings.Builder
	f := newFace(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Authorize: func(_ context.Context, key string, _ bool) error {
		if key == "" {
			panic(secretText)
		}
		return nil
	}})
	const mutation = `mutation { generateSampleData(numModels: 0) { id } }`
	if status, _, body := f.send("POST", f.url, map[string]string{"Content-Type": "application/json"}, `{"query":"`+mutation+`"}`); status != 500 || strings.Contains(body, secretText) || !strings.Contains(body, "INTERNAL") {
		t.Errorf("%d %s", status, body)
	}
	_, _, body := f.send("POST", f.url, map[string]string{"Content-Type": "application/json", "Accept": typeEvents}, `{"query":"`+mutation+`"}`)
	if strings.Contains(body, secretText) || !strings.Contains(body, "INTERNAL") || !strings.Contains(body, "event: complete") {
		t.Errorf("as events: %s", body)
	}
	f.ask(&struct{}{}, `{ __typename }`, nil)
	if strings.Count(log.String(), secretText) != 2 {
		t.Errorf("the log: %s", log.String())
	}
}
