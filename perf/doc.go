// Package perf is perfcast's domain: devices, models, configurations,
// predictions, measurements, recommendations, tasks and errors.
//
// It is a leaf: it imports nothing of ours and does no I/O. There is one
// struct per noun; GraphQL binds to these structs, DuckDB rows are scanned into
// them, and REST renders thin views of them.
//
// All quantities are in SI base units: seconds, bytes, FLOP, FLOP/s, B/s, Hz,
// W. A method whose name ends in a unit people think in (LatencyMs, MemoryMB)
// converts at the face. A zero number means "not known" for a fact of a device
// or model and "use the default" for a field of a Config.
package perf
