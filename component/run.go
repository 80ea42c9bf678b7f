package component

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/perfcast/perfcast/component/proc"
)

// What a command may say: more than this is an error, not a cut.
const (
	maxOutput = 8 << 20 // bytes of standard output
	maxErrors = 64 << 10
	maxLine   = 1 << 20
	runGrace  = 5 * time.Second
)

// errTimeout ends a command that took longer than it may.
var errTimeout = errors.New("it took longer than its timeout")

// Progress is what a command may tell on the way, as a line of JSON on either
// of its outputs: {"progress": 0.4, "message": "warm-up"}.
type Progress struct {
	Fraction float64 // in [0, 1]
	Message  string
}

// output is what a command that ended has said, its progress apart.
type output struct {
	Stdout []byte
	Errors string // the last of its standard error
	Exit   int
}

// run runs the command with these arguments. A command that ends with a status
// other than 0 is no error here; one that cannot be started, says too much,
// takes too long or is cancelled is.
func (c *Command) run(ctx context.Context, argv []string, progress func(Progress)) (output, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, errTimeout)
	defer cancel()
	ctx, tooMuch := context.WithCancelCause(ctx)
	defer tooMuch(nil)
	x := exec.CommandContext(ctx, argv[0], argv[1:]...)
	x.Dir, x.Env = c.Dir, proc.Environ(c.Env, nil)
	var mu sync.Mutex
	tell := func(p Progress) { mu.Lock(); defer mu.Unlock(); progress(p) }
	out := &lines{limit: maxOutput, full: func() { tooMuch(fmt.Errorf("it wrote more than %d MiB", maxOutput>>20)) }, progress: tell}
	errs := &lines{limit: maxErrors, tail: true, progress: tell}
	x.Stdout, x.Stderr = out, errs
	err := proc.Run(ctx, x, runGrace)
	out.end()
	errs.end()
	o := output{Stdout: out.kept, Errors: strings.ToValidUTF8(string(errs.kept), "?")}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && ctx.Err() == nil:
		o.Exit = exit.ExitCode()
		return o, nil
	case errors.Is(err, exec.ErrWaitDelay): // it ended, and left something behind that held its outputs
		return o, nil
	}
	return o, err
}

// lines takes an output apart: lines of progress are told, the rest is kept.
type lines struct {
	limit    int
	tail     bool   // keep the end of what is too long; otherwise full is called
	full     func() // once
	progress func(Progress)

	line, kept []byte
}

func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		part, rest, whole := bytes.Cut(b, []byte("\n"))
		l.line = append(l.line, part...)
		if whole || len(l.line) > maxLine {
			if whole {
				l.line = append(l.line, '\n')
			}
			l.take()
		}
		b = rest
	}
	return n, nil
}

func (l *lines) end() { l.take() }

func (l *lines) take() {
	line := l.line
	l.line = l.line[:0]
	if p, ok := parseProgress(line); ok {
		l.progress(p)
		return
	}
	l.kept = append(l.kept, line...)
	if len(l.kept) <= l.limit {
		return
	}
	if l.tail {
		l.kept = append(l.kept[:0], l.kept[len(l.kept)-l.limit:]...)
		return
	}
	l.kept = l.kept[:l.limit]
	if l.full != nil {
		l.full()
		l.full = nil
	}
}

// parseProgress reads a line of progress: an object with a "progress" between
// 0 and 1 and perhaps a "message", and nothing else.
func parseProgress(line []byte) (Progress, bool) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' || len(line) > 4096 {
		return Progress{}, false
	}
	var m struct {
		Progress *float64 `json:"progress"`
		Message  string   `json:"message"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if d.Decode(&m) != nil || m.Progress == nil || *m.Progress < 0 || *m.Progress > 1 {
		return Progress{}, false
	}
	return Progress{*m.Progress, m.Message}, true
}
