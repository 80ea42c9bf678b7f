// Package rest is the documented REST and WebSocket face: a table of routes
// (routes.go), each a request type, a response type and one call of a verb.
//
// The table and the types' tags say everything once; package openapi makes the
// dispatch, the validation, the 422 bodies and the OpenAPI document from them.
package rest
