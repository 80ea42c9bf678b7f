// Package openapitest holds a server's answers against the OpenAPI document
// that it serves.
package openapitest

import (
	"bytes"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Document is a served OpenAPI document.
type Document struct {
	Value   map[string]any
	schemas *jsonschema.Compiler
	paths   []path // fixed ones first
}

type path struct {
	name    string
	pattern *regexp.Regexp
}

// Parse reads a document.
func Parse(t testing.TB, text []byte) *Document {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	d := &Document{Value: v.(map[string]any), schemas: jsonschema.NewCompiler()}
	if err := d.schemas.AddResource("openapi.json", v); err != nil {
		t.Fatal(err)
	}
	for name := range d.Value["paths"].(map[string]any) {
		d.paths = append(d.paths, path{name, pattern(name)})
	}
	slices.SortFunc(d.paths, func(a, b path) int {
		if c := strings.Count(a.name, "{") - strings.Count(b.name, "{"); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	return d
}

var parameter = regexp.MustCompile(`\\\{[a-z_]+\\\}`)

// pattern matches the paths of a documented path. A model's or a file's name
// may hold slashes.
func pattern(name string) *regexp.Regexp {
	text := parameter.ReplaceAllStringFunc(regexp.QuoteMeta(name), func(p string) string {
		if strings.Contains(p, "name") {
			return ".+"
		}
		return "[^/]+"
	})
	return regexp.MustCompile("^" + text + "$")
}

// Schema compiles the schema at a JSON pointer of the document.
func (d *Document) Schema(t testing.TB, pointer string) *jsonschema.Schema {
	t.Helper()
	s, err := d.schemas.Compile("openapi.json" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Validate holds a value against the schema at a JSON pointer.
func (d *Document) Validate(t testing.TB, pointer string, v any) {
	t.Helper()
	if err := d.Schema(t, pointer).Validate(v); err != nil {
		t.Errorf("against %s: %v", pointer, err)
	}
}

// Operation is what is documented of a request; pointer leads to it. It is nil
// for a path or method that is not there.
func (d *Document) Operation(method, at string) (operation map[string]any, pointer string) {
	for _, p := range d.paths {
		if p.pattern.MatchString(at) {
			method = strings.ToLower(method)
			operation, _ = d.Value["paths"].(map[string]any)[p.name].(map[string]any)[method].(map[string]any)
			return operation, "#/paths/" + escape(p.name) + "/" + method
		}
	}
	return nil, ""
}

// Answer holds an answer against the document. Answers of what is no operation
// of it pass.
func (d *Document) Answer(t testing.TB, method, at string, status int, header http.Header, body []byte) {
	t.Helper()
	operation, pointer := d.Operation(method, at)
	if operation == nil || method == http.MethodHead {
		return
	}
	response, ok := operation["responses"].(map[string]any)[strconv.Itoa(status)].(map[string]any)
	if !ok {
		t.Errorf("%s %s answers %d, which is not documented: %.200s", method, at, status, body)
		return
	}
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	content, ok := response["content"].(map[string]any)[media]
	if !ok {
		t.Errorf("%s %s %d: the content type %q is not documented", method, at, status, media)
		return
	}
	if media != "application/json" || content.(map[string]any)["schema"] == nil {
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s %s: %v in %.200s", method, at, err, body)
		return
	}
	d.Validate(t, pointer+"/responses/"+strconv.Itoa(status)+"/content/application~1json/schema", v)
}

func escape(path string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path)
}
