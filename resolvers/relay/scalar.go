package relay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"

	"github.com/perfcast/perfcast/perf"
)

// MarshalInt writes a 32-bit integer, which is all that GraphQL's Int may hold.
// A larger one, such as a context length beyond all reason, is written as the
// largest.
func MarshalInt(n int) graphql.Marshaler {
	return graphql.MarshalInt(max(math.MinInt32, min(n, math.MaxInt32)))
}

// UnmarshalInt reads a 32-bit integer; 0 for null, where that is allowed.
func UnmarshalInt(v any) (int, error) {
	n, err := graphql.UnmarshalInt64(v)
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, invalid("must be an integer of at most 32 bits, not %s", show(v))
	}
	return int(n), nil
}

// MarshalFloat writes a finite number; anything else would be no JSON.
var MarshalFloat = graphql.MarshalFloatContext

// MarshalPlatform writes a platform in lower case, as it is.
func MarshalPlatform(p perf.Platform) graphql.Marshaler { return graphql.MarshalString(string(p)) }

// UnmarshalPlatform reads a platform in any letter case; none for null, where
// that is allowed. The set is open: the catalogue knows which there are.
func UnmarshalPlatform(v any) (perf.Platform, error) {
	if v == nil {
		return "", nil
	}
	s, err := word(v)
	return perf.Platform(s), err
}

// MarshalPrecision writes a precision in lower case, as it is.
func MarshalPrecision(p perf.Precision) graphql.Marshaler { return graphql.MarshalString(string(p)) }

// UnmarshalPrecision reads a precision in any letter case.
func UnmarshalPrecision(v any) (perf.Precision, error) {
	s, err := word(v)
	return oneOf(perf.Precision(s), perf.Precisions, err)
}

// MarshalMode writes a mode in lower case, as it is.
func MarshalMode(m perf.Mode) graphql.Marshaler { return graphql.MarshalString(string(m)) }

// UnmarshalMode reads a mode in any letter case.
func UnmarshalMode(v any) (perf.Mode, error) {
	s, err := word(v)
	return oneOf(perf.Mode(s), perf.Modes, err)
}

// word is a name in lower case, however it was written.
func word(v any) (string, error) {
	s, ok := v.(string)
	if !ok || len(s) > 64 {
		return "", invalid("must be a short name, not %s", show(v))
	}
	return strings.ToLower(strings.TrimSpace(s)), nil
}

func oneOf[T ~string](v T, all []T, err error) (T, error) {
	if err != nil || slices.Contains(all, v) {
		return v, err
	}
	e := invalid("is none of %s: %s", join(all), show(string(v)))
	for _, x := range all {
		if len(v) > 0 && strings.HasPrefix(string(x), string(v[0])) {
			e.Suggestions = append(e.Suggestions, string(x))
		}
	}
	return "", e
}

func join[T ~string](all []T) string {
	var b strings.Builder
	for i, x := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(x))
	}
	return b.String()
}

// MarshalJSON writes a JSON value, null when there is none.
func MarshalJSON(v json.RawMessage) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		if len(v) == 0 {
			v = json.RawMessage("null")
		}
		var b bytes.Buffer
		if err := json.Compact(&b, v); err != nil {
			b.Reset()
			b.WriteString("null") // what we store is valid; a broken row must not break the answer
		}
		_, _ = w.Write(b.Bytes())
	})
}

// UnmarshalJSON reads any JSON value.
func UnmarshalJSON(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, invalid("must be a JSON value")
	}
	return b, nil
}

// MarshalEnvironment writes an object of strings; {} when there is none.
func MarshalEnvironment(m map[string]string) graphql.Marshaler {
	b, err := json.Marshal(m)
	if err != nil || m == nil {
		b = []byte("{}")
	}
	return MarshalJSON(b)
}

// UnmarshalEnvironment reads an object of strings; numbers and booleans are
// taken as they are written.
func UnmarshalEnvironment(v any) (map[string]string, error) {
	if v == nil {
		return nil, nil
	}
	in, ok := v.(map[string]any)
	if !ok {
		return nil, invalid("must be an object whose values are strings")
	}
	out := make(map[string]string, len(in))
	for k, x := range in {
		switch x := x.(type) {
		case string:
			out[k] = x
		case json.Number, bool, int64, float64:
			out[k] = fmt.Sprint(x)
		default:
			return nil, invalid("must be an object whose values are strings; %s has another", show(k))
		}
	}
	return out, nil
}

// MarshalBase64 writes bytes.
func MarshalBase64(b []byte) graphql.Marshaler {
	return graphql.MarshalString(base64.StdEncoding.EncodeToString(b))
}

// UnmarshalBase64 reads bytes.
func UnmarshalBase64(v any) ([]byte, error) {
	s, _ := v.(string)
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, invalid("must be base64 with padding (RFC 4648)")
	}
	return b, nil
}

// invalid is an error of the field at fault, which the presenter names.
func invalid(format string, args ...any) *perf.Error { return perf.Invalid("", format, args...) }

// show is a caller's value, short enough to be said back.
func show(v any) string {
	s := fmt.Sprintf("%q", fmt.Sprint(v))
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:60], "") + `..."`
	}
	return s
}
