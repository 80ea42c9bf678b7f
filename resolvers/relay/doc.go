// Package relay holds the Go types behind the parts of the GraphQL schema that
// are no nouns of the domain: connections after the Relay specification, global
// ids, inputs that one struct of perf cannot hold, and scalars.
//
// It is a package of its own because the generated code imports it and is
// itself imported by resolvers.
package relay
