package openapi

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// Limits of what a request may hold where its field does not state one.
const (
	defaultMaxText  = 4096 // characters
	defaultMaxQuery = 256  // characters of a parameter in the URL
	defaultMaxItems = 1000
)

// kind is what a JSON value has to be.
type kind string

const (
	kindObject   kind = "object"
	kindTexts    kind = "texts" // object of texts, any keys
	kindMap      kind = "map"   // object of equal values, any keys; responses only
	kindArray    kind = "array"
	kindOrMany   kind = "one or many" // a value, or an array of them
	kindString   kind = "string"
	kindBase64   kind = "base64"
	kindInteger  kind = "integer"
	kindNumber   kind = "number"
	kindBoolean  kind = "boolean"
	kindLocation kind = "location" // of an error; responses only
	kindOthers   kind = "others"   // parameters of a URL that have no field
	kindUnion    kind = "union"    // one of several bodies; responses only
	kindAny      kind = "any"      // responses only
)

// Shape describes a JSON value: what the decoder demands of a request, and what
// the OpenAPI document says of both requests and responses.
type Shape struct {
	kind     kind
	name     string       // of the component in the OpenAPI document; empty = written in place
	of       reflect.Type // that it is named after
	nullable bool

	fields []field // of an object
	items  *Shape  // of an array or map
	union  []*Shape

	enum           []string
	min, max, over *float64
	minLen, maxLen int
	pattern        *regexp.Regexp // of a text
	digits         *regexp.Regexp // texts that are taken for this number
	lax            bool           // a request's: takes the spellings that the documented server takes

	defaultEncoded string
	doc, example   string
}

// field is one key of an object.
type field struct {
	name     string
	index    []int // of the Go field
	required bool
	in       string // "path", "query" or "" for the body
	*Shape
}

// OneOrMany is a list that may be given as its only item.
type OneOrMany[T any] []T

// Patterned is a text that must match a regular expression.
type Patterned interface{ Pattern() *regexp.Regexp }

var (
	enums = map[reflect.Type][]string{
		reflect.TypeFor[perf.Platform]():  texts(perf.RESTPlatforms),
		reflect.TypeFor[perf.Precision](): texts(perf.RESTPrecisions),
		reflect.TypeFor[perf.Mode]():      texts(perf.Modes),
		reflect.TypeFor[perf.RunStatus](): texts(perf.RunStatuses),
		reflect.TypeFor[perf.Objective](): texts([]perf.Objective{perf.ObjectiveThroughput, perf.ObjectiveLatency, perf.ObjectiveCost}),
	}
	rawJSON = reflect.TypeFor[json.RawMessage]()
	base64s = reflect.TypeFor[[]byte]()
	others  = reflect.TypeFor[url.Values]()
)

func texts[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}

// shapeOf compiles the shape of a Go type. It panics on a type that it cannot
// describe: the types are ours, and the first test meets the panic.
func shapeOf(t reflect.Type) *Shape {
	s := &Shape{}
	if values, ok := enums[t]; ok {
		s.kind, s.enum, s.name, s.of = kindString, values, t.Name(), t
		return s
	}
	switch {
	case t == rawJSON:
		s.kind = kindAny
	case t == reflect.TypeFor[Location]():
		s.kind = kindLocation
	case t == others:
		s.kind = kindOthers
	case t == base64s:
		s.kind = kindBase64
	case t.Kind() == reflect.Pointer:
		s = shapeOf(t.Elem())
		s.nullable = true
	case t.Kind() == reflect.Slice:
		s.kind, s.items = kindArray, shapeOf(t.Elem())
		if strings.HasPrefix(t.Name(), "OneOrMany[") {
			s.kind = kindOrMany
		}
	case t.Kind() == reflect.Interface:
		s.kind = kindAny
	case t == reflect.TypeFor[map[string]string]():
		s.kind, s.items = kindTexts, &Shape{kind: kindString, maxLen: defaultMaxText}
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		s.kind, s.items = kindMap, shapeOf(t.Elem())
	case t.Kind() == reflect.Struct:
		s.kind, s.name, s.of, s.fields = kindObject, schemaName(t), t, fieldsOf(t, nil)
	case t.Kind() == reflect.String:
		s.kind = kindString
		if p, ok := reflect.Zero(t).Interface().(Patterned); ok {
			s.pattern = p.Pattern()
		}
	case t.Kind() == reflect.Bool:
		s.kind = kindBoolean
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		s.kind = kindInteger
	case t.Kind() == reflect.Float64:
		s.kind = kindNumber
	default:
		panic(fmt.Sprintf("openapi: no shape for %v", t))
	}
	return s
}

