//go:build !unix

package key

import (
	"errors"
	"io/fs"
	"os"
	"time"
)

// lock takes the lock file by being the one that makes it, waiting up to ten
// seconds for another editor to take it away.
func lock(path string) (unlock func(), err error) {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err == nil {
			return func() { _ = f.Close(); _ = os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) || time.Now().After(deadline) {
			return nil, err
		}
	}
}
