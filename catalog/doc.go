// Package catalog holds the facts of devices and models and resolves their
// names.
//
// The embedded facts are two CSV files, devices.csv and models.csv, one row per
// device and platform and one per model and input size, each with its source.
// Their column names carry units; they become SI in perf.Device and perf.Model
// when loaded. Users' own devices and models are laid over them with WithDevice
// and WithModel; a Catalog is never changed, so look-ups need no locks.
//
// A name resolves exactly, by an alias, or not at all: names that are merely
// near are suggested in the error and never used.
package catalog