// schemaName is a type's name as a component: without the packages of its type
// arguments, and with a capital.
func schemaName(t reflect.Type) string {
	name := packages.ReplaceAllString(t.Name(), "")
	var out strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune("[],*", r) }) {
		out.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return out.String()
}

var packages = regexp.MustCompile(`[^\[\],*]*[./]`)

// ShapeFor is the shape of a Go type, by its fields' tags (see the package).
func ShapeFor[T any]() *Shape { return shapeOf(reflect.TypeFor[T]()) }

// Union says that the raw JSON in a field is one of several bodies.
func (s *Shape) Union(name string, of ...*Shape) *Shape {
	for _, f := range s.fields {
		if f.name == name {
			f.kind, f.union = kindUnion, of
			return s
		}
	}
	panic("openapi: " + s.name + " has no field " + name)
}

// part is an object's fields in the path, the query or the body; nil when it
// has none there.
func (s *Shape) part(in ...string) *Shape {
	p := *s
	p.fields = slices.DeleteFunc(slices.Clone(s.fields), func(f field) bool { return !slices.Contains(in, f.in) })
	if len(p.fields) == 0 {
		return nil
	}
	return &p
}

func fieldsOf(t reflect.Type, at []int) []field {
	var out []field
	for f := range t.Fields() {
		index := append(append([]int(nil), at...), f.Index...)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Pointer: // there or not as a whole; responses only
			for _, part := range fieldsOf(f.Type.Elem(), index) {
				part.required = false
				out = append(out, part)
			}
			continue
		case f.Anonymous && name == "":
			out = append(out, fieldsOf(f.Type, index)...)
			continue
		case name == "" || name == "-":
			panic(fmt.Sprintf("openapi: %v.%s has no JSON name", t, f.Name))
		}
		s := shapeOf(f.Type)
		s.constrain(f.Tag)
		out = append(out, field{
			name: name, index: index, Shape: s,
			required: !strings.Contains(options, "omitempty"),
			in:       f.Tag.Get("in"),
		})
	}
	return out
}

// constrain adds what a field's tags say. Bounds of a list are those of its
// items.
func (s *Shape) constrain(tag reflect.StructTag) {
	s.doc, s.example, s.defaultEncoded = tag.Get("doc"), tag.Get("example"), tag.Get("default")
	if text, ok := tag.Lookup("maxlen"); ok {
		s.maxLen = must(strconv.Atoi(text))
	}
	value := s
	if s.kind == kindArray || s.kind == kindOrMany {
		value = s.items
	}
	if text, ok := tag.Lookup("itemlen"); ok {
		value.maxLen = must(strconv.Atoi(text))
	}
	for key, at := range map[string]**float64{"min": &value.min, "max": &value.max, "over": &value.over} {
		if text, ok := tag.Lookup(key); ok {
			v := must(strconv.ParseFloat(text, 64))
			*at = &v
		}
	}
	switch tag.Get("text") {
	case "filled":
		value.pattern, value.minLen = filledText, 1
	case "plain":
		value.pattern = plainText
	}
	if text, ok := tag.Lookup("pattern"); ok {
		value.pattern = regexp.MustCompile(text)
	}
}

