// Package document renders domain values as the bodies of the documented REST
// API: one explicit struct per body, its keys in the documented order.
//
// The documented keys come first and never change their type; keys that we add
// follow them. Times are milliseconds, memory is MB (10^6 bytes), throughput is
// samples (requests) per second. Timestamps are naive local ISO 8601 with
// microseconds, as the clients of this API expect.
//
// The `doc` tag of a field is its description in the OpenAPI document.
package document
