// Package resolvers is perfcast's GraphQL face: the schema's resolvers, each of
// one to three statements around one verb of app, and the transports around
// them.
//
// The transports are our own. gqlgen executes operations well, but its HTTP and
// WebSocket transports leave the GraphQL-over-HTTP and graphql-transport-ws
// specifications in ways that clients notice (request errors with a data entry,
// bodies echoed, subscriptions cut after one event, close codes that make
// clients hang); serving the protocols directly takes less code than mending
// each of those from outside, and every status and close code can be read in
// one place: http.go, sse.go and websocket.go.
//
// What a client may cost is bounded in limits.go, what it gets to see of an
// error is decided in errors.go.
package resolvers

//go:generate sh -c "cd .. && go tool gqlgen generate"
