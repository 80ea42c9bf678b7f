// Package key is perfcast's API keys: who may read, write and administer the
// database routes.
//
// A key is 256 random bits, shown once when it is made. Only its SHA-256 hash
// is kept, one JSON line per key, in a file beside the database. A plain hash
// is enough: 256 random bits cannot be guessed, so there is nothing for a slow
// hash to slow down. A Ring holds the keys of one file, sees every change of
// it at the next check (a revoked key is refused without a restart), and is
// the HTTP door that the gateway puts before its keyed routes.
package key

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Scope is what a key may do. Each scope includes the ones before it.
type Scope string

// The scopes.
const (
	Read  Scope = "read"  // GET, and searches
	Write Scope = "write" // also POST, PUT and DELETE
	Admin Scope = "admin" // also start and stop components
)

// Scopes lists the scopes, weakest first.
var Scopes = []Scope{Read, Write, Admin}

func (s Scope) level() int {
	for i, x := range Scopes {
		if s == x {
			return i + 1
		}
	}
	return 0
}

// Covers reports whether a key with this scope may do what need asks for.
func (s Scope) Covers(need Scope) bool { return s.level() > 0 && s.level() >= need.level() }

// ParseScope reads a scope's name.
func ParseScope(name string) (Scope, error) {
	s := Scope(strings.ToLower(strings.TrimSpace(name)))
	if s.level() == 0 {
		return "", fmt.Errorf("scope %q is not known: use read, write or admin", name)
	}
	return s, nil
}

// Key is what is kept of a key: everything but the key itself.
type Key struct {
	Name    string     `json:"name"`
	Hash    string     `json:"hash"` // SHA-256 of the key's text, hexadecimal
	Scope   Scope      `json:"scope"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"` // nil = never
}

// Expired reports whether the key's time is over.
func (k Key) Expired(now time.Time) bool { return k.Expires != nil && !now.Before(*k.Expires) }

// prefix makes a key recognisable in a log or a leaked file.
const prefix = "perfcast_"

// Generate makes the text of a new key: 256 bits of the system's randomness.
func Generate() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

func hash(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}

// validName reports what is wrong with a key's name, if anything.
func validName(name string) error {
	if name == "" || len(name) > 100 {
		return fmt.Errorf("a key needs a name of 1 to 100 characters")
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f {
			return fmt.Errorf("a key's name cannot hold control characters")
		}
	}
	return nil
}
