package openapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxErrors is the most errors that one answer lists.
const maxErrors = 50

// decoder fills a Go value from a JSON value by a shape, collecting every error
// on the way.
type decoder struct {
	errs []ValidationError
}

// parse reads a JSON text, numbers as json.Number. NaN and the infinities, which
// some clients write though JSON has none, become numbers too large to be
// finite, so that the error names their field.
func parse(body []byte) (any, *ValidationError) {
	if !utf8.Valid(body) {
		return nil, invalidJSON(0, "not UTF-8")
	}
	v, at, err := parseStrict(body)
	if err != nil {
		if finite, changed := replaceNonFinite(body); changed {
			v, at, err = parseStrict(finite)
		}
	}
	if err != nil {
		return nil, invalidJSON(at, "malformed")
	}
	return v, nil
}

// parseStrict tells of an error where in the text it is.
func parseStrict(body []byte) (v any, at int64, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, max(0, syntax.Offset-1), err
		}
		return nil, int64(len(body)), err // it ends too early
	}
	rest := bytes.TrimLeft(body[d.InputOffset():], " \t\r\n")
	if len(rest) > 0 {
		return nil, int64(len(body) - len(rest)), errors.New("more than one value")
	}
	return v, 0, nil
}

// notFinite is a JSON number that no float64 holds.
const notFinite = "9e999"

// replaceNonFinite puts notFinite in place of NaN and Infinity outside strings.
// A sign before it stays.
func replaceNonFinite(body []byte) (out []byte, changed bool) {
	inString := false
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case inString && c == '\\' && i+1 < len(body):
			out = append(out, c, body[i+1])
			i++
			continue
		case c == '"':
			inString = !inString
		case !inString && (c == 'N' || c == 'I'):
			word := "NaN"
			if c == 'I' {
				word = "Infinity"
			}
			if bytes.HasPrefix(body[i:], []byte(word)) {
				out, changed = append(out, notFinite...), true
				i += len(word) - 1
				continue
			}
		}
		out = append(out, c)
	}
	return out, changed
}

func (d *decoder) fail(loc []any, input any, kind, msg string, ctx map[string]any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, ValidationError{Type: kind, Loc: slices.Clone(loc), Msg: msg, Input: echo(input), Ctx: ctx})
	}
}

