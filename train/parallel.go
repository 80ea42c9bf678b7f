package train

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

func cores() int { return runtime.GOMAXPROCS(0) }

// sideBySide calls do(0) to do(n-1), each once, in that order on as many
// goroutines as there are cores. What do writes must not depend on which come
// before.
func sideBySide(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, cores()) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// fitAll does the fits side by side, and reports how many are done. Its error
// joins all of theirs.
func fitAll(fits []func() error, progress func(stage string, done, total int)) error {
	failed := make([]error, len(fits))
	var mu sync.Mutex
	done := 0
	sideBySide(len(fits), func(i int) {
		failed[i] = fits[i]()
		mu.Lock()
		defer mu.Unlock()
		if done++; progress != nil {
			progress("fits", done, len(fits))
		}
	})
	return errors.Join(failed...)
}
