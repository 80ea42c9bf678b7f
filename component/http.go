package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// maxBody is the longest request body, in bytes.
const maxBody = 1 << 20

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"detail":"internal error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

func writeDetail(w http.ResponseWriter, status int, detail string) {
	writeJSON(w, status, map[string]string{"detail": detail})
}

// writeError answers with an error of the domain.
func writeError(w http.ResponseWriter, log *slog.Logger, err error) {
	e := perf.AsError(err)
	switch e.Code {
	case perf.CodeInvalid, perf.CodeUnknown:
		loc := []any{"body"}
		if e.Field != "" {
			loc = append(loc, e.Field)
		}
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{
			map[string]any{"type": "value_error", "loc": loc, "msg": e.Message, "input": nil}}})
	case perf.CodeNotFound:
		writeDetail(w, http.StatusNotFound, e.Error())
	case perf.CodeConflict:
		writeDetail(w, http.StatusConflict, e.Error())
	case perf.CodeUnavailable:
		w.Header().Set("Retry-After", "5")
		writeDetail(w, http.StatusServiceUnavailable, e.Error())
	default:
		log.Error("internal error", "error", err)
		writeDetail(w, http.StatusInternalServerError, "internal error")
	}
}

// decode reads a JSON object; it answers with 422 what it can't read. Only a
// body that is called JSON is read as such: a web page can send anything else
// to another origin without asking.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{map[string]any{
			"type": "model_attributes_type", "loc": []any{"body"}, "msg": "Input should be a JSON object, with Content-Type: application/json", "input": nil}}})
		return false
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		if err = json.Unmarshal(b, into); err == nil {
			return true
		}
	}
	entry := map[string]any{"type": "json_invalid", "loc": []any{"body"}, "msg": "JSON decode error", "input": nil}
	var wrong *json.UnmarshalTypeError
	var long *http.MaxBytesError
	var own *perf.Error
	switch {
	case errors.As(err, &long):
		writeDetail(w, http.StatusRequestEntityTooLarge, "The body is too large")
		return false
	case errors.As(err, &own):
		entry = map[string]any{"type": "type_error", "loc": []any{"body", own.Field}, "msg": own.Message, "input": nil}
	case errors.As(err, &wrong):
		entry["type"], entry["msg"] = "type_error", "Input should be a valid "+wrong.Type.String()
		if wrong.Field != "" {
			entry["loc"] = []any{"body", wrong.Field}
		}
	case len(b) == 0:
		entry["type"], entry["msg"] = "missing", "Field required"
	case json.Valid(b):
		entry["type"], entry["msg"] = "type_error", err.Error()
	}
	writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{entry}})
	return false
}

// texts is a list of strings that may be written as one string: the guide's
// clients write hardware="cuda". null is an empty list.
type texts []string

// UnmarshalJSON reads a string, a list of them or null.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil && string(b) != "null" {
		*t = texts{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(b, &many); err != nil {
		return errors.New("a string or a list of strings is needed")
	}
	*t = many
	return nil
}

// numbers is the same for whole numbers.
type numbers []int

// UnmarshalJSON reads a number, a list of them or null.
func (n *numbers) UnmarshalJSON(b []byte) error {
	var one int
	if json.Unmarshal(b, &one) == nil && string(b) != "null" {
		*n = numbers{one}
		return nil
	}
	var many []int
	if err := json.Unmarshal(b, &many); err != nil {
		return errors.New("an integer or a list of integers is needed")
	}
	*n = many
	return nil
}

// checkNames refuses names that could not be put into a command.
func checkNames(field, kind string, values ...string) error {
	for _, v := range values {
		if !names[kind].MatchString(v) || kind == "model" && !SafeModel(v) {
			return perf.Invalid(field, "%q is not a name that can be used: it must match %s", shorten(v), names[kind])
		}
	}
	return nil
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

// intParam reads a whole number within bounds from a query.
func intParam(q url.Values, name string, standard, least, most int) (int, error) {
	s := q.Get(name)
	if s == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, &paramError{name, fmt.Sprintf("Input should be a whole number from %d to %d", least, most), s}
	}
	return n, nil
}

// paramError is a query parameter that can't be used.
type paramError struct{ name, msg, input string }

func (e *paramError) Error() string { return e.name + ": " + e.msg }

// refuse answers a bad query parameter; anything else goes to writeError.
func refuse(w http.ResponseWriter, log *slog.Logger, err error) {
	var p *paramError
	if !errors.As(err, &p) {
		writeError(w, log, err)
		return
	}
	writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"detail": []any{
		map[string]any{"type": "int_parsing", "loc": []string{"query", p.name}, "msg": p.msg, "input": p.input}}})
}

// stamp is a time as the documented API writes it: local, without a zone; nil
// for none.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	t = t.Local().Truncate(time.Microsecond)
	s := t.Format("2006-01-02T15:04:05.000000")
	if t.Nanosecond() == 0 {
		s = t.Format("2006-01-02T15:04:05")
	}
	return &s
}

// elapsed is a run's time so far in seconds, and an estimate of the rest; nil
// when there is nothing to estimate it from.
func elapsed(r *perf.Run, now time.Time) (spent float64, rest *float64) {
	zero := 0.0
	if r.Status.Done() {
		return r.Completed.Sub(r.Started).Seconds(), &zero
	}
	spent = max(0, now.Sub(r.Started).Seconds())
	if r.Progress <= 0 {
		return spent, nil
	}
	left := spent * (1 - r.Progress) / r.Progress
	return spent, &left
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
