package key

import (
	"crypto/subtle"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Why a key is refused.
var (
	ErrMissing    = errors.New("no key was given")
	ErrUnknown    = errors.New("the key is not known, or no longer")
	ErrScope      = errors.New("the key's scope does not allow this")
	ErrUnreadable = errors.New("the key file cannot be read")
)

// Ring is the set of keys that open a server: those of a file, and those added
// for this run only. It is safe for concurrent use.
type Ring struct {
	path string // "" = no file
	now  func() time.Time
	log  *slog.Logger

	mu    sync.Mutex
	seen  os.FileInfo // of the file as it was last read; nil = not there
	keys  []Key       // from the file
	bad   error       // why the file could not be read
	extra []Key       // from the environment, or one-time

	guesses guesses
}

// Open makes a ring over a key file, which need not exist yet. An empty path
// means no file. A file that is there but cannot be read is an error.
func Open(path string, log *slog.Logger) (*Ring, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Ring{path: path, now: time.Now, log: log}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reread()
	return r, r.bad
}

// Add lets a further key in for this run: one from the environment, say.
func (r *Ring) Add(name, secret string, scope Scope) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.extra = append(r.extra, Key{Name: name, Hash: hash(secret), Scope: scope, Created: r.now()})
}

// OneTime makes a key with every right that lasts as long as this run.
func (r *Ring) OneTime() string {
	secret := Generate()
	r.Add("one-time", secret, Admin)
	return secret
}

// Empty reports whether no key would open the ring.
func (r *Ring) Empty() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reread()
	for _, k := range append(r.keys[:len(r.keys):len(r.keys)], r.extra...) {
		if !k.Expired(r.now()) {
			return false
		}
	}
	return true
}

// Check finds the key with this text and the right that is needed. The error
// is one of ErrMissing, ErrUnknown, ErrScope (with the key) and ErrUnreadable.
func (r *Ring) Check(secret string, need Scope) (Key, error) {
	if secret == "" {
		return Key{}, ErrMissing
	}
	h := []byte(hash(secret))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reread()
	// Every hash is compared, and each in constant time: how long this takes
	// says nothing about which key matched, or how nearly.
	var found *Key
	for _, list := range [][]Key{r.keys, r.extra} {
		for i := range list {
			if subtle.ConstantTimeCompare(h, []byte(list[i].Hash)) == 1 {
				found = &list[i]
			}
		}
	}
	switch {
	case found == nil && r.bad != nil:
		return Key{}, ErrUnreadable
	case found == nil || found.Expired(r.now()):
		return Key{}, ErrUnknown
	case !found.Scope.Covers(need):
		return *found, ErrScope
	}
	return *found, nil
}

// reread looks whether the file is another than the one that was read (its
// identity, size or time), and if so reads it. A file that cannot be read lets
// none of its keys in. The caller holds mu.
func (r *Ring) reread() {
	if r.path == "" {
		return
	}
	info, err := os.Stat(r.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		r.seen, r.keys, r.bad = nil, nil, nil
		return
	case err != nil:
		r.fail(err)
		return
	case r.seen != nil && os.SameFile(info, r.seen) && info.Size() == r.seen.Size() && info.ModTime().Equal(r.seen.ModTime()):
		return
	}
	keys, err := Load(r.path)
	r.seen = info
	if err != nil {
		r.fail(err)
		return
	}
	r.keys, r.bad = keys, nil
	if info.Mode().Perm()&0o077 != 0 {
		r.log.Warn("others can read the key file", "file", r.path, "mode", info.Mode().Perm().String())
	}
}

func (r *Ring) fail(err error) {
	if r.bad == nil || r.bad.Error() != err.Error() {
		r.log.Error("the key file cannot be read; its keys are refused", "error", err)
	}
	r.keys, r.bad = nil, err
}
