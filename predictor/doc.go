// Package predictor answers how long one step of a workload takes, how much
// memory it needs, and how sure that is.
//
// It is pure: no I/O, no clock, no database, no global state but what was
// embedded at build time. A workload is turned into operations
// (predictor/ops); each gets a physical bound from the device's datasheet; the
// sum with the runtime's overhead is corrected by what was learned from
// measurements (the artefact), and then by the operator's own measurements
// (Learn). The three stages are told apart in perf.Prediction's Basis.
//
// All quantities are in SI units.
package predictor
