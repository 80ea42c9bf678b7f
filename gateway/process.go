package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perfcast/perfcast/component/proc"
)

// How a command is watched. Variables, so that tests need not wait.
var (
	probeEvery   = time.Second
	startWithin  = time.Minute            // a command that isn't healthy by then is restarted
	missedProbes = 5                      // a healthy command that misses this many in a row is restarted
	backoffFirst = 500 * time.Millisecond // doubles with every quick death
	backoffLast  = 30 * time.Second
	steadyAfter  = time.Minute // having lived this long, a command's death is a first one again
	stopGrace    = 5 * time.Second
)

// process keeps a component's command running: it starts it, asks for its
// health, restarts it with growing pauses, and ends it with all its children.
//
//	stopped -> starting -> ok -> (death) down -> starting ...
type process struct {
	name      string
	target    Target
	transport http.RoundTripper
	log       *slog.Logger

	verbs sync.Mutex // one start or stop at a time

	mu       sync.Mutex
	state    string // "stopped", "starting", "ok" or "down"
	detail   string // why it is down
	restarts int
	at       *url.URL           // where it listens; nil when it does not run
	cancel   context.CancelFunc // ends the loop; nil when stopped
	done     chan struct{}      // closed when the loop has ended
}

func newProcess(name string, t Target, rt http.RoundTripper, log *slog.Logger) *process {
	return &process{name: name, target: t, transport: rt, log: log.With("component", name), state: "stopped"}
}

// start lets the command run until stop; it reports whether it was stopped.
func (p *process) start() bool {
	p.verbs.Lock()
	defer p.verbs.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		return false
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done, p.state, p.detail, p.restarts = cancel, make(chan struct{}), "starting", "", 0
	go p.loop(ctx, p.done)
	return true
}

// stop ends the command and waits until all of it is gone; it reports whether
// it ran.
func (p *process) stop() bool {
	p.verbs.Lock()
	defer p.verbs.Unlock()
	p.mu.Lock()
	cancel, done := p.cancel, p.done
	p.cancel = nil
	p.mu.Unlock()
	if cancel == nil {
		return false
	}
	cancel()
	<-done
	p.set("stopped", "", nil)
	return true
}

func (p *process) url() *url.URL {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at
}

func (p *process) status() (state, detail string, restarts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state, p.detail, p.restarts
}

func (p *process) set(state, detail string, at *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.detail, p.at = state, detail, at
}

func (p *process) loop(ctx context.Context, done chan struct{}) {
	defer close(done)
	pause := backoffFirst
	for {
		born := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(born) > steadyAfter {
			pause = backoffFirst
		}
		p.log.Warn("component ended; it will be restarted", "error", err, "in", pause)
		p.set("down", fmt.Sprintf("it ended (%v) and will be restarted", err), nil)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, backoffLast)
		p.mu.Lock()
		p.restarts++
		p.mu.Unlock()
	}
}

// once runs the command until it ends, ctx is done or it stops being healthy.
func (p *process) once(ctx context.Context) error {
	at, args, err := p.place()
	if err != nil {
		return err
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Dir, c.Env = p.target.Dir, proc.Environ(p.target.Env, nil)
	out := &lineLog{log: p.log}
	c.Stdout, c.Stderr = out, out
	p.set("starting", "", at)
	p.log.Info("starting component", "command", args[0], "at", at.Host)
	watched := make(chan struct{})
	go func() { defer close(watched); p.watch(ctx, at, giveUp) }()
	err = proc.Run(ctx, c, stopGrace)
	giveUp(nil)
	<-watched
	if err == nil {
		err = errors.New("exit status 0")
	}
	return err
}

// watch asks for the command's health until ctx is done.
func (p *process) watch(ctx context.Context, at *url.URL, giveUp context.CancelCauseFunc) {
	born, healthy, missed := time.Now(), false, 0
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		err := probe(ctx, p.transport, at.JoinPath(p.target.Health))
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if !healthy {
				p.set("ok", "", at)
				p.log.Info("component is healthy", "after", time.Since(born).Round(time.Millisecond))
			}
			healthy, missed = true, 0
		case healthy:
			if missed++; missed >= missedProbes {
				giveUp(errors.New("it stopped answering its health check"))
				return
			}
		case time.Since(born) > startWithin:
			giveUp(errors.New("it did not become healthy"))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// place says where the command will listen and with which arguments.
func (p *process) place() (*url.URL, []string, error) {
	at, port := p.target.URL, ""
	if at == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		port = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
		if err := l.Close(); err != nil {
			return nil, nil, err
		}
		at = "http://127.0.0.1:" + port
	}
	u, err := url.Parse(at)
	if err != nil {
		return nil, nil, err
	}
	args := make([]string, len(p.target.Command))
	for i, a := range p.target.Command {
		args[i] = strings.ReplaceAll(a, "{port}", u.Port())
	}
	return u, args, nil
}

// lineLog writes what a command prints to the log, line by line.
type lineLog struct {
	log  *slog.Logger
	mu   sync.Mutex
	rest []byte
}

const maxLine = 4096 // bytes of one line that are kept

func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		line, after, whole := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.rest); room > 0 {
			l.rest = append(l.rest, line[:min(len(line), room)]...)
		}
		if whole {
			if text := strings.TrimSpace(string(l.rest)); text != "" {
				l.log.Info(text)
			}
			l.rest = l.rest[:0]
		}
		b = after
	}
	return n, nil
}
