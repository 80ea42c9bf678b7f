package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
)

// object is a JSON object whose keys keep their order.
type object []member

type member struct {
	key   string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (o *object) set(key string, value any) { *o = append(*o, member{key, value}) }

// describer writes schemas, each named one once.
type describer struct {
	schemas object
	named   map[string]reflect.Type
}

// Document is what an OpenAPI document is made from.
type Document struct {
	Title, Description string
	Tags               []Tag
	Routes             []Route
	Also               []*Shape // schemas of what has no route, such as a WebSocket's messages
}

// Tag groups routes.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Add puts another document's tags and routes after those of this one. Of a
// path that both have, this one's routes count.
func (doc *Document) Add(other Document) {
	have := map[string]bool{}
	for _, r := range doc.Routes {
		have[r.Path] = true
	}
	for _, r := range other.Routes {
		if !have[r.Path] {
			doc.Routes = append(doc.Routes, r)
		}
	}
	doc.Description = strings.TrimSpace(doc.Description + "\n\n" + other.Description)
	doc.Tags = append(doc.Tags, other.Tags...)
	doc.Also = append(doc.Also, other.Also...)
}

// keyScheme is the security scheme of routes that need a key.
const keyScheme = "X-API-Key"

// JSON is the OpenAPI 3.1 document. It panics where the table cannot be
// described: the first test meets the panic.
func (doc *Document) JSON() []byte {
	d := describer{named: map[string]reflect.Type{}}
	var paths object
	keyed := false
	for i := range doc.Routes {
		r := &doc.Routes[i]
		keyed = keyed || r.Scope != ""
		paths.path(documented(r.Path)).set(strings.ToLower(r.Method), d.operation(r))
	}
	for _, s := range doc.Also {
		d.schema(s)
	}
	components := object{{"schemas", d.schemas}}
	if keyed {
		components.set("securitySchemes", object{{keyScheme, object{{"type", "apiKey"}, {"in", "header"}, {"name", keyScheme},
			{"description", "A key that 'perfcast key create' has made."}}}})
	}
	return must(json.Marshal(object{
		{"openapi", "3.1.0"},
		{"info", object{{"title", doc.Title}, {"version", "1.0.0"}, {"description", doc.Description},
			{"license", object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
		{"servers", []object{{{"url", "/"}}}},
		{"tags", doc.Tags},
		{"paths", paths},
		{"components", components},
	}))
}

// documented is a pattern of http.ServeMux as OpenAPI writes paths.
func documented(pattern string) string {
	return strings.Replace(strings.TrimSuffix(pattern, "{$}"), "...}", "}", 1)
}

// path is the item of a path, added when it is the first of its routes.
func (o *object) path(path string) *object {
	for _, m := range *o {
		if m.key == path {
			return m.value.(*object)
		}
	}
	item := &object{}
	o.set(path, item)
	return item
}

func (d *describer) operation(r *Route) object {
	op := object{{"operationId", r.ID}, {"summary", r.Summary}}
	description := r.Doc
	if r.Scope != "" {
		description = strings.TrimSpace(description + " Needs a key with the scope " + r.Scope + ".")
	}
	if description != "" {
		op.set("description", description)
	}
	op.set("tags", []string{r.Tag})
	if r.Scope != "" {
		op.set("security", []object{{{keyScheme, []string{}}}})
	}
	if r.params != nil {
		op.set("parameters", d.parameters(r.params))
	}
	if r.body != nil {
		content := object{{"schema", d.schema(r.body)}}
		if example := r.body.sample(); len(example) > 0 {
			content.set("example", example)
		}
		op.set("requestBody", object{{"required", true}, {"content", object{{"application/json", content}}}})
	}
	op.set("responses", d.responses(r))
	return op
}

func (d *describer) responses(r *Route) object {
	content := object{}
	if r.Response != nil {
		content = jsonContent(d.schema(r.Response))
	}
	for _, media := range r.Media {
		schema := object{{"type", "string"}}
		if media == "application/json" {
			schema = object{} // whatever a file holds
		}
		content.set(media, object{{"schema", schema}})
	}
	ok := object{{"description", "Answered"}, {"content", content}}
	if r.Starts != "" {
		ok[0].value = "Started"
		ok.set("links", object{{"task", object{{"operationId", r.Starts}, {"parameters", object{{"task_id", "$response.body#/task_id"}}}}}})
	}
	out := object{{"200", ok}}
	for _, status := range r.statuses() {
		content := jsonContent(d.schema(ShapeFor[Problem]()))
		switch status {
		case http.StatusUnprocessableEntity:
			content = jsonContent(d.schema(ShapeFor[HTTPValidationError]()))
		case http.StatusInternalServerError:
			content = object{{"text/plain", object{{"schema", object{{"type", "string"}}}}}}
		}
		out.set(strconv.Itoa(status), object{{"description", http.StatusText(status)}, {"content", content}})
	}
	return out
}

func jsonContent(schema object) object {
	return object{{"application/json", object{{"schema", schema}}}}
}

func (d *describer) parameters(s *Shape) []object {
	var out []object
	for _, f := range s.fields {
		p := object{{"name", f.name}, {"in", f.in}, {"required", f.in == "path" || f.required}}
		if f.doc != "" {
			p.set("description", f.doc)
		}
		// In a URL everything is text: what stands for null or for a number
		// there needs no saying.
		bare := *f.Shape
		bare.nullable, bare.digits = false, nil
		if f.in == "path" && bare.pattern == nil {
			bare.pattern = segmentText
		}
		p.set("schema", withDefault(d.schema(&bare), &bare))
		out = append(out, p)
	}
	return out
}

// schema describes a value. A named type is written once, among the components.
func (d *describer) schema(s *Shape) object {
	if s.nullable {
		bare := *s
		bare.nullable = false
		return object{{"anyOf", []object{d.schema(&bare), {{"type", "null"}}}}}
	}
	if s.name == "" {
		return d.inline(s)
	}
	if of, taken := d.named[s.name]; taken && of != s.of {
		panic(fmt.Sprintf("openapi: %v and %v have the same name", of, s.of))
	} else if !taken {
		d.named[s.name] = s.of
		at := len(d.schemas)
		d.schemas.set(s.name, nil)
		d.schemas[at].value = d.inline(s)
	}
	return object{{"$ref", "#/components/schemas/" + s.name}}
}

func (d *describer) inline(s *Shape) object {
	switch s.kind {
	case kindObject:
		return d.object(s)
	case kindOthers:
		return object{{"type", "object"}, {"additionalProperties", object{{"type", "string"}}}}
	case kindTexts, kindMap:
		o := object{{"type", "object"}, {"additionalProperties", d.schema(s.items)}}
		if s.maxLen > 0 {
			o.set("maxProperties", s.maxLen)
		}
		return o
	case kindArray:
		o := object{{"type", "array"}, {"items", d.schema(s.items)}}
		if s.maxLen > 0 {
			o.set("maxItems", s.maxLen)
		}
		return o
	case kindOrMany:
		many := *s
		many.kind = kindArray
		return object{{"anyOf", []object{d.schema(s.items), d.inline(&many)}}}
	case kindString:
		return text(s)
	case kindBase64:
		return object{{"type", "string"}, {"contentEncoding", "base64"}, {"pattern", base64Text.String()}}
	case kindInteger, kindNumber:
		if s.digits != nil {
			return object{{"anyOf", []object{numeric(s), {{"type", "string"}, {"pattern", s.digits.String()}}}}}
		}
		return numeric(s)
	case kindBoolean:
		if s.lax {
			return object{{"anyOf", []object{{{"type", "boolean"}}, {{"enum", []int{0, 1}}}, {{"type", "string"}, {"pattern", booleanText.String()}}}}}
		}
		return object{{"type", "boolean"}}
	case kindUnion:
		var any []object
		for _, of := range s.union {
			any = append(any, d.schema(of))
		}
		return object{{"anyOf", any}}
	case kindLocation:
		return object{{"type", "array"}, {"items", object{{"type", []string{"string", "integer"}}}}}
	case kindAny:
		return object{}
	}
	panic(fmt.Sprintf("openapi: no schema for %q", s.kind))
}

func (d *describer) object(s *Shape) object {
	var properties object
	required := []string{}
	for _, f := range s.fields {
		schema := d.schema(f.Shape)
		if f.doc != "" {
			schema.set("description", f.doc)
		}
		properties.set(f.name, withDefault(schema, f.Shape))
		if f.required {
			required = append(required, f.name)
		}
	}
	o := object{{"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		o.set("required", required)
	}
	return o
}

func withDefault(schema object, s *Shape) object {
	if s.defaultEncoded != "" {
		schema.set("default", defaultValue(s))
	}
	return schema
}

func text(s *Shape) object {
	o := object{{"type", "string"}}
	if s.enum != nil {
		o.set("enum", s.enum)
	}
	if s.minLen > 0 {
		o.set("minLength", s.minLen)
	}
	if s.maxLen > 0 {
		o.set("maxLength", s.maxLen)
	}
	if s.pattern != nil {
		o.set("pattern", s.pattern.String())
	}
	return o
}

func numeric(s *Shape) object {
	o := object{{"type", string(s.kind)}}
	if s.min != nil {
		o.set("minimum", *s.min)
	}
	if s.over != nil {
		o.set("exclusiveMinimum", *s.over)
	}
	if s.max != nil {
		o.set("maximum", *s.max)
	}
	return o
}

// sample is an example of an object: the examples of its fields.
func (s *Shape) sample() object {
	o := object{}
	for _, f := range s.fields {
		if f.example != "" {
			o.set(f.name, json.RawMessage(f.example))
		}
	}
	return o
}
