package perf

import (
	"errors"
	"fmt"
)

// Code classifies an error for the faces: one table maps codes to HTTP
// statuses, one presenter maps them to GraphQL's extensions.code.
type Code string

// The codes.
const (
	CodeInvalid     Code = "INVALID_ARGUMENT" // a field is out of range; nothing was changed
	CodeUnknown     Code = "UNKNOWN_NAME"     // a model or device the catalogue does not have
	CodeNotFound    Code = "NOT_FOUND"        // no such id
	CodeConflict    Code = "CONFLICT"         // the state does not allow it
	CodeTooLarge    Code = "TOO_LARGE"
	CodeUnavailable Code = "UNAVAILABLE" // shutting down, or overloaded: try again
	CodeInternal    Code = "INTERNAL"    // logged in full, shown as "internal error"
)

// Error is an error a user may see.
type Error struct {
	Code        Code
	Field       string // the input field at fault, in the domain's spelling ("batch_size"); may be empty
	Message     string // what is wrong, what is allowed, what to do
	Suggestions []string
}

// Error is the message with its field.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Invalid reports a field out of range.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// NotFound reports an unknown id.
func NotFound(format string, args ...any) *Error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf(format, args...)}
}

// AsError is the *Error inside err, or one with CodeInternal whose message
// gives nothing away.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Message: "internal error"}
}
