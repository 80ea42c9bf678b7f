package db

import "github.com/google/uuid"

// NewID is a new unique id: the prefix ("pred", "meas", "rec", "model"), "-",
// and a UUIDv7, so that ids sort by the time they were made. It panics only if
// the system has no randomness.
func NewID(prefix string) string {
	return prefix + "-" + uuid.Must(uuid.NewV7()).String()
}
