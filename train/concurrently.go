package train

import "runtime"

// concurrently does n things on all cores, whose order does not matter, and
// tells progress, which may be nil, as each is done.
func concurrently(n int, do func(i int), progress func(done, total int)) {
	next, finished := make(chan int), make(chan struct{})
	go func() {
		for i := range n {
			next <- i
		}
		close(next)
	}()
	for range min(n, runtime.GOMAXPROCS(0)) {
		go func() {
			for i := range next {
				do(i)
				finished <- struct{}{}
			}
		}()
	}
	for i := range n {
		<-finished
		if progress != nil {
			progress(i+1, n)
		}
	}
}
