package component

import (
	"regexp"
	"strings"

	"github.com/perfcast/perfcast/openapi"
)

// What a request may name. The patterns are those of the placeholders that it
// fills.
type (
	modelName  string // a model, or a command
	deviceName string // a platform or a device
	word       string // a precision or a type of test
)

// Pattern is what a model's name may be.
func (modelName) Pattern() *regexp.Regexp { return names["model"] }

// Pattern is what a device's name may be.
func (deviceName) Pattern() *regexp.Regexp { return names["device"] }

// Pattern is what a word may be.
func (word) Pattern() *regexp.Regexp { return names["precision"] }

// several is a list that a request may leave out, give as null or as its only
// item: the guide's clients write hardware="cuda".
type several[T any] = *openapi.OneOrMany[T]

// texts are the names in a request's list, trimmed, each once; standard where
// there is none.
func texts[T ~string](list several[T], standard ...string) []string {
	var out []string
	for _, x := range value(list) {
		out = append(out, string(x))
	}
	if out = unique(out); len(out) == 0 {
		return standard
	}
	return out
}

// value is what p points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func unique(list []string) []string {
	out := []string{}
	seen := map[string]bool{}
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

func shorten(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "..."
	}
	return s
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
