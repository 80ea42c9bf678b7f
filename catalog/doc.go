// Package catalog holds the facts of devices and models and resolves their
// names.
//
// The embedded facts are two CSV files, devices.csv and models.csv, one row per
// device and platform and one per model and input size, each with its source.
// Their column names carry units; they become SI in perf.Device and perf.Model
// when loaded. They are kept right by tests rather than by trust: every
// device's peaks are within cores x clock x the widest known unit, every
// language model's parameters follow from its dimensions, and every name of
// the public measurements resolves.
//
// makeup.csv says which kernels an image network runs. makeup.py counts them
// from the networks' definitions.
//
// Users' own devices and models are laid over them with WithDevice and
// WithModel; a Catalog is never changed, so look-ups take no locks.
//
// A name resolves exactly, by an alias, or not at all: names that are merely
// near are suggested in the error and never used.
//
// Nothing here does I/O but Detect, which reads /proc and /sys and asks the
// vendors' tools what this host has.
package catalog
