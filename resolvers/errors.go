package resolvers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/perfcast/perfcast/perf"
)

// Codes of errors that are not the domain's.
const (
	codeUnauthenticated = "UNAUTHENTICATED"
	codeForbidden       = "FORBIDDEN"
	codeCancelled       = "CANCELLED"
	codeBadRequest      = "BAD_REQUEST"
	codeTooManyStreams  = "TOO_MANY_SUBSCRIPTIONS"
)

// coded is an error of the face itself.
func coded(code, format string, args ...any) *gqlerror.Error {
	return &gqlerror.Error{Message: fmt.Sprintf(format, args...), Extensions: map[string]any{"code": code}}
}

// present is what a client gets to see of an error: errors of the domain with
// their code, field and suggestions; errors of the request as they are;
// anything else as "internal error", in full in the log.
func (h *Handler) present(ctx context.Context, err error) *gqlerror.Error {
	var shown *gqlerror.Error
	var ours *perf.Error
	located := errors.As(err, &shown)
	if !located {
		shown = &gqlerror.Error{}
	}
	out := &gqlerror.Error{Path: shown.Path, Locations: shown.Locations, Extensions: map[string]any{}}
	if out.Path == nil {
		out.Path = graphql.GetPath(ctx)
	}
	field := graphql.GetFieldContext(ctx).Path()
	argument := argumentOf(field, shown.Path)
	if argument != "" {
		out.Path = field // an error's path is the response's; the argument is told apart
	}
	switch {
	case errors.As(err, &ours) && ours.Code != perf.CodeInternal:
		out.Message, out.Extensions["code"] = ours.Message, ours.Code
		if name := cmp.Or(camel(ours.Field), argument); name != "" {
			out.Message, out.Extensions["field"] = name+": "+ours.Message, name
		}
		if len(ours.Suggestions) > 0 {
			out.Extensions["suggestions"] = ours.Suggestions
		}
	case located && shown.Extensions["code"] != nil: // the executor's, an extension's
		out.Message, out.Extensions = shown.Message, shown.Extensions
	case located && field == nil: // of the request, before anything ran
		out.Message, out.Extensions["code"] = shown.Message, codeBadRequest
	case argument != "": // a value that gqlgen could not read
		out.Message, out.Extensions["code"], out.Extensions["field"] = argument+": "+shown.Message, perf.CodeInvalid, argument
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Message, out.Extensions["code"] = "cancelled", codeCancelled
	default:
		h.opts.Log.ErrorContext(ctx, "graphql", "error", err, "path", out.Path.String())
		out.Message, out.Extensions["code"] = "internal error", perf.CodeInternal
	}
	return out
}

// argumentOf names the innermost argument or input field that an error's path
// leads to, beyond the field that is being resolved; empty when it does not.
func argumentOf(field, path ast.Path) string {
	if len(path) <= len(field) {
		return ""
	}
	var name strings.Builder
	for _, p := range path[len(field):] {
		switch p := p.(type) {
		case ast.PathName:
			name.Reset()
			name.WriteString(string(p))
		case ast.PathIndex:
			fmt.Fprintf(&name, "[%d]", p)
		}
	}
	return name.String()
}

// fieldNames are the schema's names of inputs that the domain, whose spelling
// is the documented REST API's, names otherwise.
var fieldNames = map[string]string{
	"model_name": "model", "model_family": "family", "hardware_platform": "platform",
	"latency": "latencyMs", "memory_usage": "memoryMb", "ttft": "ttftMs", "tpot": "tpotMs",
	"max_latency": "maxLatencyMs", "max_memory": "maxMemoryMb", "max_ttft": "maxTtftMs", "max_tpot": "maxTpotMs",
	"measurements": "inputs", "fleet": "entries", "model_configs": "models", "serialized_model_path": "path", "config": "configJson",
	"fp64": "fp64FlopPerS", "fp32": "fp32FlopPerS", "fp32_matrix": "fp32MatrixFlopPerS", "tf32": "tf32FlopPerS", "fp16": "fp16FlopPerS",
	"bf16": "bf16FlopPerS", "fp8": "fp8FlopPerS", "fp4": "fp4FlopPerS", "int8": "int8OpPerS", "int4": "int4OpPerS",
	"memory_bandwidth": "memoryBandwidthBytesPerS", "link_bandwidth": "linkBandwidthBytesPerS",
}

// camel is a field's name in the schema's spelling: measurements.2.batch_size
// is inputs.2.batchSize.
func camel(field string) string {
	if key, ok := strings.CutPrefix(field, "config."); ok {
		return "configJson." + key // a key of the file, in the file's spelling
	}
	parts := strings.Split(field, ".")
	for i, s := range parts {
		if name, ok := fieldNames[s]; ok {
			parts[i] = name
			continue
		}
		words := strings.Split(s, "_")
		for j, w := range words[1:] {
			if w != "" {
				words[j+1] = strings.ToUpper(w[:1]) + w[1:]
			}
		}
		parts[i] = strings.Join(words, "")
	}
	return strings.Join(parts, ".")
}

// renamed is err with a list's name in its field replaced.
func renamed(err error, from, to string) error {
	var e *perf.Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Field, from+"[") {
		return err
	}
	other := *e
	other.Field = to + strings.TrimPrefix(e.Field, from)
	return &other
}

// recovered turns a panic into an internal error.
func (h *Handler) recovered(ctx context.Context, v any) error {
	h.opts.Log.ErrorContext(ctx, "graphql: panic", "value", v, "stack", string(debug.Stack()))
	return &perf.Error{Code: perf.CodeInternal, Message: "internal error"}
}
