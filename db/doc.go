// Package db keeps perfcast's records in one DuckDB file.
//
// Every change is a Batch of self-contained records, with ids and times of
// their own, and goes through one writer goroutine: batches that arrive
// together become durable as one frame of a journal, and Write returns when its
// batch is on disk. The applier behind it puts thousands of rows at a time into
// DuckDB, and readers wait for what was acknowledged before they asked. Rows
// are appended; what changes over time (a task's state, feedback, a corrected
// device) is appended again and the newest row counts. See DESIGN.md for why.
//
// Reading: one method per noun for a row by id and for a list by Query, whose
// columns are checked against the table's own and whose values are always
// bound, never spliced. Lists of the newest rows are answered from a window in
// memory when it can prove its answer complete. Accuracy and Rows are for
// dashboards and for the keyed database routes.
//
// Column names carry their units: latency_s, memory_bytes. Times are UTC with
// microseconds. Values that come back may be shared with other readers: don't
// change what their slices, maps and pointers refer to.
package db
