package key

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// DefaultPath is where the keys of a database live: beside it.
func DefaultPath(dbPath string) string { return dbPath + ".keys" }

// Load reads a key file. A file that does not exist holds no keys.
func Load(path string) ([]Key, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(path, b)
}

// parse reads one JSON object a line. It refuses the whole file for one bad
// line: a key that was meant to be there, or gone, must not be so by accident.
func parse(path string, b []byte) ([]Key, error) {
	var keys []Key
	sc := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; sc.Scan(); n++ {
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		var k Key
		if err := json.Unmarshal(line, &k); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if _, err := ParseScope(string(k.Scope)); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		if h, err := hex.DecodeString(k.Hash); err != nil || len(h) != 32 {
			return nil, fmt.Errorf("%s:%d: hash is not the hexadecimal SHA-256 of a key", path, n)
		}
		keys = append(keys, k)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// Create adds a key to the file and returns its text, which is kept nowhere.
// A zero expires means never. The name must be new.
func Create(path, name string, scope Scope, now, expires time.Time) (string, error) {
	if err := validName(name); err != nil {
		return "", err
	}
	if scope.level() == 0 {
		return "", fmt.Errorf("scope %q is not known: use read, write or admin", scope)
	}
	k := Key{Name: name, Scope: scope, Created: now.UTC().Truncate(time.Second)}
	if !expires.IsZero() {
		if !expires.After(now) {
			return "", fmt.Errorf("the key would have expired before it was made, at %s", expires.Format(time.RFC3339))
		}
		e := expires.UTC().Truncate(time.Second)
		k.Expires = &e
	}
	secret := Generate()
	k.Hash = hash(secret)
	err := edit(path, func(keys []Key) ([]Key, error) {
		for _, x := range keys {
			if x.Name == name {
				return nil, fmt.Errorf("there is a key named %q already: revoke it first, or take another name", name)
			}
		}
		return append(keys, k), nil
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Revoke takes the key of that name out of the file.
func Revoke(path, name string) error {
	return edit(path, func(keys []Key) ([]Key, error) {
		for i, k := range keys {
			if k.Name == name {
				return append(keys[:i], keys[i+1:]...), nil
			}
		}
		return nil, fmt.Errorf("there is no key named %q in %s", name, path)
	})
}

// edit changes the file under a lock, so that two editors don't lose each
// other's keys, and replaces it whole, so that a reader never sees half of it.
func edit(path string, change func([]Key) ([]Key, error)) error {
	unlock, err := lock(path + ".lock")
	if err != nil {
		return fmt.Errorf("cannot lock %s: %w", path, err)
	}
	defer unlock()
	keys, err := Load(path)
	if err != nil {
		return err
	}
	if keys, err = change(keys); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, k := range keys {
		line, err := json.Marshal(k)
		if err != nil {
			return err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return replace(path, b.Bytes())
}

// replace writes the file beside itself and renames it into place. CreateTemp
// makes files that only their owner can read or write (0600).
func replace(path string, b []byte) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
