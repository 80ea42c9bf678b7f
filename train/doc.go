// Package train reads files of public measurements, splits them without leaks,
// fits the predictor's artefact on them, and judges it on what it has not seen.
//
// A row goes through one typed observation operator (Observe): it says which
// workload was run and which latent times, or memory, the row's numbers are
// views of (tokens counted, percentile, per device or per system). Only what a
// request could carry becomes part of the workload; where a number comes from
// is used to group, split and weigh rows, never to predict.
package train