// value decodes in into the settable v.
func (d *decoder) value(s *Shape, in any, v reflect.Value, loc []any) {
	if len(d.errs) >= maxErrors {
		return
	}
	if s.nullable {
		if in == nil {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch s.kind {
	case kindObject:
		d.object(s, in, v, loc)
	case kindTexts:
		d.texts(s, in, v, loc)
	case kindArray:
		d.array(s, in, v, loc)
	case kindOrMany:
		if _, many := in.([]any); !many {
			in = []any{in}
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			d.value(s.items, in.([]any)[0], v.Index(0), loc)
			return
		}
		d.array(s, in, v, loc)
	case kindString:
		d.text(s, in, v, loc)
	case kindBase64:
		text, ok := in.(string)
		if !ok {
			d.fail(loc, in, "string_type", "Input should be a valid string", nil)
			return
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || !base64Text.MatchString(text) {
			d.fail(loc, nil, "base64_decode", "Data should be base64, in the standard alphabet with padding", nil)
			return
		}
		v.SetBytes(raw)
	case kindInteger:
		d.integer(s, in, v, loc)
	case kindNumber:
		d.number(s, in, v, loc)
	case kindBoolean:
		d.boolean(in, v, loc)
	default:
		panic(fmt.Sprintf("openapi: a request cannot hold %q", s.kind))
	}
}

func (d *decoder) object(s *Shape, in any, v reflect.Value, loc []any) {
	object, ok := in.(map[string]any)
	if !ok {
		d.fail(loc, in, "model_attributes_type", "Input should be a valid dictionary or object to extract fields from", nil)
		return
	}
	for i := range s.fields {
		f := &s.fields[i]
		in, given := object[f.name]
		switch at := append(loc, f.name); {
		case given:
			d.value(f.Shape, in, v.FieldByIndex(f.index), at)
		case f.required:
			d.fail(at, object, "missing", "Field required", nil)
		case f.defaultEncoded != "":
			d.value(f.Shape, defaultValue(f.Shape), v.FieldByIndex(f.index), at)
		}
	}
}

// defaultValue is the decoded default of a field: a text stands for itself.
func defaultValue(s *Shape) any {
	switch s.kind {
	case kindInteger, kindNumber:
		return json.Number(s.defaultEncoded)
	case kindBoolean:
		return s.defaultEncoded == "true"
	case kindArray:
		return []any{s.defaultEncoded}
	}
	return s.defaultEncoded
}

func (d *decoder) texts(s *Shape, in any, v reflect.Value, loc []any) {
	object, ok := in.(map[string]any)
	if !ok {
		d.fail(loc, in, "dict_type", "Input should be a valid dictionary", nil)
		return
	}
	if d.tooLong(s, "Dictionary", len(object), loc) {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(object)))
	keys := make([]string, 0, len(object))
	for k := range object {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(s.items, object[k], item, append(loc, shorten(k)))
		v.SetMapIndex(reflect.ValueOf(k), item)
	}
}

func (d *decoder) array(s *Shape, in any, v reflect.Value, loc []any) {
	array, ok := in.([]any)
	if !ok {
		d.fail(loc, in, "list_type", "Input should be a valid list", nil)
		return
	}
	if d.tooLong(s, "List", len(array), loc) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(array), len(array)))
	for i, item := range array {
		d.value(s.items, item, v.Index(i), append(loc, i))
	}
}

func (d *decoder) tooLong(s *Shape, what string, n int, loc []any) bool {
	if n <= s.maxLen {
		return false
	}
	d.fail(loc, nil, "too_long", fmt.Sprintf("%s should have at most %d items after validation, not %d", what, s.maxLen, n),
		map[string]any{"field_type": what, "max_length": s.maxLen, "actual_length": n})
	return true
}

func (d *decoder) text(s *Shape, in any, v reflect.Value, loc []any) {
	text, ok := in.(string)
	if s.enum != nil {
		if !ok || !slices.Contains(s.enum, text) {
			expected := alternatives(s.enum)
			d.fail(loc, in, "enum", "Input should be "+expected, map[string]any{"expected": expected})
			return
		}
		v.SetString(text)
		return
	}
	switch n := utf8.RuneCountInString(text); {
	case !ok:
		d.fail(loc, in, "string_type", "Input should be a valid string", nil)
	case n < s.minLen:
		d.fail(loc, in, "string_too_short", fmt.Sprintf("String should have at least %s", characters(s.minLen)), map[string]any{"min_length": s.minLen})
	case s.maxLen > 0 && n > s.maxLen:
		d.fail(loc, in, "string_too_long", fmt.Sprintf("String should have at most %s", characters(s.maxLen)), map[string]any{"max_length": s.maxLen})
	case s.pattern != nil && !s.pattern.MatchString(text):
		d.fail(loc, in, "string_pattern_mismatch", s.patternMessage(), map[string]any{"pattern": s.pattern.String()})
	default:
		v.SetString(text)
	}
}

func (s *Shape) patternMessage() string {
	switch s.pattern {
	case filledText:
		return "String should have a visible character and no control characters"
	case plainText:
		return "String should have no control characters"
	}
	return "String should match pattern '" + s.pattern.String() + "'"
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return strconv.Itoa(n) + " characters"
}

// alternatives is pydantic's wording: 'a', 'b' or 'c'.
func alternatives(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "'" + n + "'"
	}
	last := len(quoted) - 1
	if last == 0 {
		return quoted[0]
	}
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

