package train

import (
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
