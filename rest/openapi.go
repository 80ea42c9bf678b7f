package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/document"
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
	named   map[string]bool
}

// results are the bodies that a completed task can end with.
var results = []*shape{
	shapeFor[document.HardwareBody](), shapeFor[document.PerformanceBody](), shapeFor[document.MeasurementBody](),
	shapeFor[document.FeedbackBody](), shapeFor[document.StoredModelBody](), shapeFor[document.MatrixBody](),
	shapeFor[document.SampleBody](), shapeFor[document.AnalysisBody](),
}

const description = `Predicts how fast a machine-learning model runs on hardware, recommends hardware, and learns from measurements.

A POST answers at once with the id of a task. GET task/{task_id} shows its state and, once completed, its result.
A WebSocket on ` + socketPath + `{task_id} streams every state as one JSON message, the last with the result, and closes.

Throughput is samples (requests) per second, latency and all other times are milliseconds, memory is MB (10^6 bytes).
Timestamps are local time without a zone.`

// openAPI is the OpenAPI 3.1 document of a table of routes. It panics where the
// table cannot be described: the first test meets the panic.
func openAPI(routes []route) []byte {
	d := describer{named: map[string]bool{}}
	var paths object
	for i := range routes {
		r := &routes[i]
		paths.set(r.path, object{{strings.ToLower(r.method), d.operation(r)}})
	}
	d.schema(shapeFor[document.TaskMessage]()) // of the WebSocket, which has no operation
	doc := object{
		{"openapi", "3.1.0"},
		{"info", object{{"title", "Predictive Performance API"}, {"version", "1.0.0"}, {"description", description},
			{"license", object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
		{"servers", []object{{{"url", "/"}}}},
		{"tags", []object{
			{{"name", "tasks"}, {"description", "What is worked on: started by a POST, looked at by its id."}},
			{{"name", "lists"}, {"description", "What is stored, the newest first."}},
			{{"name", "health"}, {"description", "Whether the server works."}},
		}},
		{"paths", paths},
		{"components", object{{"schemas", d.schemas}}},
	}
	return must(json.Marshal(doc))
}

func (d *describer) operation(r *route) object {
	op := object{{"operationId", r.id}, {"summary", r.summary}}
	if r.doc != "" {
		op.set("description", r.doc)
	}
	op.set("tags", []string{tagOf(r)})
	if r.method == http.MethodPost {
		op.set("requestBody", object{{"required", true}, {"content", object{{"application/json",
			object{{"schema", d.schema(r.request)}, {"example", r.request.sample()}}}}}})
	} else if len(r.request.fields) > 0 {
		op.set("parameters", d.parameters(r.request))
	}
	op.set("responses", d.responses(r))
	return op
}

func tagOf(r *route) string {
	switch {
	case r.method == http.MethodPost:
		return "tasks"
	case strings.HasSuffix(r.path, "/health"):
		return "health"
	case strings.Contains(r.path, "{"):
		return "tasks"
	}
	return "lists"
}

func (d *describer) responses(r *route) object {
	ok := object{{"description", "Answered"}, {"content", jsonContent(d.schema(r.response))}}
	if r.response.name == "AcceptedBody" {
		ok[0].value = "Started"
		ok.set("links", object{{"task", object{{"operationId", "getTask"}, {"parameters", object{{"task_id", "$response.body#/task_id"}}}}}})
	}
	out := object{{"200", ok}}
	for _, status := range append(r.statuses, http.StatusInternalServerError) {
		content := jsonContent(d.schema(shapeFor[Problem]()))
		switch status {
		case http.StatusUnprocessableEntity:
			content = jsonContent(d.schema(shapeFor[HTTPValidationError]()))
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

func (d *describer) parameters(s *shape) []object {
	var out []object
	for _, f := range s.fields {
		p := object{{"name", f.name}, {"in", "query"}, {"required", false}}
		if f.path {
			p = object{{"name", f.name}, {"in", "path"}, {"required", true}}
		}
		if f.doc != "" {
			p.set("description", f.doc)
		}
		// In a URL everything is text: what stands for null or for a number
		// there needs no saying.
		bare := *f.shape
		bare.nullable, bare.digits = false, nil
		p.set("schema", withDefault(d.schema(&bare), &bare))
		out = append(out, p)
	}
	return out
}

// schema describes a value. A named type is written once, among the components.
func (d *describer) schema(s *shape) object {
	if s.nullable {
		bare := *s
		bare.nullable = false
		return object{{"anyOf", []object{d.schema(&bare), {{"type", "null"}}}}}
	}
	if s.name == "" {
		return d.inline(s)
	}
	if !d.named[s.name] {
		d.named[s.name] = true
		at := len(d.schemas)
		d.schemas.set(s.name, nil)
		d.schemas[at].value = d.inline(s)
	}
	return object{{"$ref", "#/components/schemas/" + s.name}}
}

func (d *describer) inline(s *shape) object {
	switch s.kind {
	case kindObject:
		return d.object(s)
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
	case kindResult:
		var any []object
		for _, r := range results {
			any = append(any, d.schema(r))
		}
		return object{{"anyOf", any}}
	case kindLocation:
		return object{{"type", "array"}, {"items", object{{"type", []string{"string", "integer"}}}}}
	case kindAny:
		return object{}
	}
	panic(fmt.Sprintf("rest: no schema for %q", s.kind))
}

func (d *describer) object(s *shape) object {
	var properties object
	required := []string{}
	for _, f := range s.fields {
		schema := d.schema(f.shape)
		if f.doc != "" {
			schema.set("description", f.doc)
		}
		properties.set(f.name, withDefault(schema, f.shape))
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

func withDefault(schema object, s *shape) object {
	if s.defaultEncoded != "" {
		schema.set("default", defaultValue(s))
	}
	return schema
}

func text(s *shape) object {
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

func numeric(s *shape) object {
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
func (s *shape) sample() object {
	o := object{}
	for _, f := range s.fields {
		if f.example != "" {
			o.set(f.name, json.RawMessage(f.example))
		}
	}
	return o
}
