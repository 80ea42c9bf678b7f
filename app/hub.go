package app

import (
	"context"
	"sync"

	"github.com/perfcast/perfcast/perf"
)

// backlog is how many values a slow subscriber may be behind before it loses
// the oldest.
const backlog = 256

// hub hands every value published to all subscribers. The zero hub is ready.
type hub[T any] struct {
	mu     sync.Mutex
	closed bool
	subs   map[chan T]struct{}
}

// subscribe is a channel of all values published from now on; it is closed
// when ctx is done or the hub closes.
func (h *hub[T]) subscribe(ctx context.Context) <-chan T {
	ch := make(chan T, backlog)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(ch)
		return ch
	}
	if h.subs == nil {
		h.subs = map[chan T]struct{}{}
	}
	h.subs[ch] = struct{}{}
	context.AfterFunc(ctx, func() { h.drop(ch) })
	return ch
}

func (h *hub[T]) drop(ch chan T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.subs[ch]; ok {
		delete(h.subs, ch)
		close(ch)
	}
}

func (h *hub[T]) publish(v T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.subs {
		for sent := false; !sent; {
			select {
			case ch <- v:
				sent = true
			default: // full: lose the oldest, unless the reader just took it
				select {
				case <-ch:
				default:
				}
			}
		}
	}
}

func (h *hub[T]) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for ch := range h.subs {
		close(ch)
	}
	h.subs = nil
}

// WatchMeasurements streams measurements as they are recorded. A slow reader
// loses the oldest.
func (a *App) WatchMeasurements(ctx context.Context) <-chan perf.Measurement {
	return a.measurements.subscribe(ctx)
}

// WatchPredictions streams predictions as they are stored. A slow reader loses
// the oldest.
func (a *App) WatchPredictions(ctx context.Context) <-chan perf.Prediction {
	return a.predictions.subscribe(ctx)
}
