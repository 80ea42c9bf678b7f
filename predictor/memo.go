package predictor

import (
	"sync"

	"github.com/perfcast/perfcast/perf"
)

// memo remembers the eager steps of workloads at the batches that others are
// interpolated between: a sweep over batches, or the same question on other
// days, needs but a few. A step follows from the artefact and the workload
// alone, so nothing makes it forget but its size. The zero memo is ready.
type memo struct {
	mu    sync.RWMutex
	steps map[perf.Workload]float64 // s; 0 where there is no answer
}

// maxMemo bounds a memo, some 600 bytes each.
const maxMemo = 8192

// step is compute of a workload, taken from memory where it can be. What does
// not bear on a step is not part of what it is remembered by.
func (m *memo) step(w perf.Workload, compute func(perf.Workload) (float64, bool)) (float64, bool) {
	key := w
	key.Asked, key.Family, key.RuntimeVersion, key.Unknown = "", "", "", perf.Unknown{}
	m.mu.RLock()
	t, known := m.steps[key]
	m.mu.RUnlock()
	if known {
		return t, t > 0
	}
	t, ok := compute(w)
	if !ok {
		t = 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.steps == nil || len(m.steps) >= maxMemo {
		m.steps = map[perf.Workload]float64{}
	}
	m.steps[key] = t
	return t, ok
}
