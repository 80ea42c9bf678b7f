package openapi

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/perfcast/perfcast/perf"
)

// ValidationError is one entry of a 422 body, as pydantic 2 writes it.
type ValidationError struct {
	Type  string         `json:"type" doc:"machine-readable kind of error"`
	Loc   Location       `json:"loc" doc:"where: body, query or path, then keys and indexes"`
	Msg   string         `json:"msg"`
	Input any            `json:"input" doc:"what was sent; shortened or null where it is long"`
	Ctx   map[string]any `json:"ctx,omitempty" doc:"the limit that was broken, or the nearest names there are"`
}

// Location is where in a request an error is: keys and indexes.
type Location []any

// HTTPValidationError is the body of a 422 answer.
type HTTPValidationError struct {
	Detail []ValidationError `json:"detail"`
}

// Problem is the body of every other error answer.
type Problem struct {
	Detail string `json:"detail"`
}

func invalidJSON(at int64, why string) *ValidationError {
	return &ValidationError{
		Type: "json_invalid", Loc: Location{"body", at}, Msg: "JSON decode error", Input: map[string]any{},
		Ctx: map[string]any{"error": why},
	}
}

// Most of an input that an error echoes.
const (
	maxEchoText = 100 // characters
	maxEchoJSON = 500 // bytes
)

// echo is an input as an error may show it.
func echo(in any) any {
	switch in := in.(type) {
	case nil, bool:
		return in
	case string:
		return shorten(in)
	case json.Number:
		if len(in) > maxEchoText {
			return nil
		}
		if _, err := in.Float64(); err != nil {
			return nil // too large for many readers
		}
		return in
	}
	text, err := json.Marshal(in)
	if err != nil || len(text) > maxEchoJSON || !readable(in) {
		return nil
	}
	return json.RawMessage(text)
}

// readable reports whether every number inside v is one that every reader of
// JSON can read.
func readable(v any) bool {
	switch v := v.(type) {
	case json.Number:
		_, err := v.Float64()
		return err == nil
	case []any:
		for _, item := range v {
			if !readable(item) {
				return false
			}
		}
	case map[string]any:
		for _, item := range v {
			if !readable(item) {
				return false
			}
		}
	}
	return true
}

func shorten(s string) string {
	if utf8.RuneCountInString(s) <= maxEchoText {
		return s
	}
	return string([]rune(s[:min(len(s), 4*maxEchoText)])[:maxEchoText]) + "…"
}

// Invalid is a request that broke its shape.
type Invalid []ValidationError

func (e Invalid) Error() string { return "invalid request: " + e[0].Msg }

// refusal is what the domain refused, as an entry of a 422 body. where is
// "body", "query" or "path".
func refusal(e *perf.Error, where string) ValidationError {
	out := ValidationError{Type: "value_error", Loc: append(Location{where}, at(e.Field)...), Msg: e.Message}
	if e.Code == perf.CodeUnknown {
		out.Type = "unknown_name"
		switch out.Loc[len(out.Loc)-1] {
		case "model_name":
			out.Type = "unknown_model"
		case "device", "devices":
			out.Type = "unknown_device"
		}
	}
	if len(e.Suggestions) > 0 {
		out.Ctx = map[string]any{"suggestions": e.Suggestions}
	}
	return out
}

// at is where in a documented request a field of the domain is. The domain
// names an item of a list "hardware.1.model_name"; the items of our lists are
// plain values, so what is at fault is the field itself, or the item.
func at(field string) Location {
	if field == "" {
		return nil
	}
	parts := strings.Split(field, ".")
	last := parts[len(parts)-1]
	switch {
	case parts[0] == "model_configs" || len(parts) == 2:
		var out Location
		for _, p := range parts {
			if n, err := strconv.Atoi(p); err == nil {
				out = append(out, n)
			} else {
				out = append(out, p)
			}
		}
		return out
	case len(parts) == 3 && last == "hardware_platform":
		return at(parts[0] + "." + parts[1])
	case last == "model":
		return Location{"model_name"}
	}
	return Location{last}
}