// bound sets the limits that a request's shape must have, in place: length of
// texts, maxText where nothing is said, and of lists, and which texts stand for
// numbers.
func (s *Shape) bound(maxText int) *Shape {
	s.lax = true
	switch s.kind {
	case kindString:
		if s.maxLen == 0 && s.enum == nil {
			s.maxLen = maxText
		}
	case kindArray, kindOrMany:
		if s.maxLen == 0 {
			s.maxLen = defaultMaxItems
		}
		s.items.bound(maxText)
	case kindTexts:
		s.maxLen = defaultMaxItems
	case kindInteger:
		s.digits = s.integerText()
	case kindNumber:
		s.digits = s.decimalText()
	case kindObject:
		for _, f := range s.fields {
			f.bound(maxText)
		}
	}
	return s
}

// boundURL does so for what stands in a URL, where a number is always a text.
func (s *Shape) boundURL() *Shape {
	for _, f := range s.fields {
		f.lax = true
		if f.in == "query" && f.kind == kindString && f.maxLen == 0 && f.enum == nil {
			f.maxLen = defaultMaxQuery
		}
	}
	return s
}

// A number may be given as text, as the documented server accepts it. Which
// texts are taken is one regular expression, so that the OpenAPI document can
// say so exactly. Texts for people may not hold control characters.
var (
	numberText  = regexp.MustCompile(`^-?[0-9]{1,20}(\.[0-9]{1,20})?$`)
	booleanText = regexp.MustCompile(`^([01tTfFyYnN]|[oO][nN]|[oO][fF][fF]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO])$`)
	base64Text  = regexp.MustCompile(`^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$`)
	segmentText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:@+-]*$`) // what a segment of a path is, where it is anything
	plainText   = regexp.MustCompile("^[^\\x00-\\x1f\\x7f\ufffd]*$")
	filledText  = regexp.MustCompile("^[^\\x00-\\x1f\\x7f\ufffd]*[^\\x00-\\x20\\x7f\ufffd][^\\x00-\\x1f\\x7f\ufffd]*$")
)

// integerText matches the plain decimals from min, which is -max, 0 or 1, to
// max, which is a power of ten.
func (s *Shape) integerText() *regexp.Regexp {
	power := s.power()
	positive := fmt.Sprintf("([1-9][0-9]{0,%d}|1%s)", power-1, strings.Repeat("0", power))
	switch {
	case s.min == nil:
	case *s.min == 1:
		return regexp.MustCompile("^" + positive + "$")
	case *s.min == 0:
		return regexp.MustCompile("^(0|" + positive + ")$")
	case *s.min == -*s.max:
		return regexp.MustCompile("^(0|-?" + positive + ")$")
	}
	panic("openapi: the lower bound of an integer must be 1, 0 or the upper one's negative")
}

// decimalText matches the decimals above 0, or from 0 or -max, to max, which is
// a power of ten.
func (s *Shape) decimalText() *regexp.Regexp {
	power := s.power()
	switch {
	case s.over != nil && *s.over == 0:
		return regexp.MustCompile(fmt.Sprintf(`^([1-9][0-9]{0,%d}(\.[0-9]{1,20})?|0\.[0-9]{0,10}[1-9][0-9]{0,9})$`, power-1))
	case s.min != nil && *s.min == 0:
		return regexp.MustCompile(fmt.Sprintf(`^[0-9]{1,%d}(\.[0-9]{1,20})?$`, power))
	case s.min != nil && *s.min == -*s.max:
		return regexp.MustCompile(fmt.Sprintf(`^-?[0-9]{1,%d}(\.[0-9]{1,20})?$`, power))
	}
	panic("openapi: the lower bound of a number must be 0 or the upper one's negative")
}

// power is the number of zeros of max.
func (s *Shape) power() int {
	if s.max == nil {
		panic("openapi: a number of a request needs bounds")
	}
	power := int(math.Round(math.Log10(*s.max)))
	if *s.max != math.Pow10(power) {
		panic("openapi: the upper bound of a number must be a power of ten")
	}
	return power
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