func (d *decoder) integer(s *Shape, in any, v reflect.Value, loc []any) {
	var x float64
	switch in := in.(type) {
	case json.Number:
		f, err := in.Float64()
		if err != nil && !math.IsInf(f, 0) {
			d.fail(loc, nil, "int_type", "Input should be a valid integer", nil)
			return
		}
		x = f
	case string:
		n, err := strconv.ParseFloat(in, 64)
		if err != nil || n != math.Trunc(n) || !plainInteger(in) {
			d.fail(loc, in, "int_parsing", "Input should be a valid integer, unable to parse string as an integer", nil)
			return
		}
		x = n
	default:
		d.fail(loc, in, "int_type", "Input should be a valid integer", nil)
		return
	}
	switch {
	case math.IsInf(x, 0):
		d.fail(loc, nil, "finite_number", "Input should be a finite number", nil)
	case x != math.Trunc(x):
		d.fail(loc, in, "int_from_float", "Input should be a valid integer, got a number with a fractional part", nil)
	case d.inBounds(s, x, in, loc):
		v.SetInt(int64(x))
	}
}

// plainInteger reports whether a text is a decimal integer as one writes it:
// no spaces, no plus, no leading zeros.
func plainInteger(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' || text == "-0" {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

func (d *decoder) number(s *Shape, in any, v reflect.Value, loc []any) {
	var x float64
	switch in := in.(type) {
	case json.Number:
		x, _ = in.Float64() // out of range is infinite
	case string:
		if !numberText.MatchString(in) {
			d.fail(loc, in, "float_parsing", "Input should be a valid number, unable to parse string as a number", nil)
			return
		}
		x, _ = strconv.ParseFloat(in, 64)
	default:
		d.fail(loc, in, "float_type", "Input should be a valid number", nil)
		return
	}
	if math.IsInf(x, 0) || math.IsNaN(x) {
		d.fail(loc, nil, "finite_number", "Input should be a finite number", nil)
		return
	}
	if !d.inBounds(s, x, in, loc) {
		return
	}
	if text, ok := in.(string); ok && s.digits != nil && !s.digits.MatchString(text) {
		d.fail(loc, in, "float_parsing", "Input should be a valid number, unable to parse string as a number", nil)
		return
	}
	v.SetFloat(x)
}

// inBounds reports whether x keeps to the shape's bounds; where it does not, it
// has said so.
func (d *decoder) inBounds(s *Shape, x float64, in any, loc []any) bool {
	switch {
	case s.min != nil && x < *s.min:
		d.fail(loc, in, "greater_than_equal", "Input should be greater than or equal to "+decimal(*s.min), map[string]any{"ge": *s.min})
	case s.over != nil && x <= *s.over:
		d.fail(loc, in, "greater_than", "Input should be greater than "+decimal(*s.over), map[string]any{"gt": *s.over})
	case s.max != nil && x > *s.max:
		d.fail(loc, in, "less_than_equal", "Input should be less than or equal to "+decimal(*s.max), map[string]any{"le": *s.max})
	default:
		return true
	}
	return false
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// boolean takes true and false, 1 and 0, and their spellings as text.
func (d *decoder) boolean(in any, v reflect.Value, loc []any) {
	text, ok := in.(string)
	switch in := in.(type) {
	case bool:
		v.SetBool(in)
		return
	case json.Number:
		f, err := in.Float64()
		if ok = err == nil && (f == 0 || f == 1); ok {
			v.SetBool(f == 1)
			return
		}
		d.fail(loc, in, "bool_parsing", "Input should be a valid boolean, unable to interpret input", nil)
		return
	}
	switch {
	case !ok:
		d.fail(loc, in, "bool_type", "Input should be a valid boolean", nil)
	case !booleanText.MatchString(text):
		d.fail(loc, in, "bool_parsing", "Input should be a valid boolean, unable to interpret input", nil)
	default:
		switch strings.ToLower(text) {
		case "1", "t", "true", "y", "yes", "on":
			v.SetBool(true)
		default:
			v.SetBool(false)
		}
	}
}
