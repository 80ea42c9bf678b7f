package resolvers

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/rs/cors"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/graph"
)

// Options are what a Handler may be told. The zero value serves everybody.
type Options struct {
	// Authorize says whether the holder of an API key may run a mutation, or
	// else a subscription. The key is the header X-API-Key; over a WebSocket the
	// member "X-API-Key" or "apiKey" of the connection_init payload comes first.
	// It is empty when there is none. Queries are not asked about. Nil allows all.
	Authorize func(ctx context.Context, key string, mutation bool) error
	// Origins are host patterns (see path.Match) of web pages that may use the
	// API, besides the server's own. Others are kept out by their browsers, and
	// from WebSockets, which browsers leave unguarded, by us.
	Origins []string
	// Assets holds GraphiQL's files: graphiql.min.js, graphiql.min.css,
	// react.production.min.js and react-dom.production.min.js. Without them
	// /graphiql is a plain form.
	Assets fs.FS
	// Log gets errors that clients don't see. Nil is slog.Default.
	Log *slog.Logger
	// InitTimeout is how long a WebSocket may take to send connection_init;
	// 0 = 10 s.
	InitTimeout time.Duration
}

// Handler serves GraphQL on /graphql, by GET, POST, server-sent events and
// WebSockets, and GraphiQL on /graphiql. Close it before the server is shut
// down: http.Server.Shutdown waits for streams and forgets WebSockets.
type Handler struct {
	opts   Options
	exec   *executor.Executor
	serve  http.Handler
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	mu     sync.Mutex     // orders streams that begin with Close
	open   sync.WaitGroup // streams and WebSockets
}

// New is the GraphQL face of a.
func New(a *app.App, o Options) *Handler { return newHandler(&resolver{a}, o) }

func newHandler(root graph.ResolverRoot, o Options) *Handler {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.InitTimeout == 0 {
		o.InitTimeout = 10 * time.Second
	}
	h := &Handler{opts: o}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.exec = executor.New(graph.NewExecutableSchema(graph.Config{Schema: schema, Resolvers: root, Complexity: costs()}))
	h.exec.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	h.exec.SetParserTokenLimit(maxTokens)
	h.exec.SetErrorPresenter(h.present)
	h.exec.SetRecoverFunc(h.recovered)
	h.exec.Use(extension.Introspection{})
	h.exec.Use(extension.AutomaticPersistedQuery{Cache: lru.New[string](1000)})
	h.exec.Use(limits{})
	h.exec.Use(extension.FixedComplexityLimit(maxComplexity))
	h.exec.Use(gate{o.Authorize})
	mux := http.NewServeMux()
	mux.HandleFunc("/graphql", h.serveGraphQL)
	mux.Handle("/graphiql", graphiql(o.Assets))
	mux.Handle("/graphiql/", graphiql(o.Assets))
	h.serve = cors.New(cors.Options{
		AllowOriginFunc: h.welcome,
		AllowedMethods:  []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:  []string{"*"},
		MaxAge:          600,
	}).Handler(mux)
	return h
}

// welcome reports whether pages of an origin may use the API.
func (h *Handler) welcome(origin string) bool {
	u, err := url.Parse(strings.ToLower(origin))
	return err == nil && slices.ContainsFunc(h.opts.Origins, func(pattern string) bool {
		ok, err := path.Match(strings.ToLower(pattern), u.Host)
		return ok && err == nil
	})
}

// ServeHTTP serves /graphql and /graphiql.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve.ServeHTTP(w, r) }

// Close ends all subscriptions, WebSockets with code 1001, and waits for them.
func (h *Handler) Close() {
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	h.open.Wait()
}

// streaming is a request's context that also ends with the handler; done must
// be called at the stream's end.
func (h *Handler) streaming(r *http.Request) (ctx context.Context, done func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open.Add(1)
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(h.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		h.open.Done()
	}
}

// request is what an operation needs to know of the request that carries it.
type request struct {
	key    string // API key; empty = none
	stream bool   // the transport can carry more than one response
}

type requestKey struct{}

func withRequest(ctx context.Context, r request) context.Context {
	return context.WithValue(graphql.StartOperationTrace(ctx), requestKey{}, r)
}

func requestOf(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(request)
	return r
}

const keyHeader = "X-API-Key"
