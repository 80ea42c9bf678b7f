package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/component"
	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/gateway"
	"github.com/perfcast/perfcast/key"
	"github.com/perfcast/perfcast/openapi"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/resolvers"
	"github.com/perfcast/perfcast/rest"
	"github.com/perfcast/perfcast/web"
)

// server is what runs: the verbs and the faces over them.
type server struct {
	log        *slog.Logger
	db         *db.DB
	app        *app.App
	rest       http.Handler
	document   openapi.Document // of the predictive API, its database included
	graphql    *resolvers.Handler
	components *component.Set
	gateway    *gateway.Gateway
	http       []*http.Server
	failed     chan error

	alive context.Context // every request's context ends with it
	end   context.CancelFunc
}

func newServer(log *slog.Logger) *server {
	s := &server{log: log, failed: make(chan error, 2)}
	s.alive, s.end = context.WithCancel(context.Background())
	return s
}

// openApp opens the database and the verbs over it.
func (s *server) openApp(ctx context.Context, c config) error {
	cat, err := catalog.Load()
	if err != nil {
		return err
	}
	pred, err := predictor.Default()
	if err != nil {
		return err
	}
	var fleet []perf.FleetEntry
	if c.fleet != "" {
		data, err := os.ReadFile(c.fleet)
		if err != nil {
			return fmt.Errorf("--fleet: %w", err)
		}
		if fleet, err = cat.Fleet(data); err != nil {
			return fmt.Errorf("--fleet %s: %w", c.fleet, err)
		}
	}
	if s.db, err = db.Open(c.dbPath, db.Options{Log: s.log}); err != nil {
		return err
	}
	s.app, err = app.New(ctx, app.Options{DB: s.db, Catalog: cat, Predictor: pred, Detected: cat.Detect(catalog.ThisHost()), Fleet: fleet, Log: s.log})
	return err
}

// openFaces makes the handlers over the verbs.
func (s *server) openFaces(c config, ring *key.Ring) {
	s.document = rest.Document(c.requireKeys)
	s.document.Add(gateway.DatabaseDocument())
	s.rest = rest.New(s.app, rest.Options{Log: s.log, Document: s.document.JSON()})
	o := resolvers.Options{Assets: web.Assets(), Origins: c.origins, Log: s.log}
	if c.requireKeys {
		s.rest = guardWrites(ring, s.rest)
		o.Authorize = func(_ context.Context, secret string, mutation bool) error {
			return allowed(ring, secret, mutation)
		}
	}
	s.graphql = resolvers.New(s.app, o)
}

// guardWrites asks for a key with the scope write before anything that is not
// a read.
func guardWrites(ring *key.Ring, next http.Handler) http.Handler {
	guarded := ring.Require(key.Write, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
			next.ServeHTTP(w, r)
		default:
			guarded.ServeHTTP(w, r)
		}
	})
}

func allowed(ring *key.Ring, secret string, mutation bool) error {
	need := key.Read
	if mutation {
		need = key.Write
	}
	_, err := ring.Check(secret, need)
	return err
}

// predictive is the predictive API's port: REST, its keyed database routes, and
// GraphQL beside it.
func (s *server) predictive(ring *key.Ring) http.Handler {
	database := gateway.PredictiveDatabase(s.app, ring, s.log, s.rest)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/graphql") || strings.HasPrefix(r.URL.Path, "/graphiql") {
			s.graphql.ServeHTTP(w, r)
			return
		}
		database.ServeHTTP(w, r)
	})
}

// openGateway makes the gateway: over our own faces, or in front of a
// predictive API that runs by itself.
func (s *server) openGateway(c config, ring *key.Ring) (err error) {
	o := gateway.Options{App: s.app, Keys: ring, Config: c.file, Targets: c.components, KeyWrites: c.requireKeys, Log: s.log}
	parts := component.Options{App: s.app, Config: c.file, Reports: c.benchmarkDir, Scripts: c.scriptsDir, Log: s.log}
	if c.unifiedOnly {
		at := "http://" + net.JoinHostPort(c.host, fmt.Sprint(c.predictivePort))
		if _, ok := o.Targets["predictive"]; !ok { // it is ours, and knows the same keys
			o.Targets["predictive"] = gateway.Target{Kind: gateway.KindURL, URL: at, Health: "/health", ForwardKey: true}
		}
		parts.Record = component.RecordAt(at, environment("PERFCAST_API_KEY"))
	}
	if s.components, err = component.New(parts); err != nil {
		return err
	}
	o.Builtin, o.Documents = s.components.Builtin(), s.components.Documents()
	if !c.unifiedOnly {
		o.Builtin["predictive"], o.Documents["predictive"] = s.rest, s.document
		o.Root = s.predictive(ring)
	}
	s.gateway, err = gateway.New(o)
	return err
}

// serve answers on a listener until close.
func (s *server) serve(l net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), BaseContext: func(net.Listener) context.Context { return s.alive }}
	s.http = append(s.http, srv)
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
}

// close ends everything in order: no new tasks, running ones get a moment,
// streams are closed, open requests end, and the database is closed last.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdown)
	defer cancel()
	if s.app != nil {
		half, cancel := context.WithTimeout(ctx, shutdown/2)
		s.app.Close(half)
		cancel()
	}
	if s.graphql != nil {
		s.graphql.Close()
	}
	s.end() // WebSockets and streams see it; http.Server.Shutdown does not close them
	if s.gateway != nil {
		s.gateway.Close()
	}
	if s.components != nil {
		s.components.Close()
	}
	for _, srv := range s.http {
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	}
	if s.db != nil {
		return s.db.Close()
	}
	return nil
}

// greet prints the addresses.
func (s *server) greet(c config, l listeners, out io.Writer) {
	if c.unifiedOnly && c.benchmarkDB != "" {
		fmt.Fprintln(out, "--benchmark-db is imported by the server that has the database, not with --unified-only.")
	}
	if l.predictive != nil {
		at := "http://" + l.predictive.Addr().String()
		fmt.Fprintf(out, "Predictive API   %s/api/predictive-performance  (documentation: %s/docs)\nGraphQL          %s/graphql  (explore it: %s/graphiql)\n", at, at, at, at)
	}
	if l.gateway != nil {
		fmt.Fprintf(out, "Unified gateway  http://%s\n", l.gateway.Addr())
	}
	if !c.unifiedOnly {
		fmt.Fprintf(out, "Database         %s, predictor %s\n", c.dbPath, s.app.ModelVersion())
	}
	fmt.Fprintln(out, "Ready; stop with Ctrl-C.")
}
