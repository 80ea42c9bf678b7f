// Command perfcast serves performance predictions over GraphQL and REST.
//
// Without a subcommand it serves: the predictive API on :8500 and the unified
// gateway on :8080, over one DuckDB file. See the README.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/train"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main with its exit status: 0 ok, 1 failed, 2 wrong usage.
func run(args []string, stdout, stderr io.Writer) int {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "", "serve":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return serveMain(ctx, args, stdout, stderr)
	case "key":
		return key.Main(args, stdout, stderr)
	case "train":
		return train.Main(args, openStore, stdout, stderr)
	case "evaluate":
		return train.EvaluateMain(args, openStore, stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, version())
		return 0
	case "help":
		_, err := parse([]string{"--help"}, environment, stdout)
		if !errors.Is(err, flag.ErrHelp) {
			return 1
		}
		return 0
	}
	fmt.Fprintf(stderr, "perfcast: unknown command %q; 'perfcast --help' lists them\n", command)
	return 2
}

func version() string {
	v := "perfcast (development)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		v = "perfcast " + info.Main.Version
	}
	if p, err := predictor.Default(); err == nil {
		v += ", predictor " + p.Version()
	}
	return v
}

func serveMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, environment, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "perfcast: %v\n", err)
		return 2
	}
	if err := serve(ctx, c, stdout, slog.New(slog.NewTextHandler(stderr, nil))); err != nil {
		fmt.Fprintf(stderr, "perfcast: %v\n", err)
		return 1
	}
	return 0
}

// shutdown is how long the end may take: running tasks get the first half to
// end by themselves.
const shutdown = 4 * time.Second

// gcPercent is how much may be allocated before garbage is collected, in percent
// of what is live: about 100 MB, so that this takes up to 200 MB more than
// Go's 100 % and a tenth less processor time under load. GOGC decides if set.
const gcPercent = 300

// serve runs the servers until ctx is done.
func serve(ctx context.Context, c config, stdout io.Writer, log *slog.Logger) (err error) {
	if environment("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	var l listeners
	defer l.close()
	if err := l.open(c); err != nil {
		return err
	}
	ring, err := keys(c, stdout, log)
	if err != nil {
		return err
	}
	s := newServer(log)
	defer func() { err = errors.Join(err, s.close()) }()
	if !c.unifiedOnly {
		if err := s.openApp(ctx, c); err != nil {
			return err
		}
		if err := s.importBenchmarks(ctx, c, stdout); ctx.Err() != nil {
			return nil // stopped meanwhile; the next start goes on
		} else if err != nil {
			return err
		}
		s.openFaces(c, ring)
	}
	if l.predictive != nil {
		s.serve(l.predictive, s.predictive(ring))
	}
	if l.gateway != nil {
		if err := s.openGateway(c, ring); err != nil {
			return err
		}
		s.serve(l.gateway, s.gateway)
	}
	s.greet(c, l, stdout)
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// listeners are the ports, opened before anything else is done.
type listeners struct{ predictive, gateway net.Listener }

func (l *listeners) open(c config) (err error) {
	if !c.unifiedOnly {
		if l.predictive, err = listen(c.host, c.predictivePort, "--predictive-port"); err != nil {
			return err
		}
	}
	if !c.predictiveOnly {
		l.gateway, err = listen(c.host, c.gatewayPort, "--gateway-port")
	}
	return err
}

func listen(host string, port int, name string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is in use; stop what listens there or choose another with %s", port, name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s port %d: %w", host, port, err)
	}
	return l, nil
}

func (l *listeners) close() {
	for _, x := range []net.Listener{l.predictive, l.gateway} {
		if x != nil {
			_ = x.Close() // an http.Server that took it closed it already
		}
	}
}

// keys opens the API keys. Without any, it makes one for this run and says so.
func keys(c config, stdout io.Writer, log *slog.Logger) (*key.Ring, error) {
	path := c.keys
	if path == "" {
		path = key.DefaultPath(c.dbPath)
	}
	ring, err := key.Open(path, log)
	if err != nil {
		return nil, err
	}
	if secret := environment("PERFCAST_API_KEY"); secret != "" {
		ring.Add("environment", secret, key.Admin)
	}
	if ring.Empty() {
		fmt.Fprintf(stdout, "No API key is configured; 'perfcast key create --db-path %s --name NAME' makes one.\nOne-time key for this run: %s\n", c.dbPath, ring.OneTime())
	}
	return ring, nil
}
