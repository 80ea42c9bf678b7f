package resolvers

import (
	"context"

	"github.com/perfcast/perfcast/perf"
)

// The inputs fill the domain's structs, which are in SI units.

func (constraintsInput) MaxLatencyMs(_ context.Context, c *perf.Constraints, ms *float64) error {
	c.MaxLatency = perf.Seconds(value(ms))
	return nil
}

func (constraintsInput) MaxTtftMs(_ context.Context, c *perf.Constraints, ms *float64) error {
	c.MaxTTFT = perf.Seconds(value(ms))
	return nil
}

func (constraintsInput) MaxTpotMs(_ context.Context, c *perf.Constraints, ms *float64) error {
	c.MaxTPOT = perf.Seconds(value(ms))
	return nil
}

func (constraintsInput) MaxMemoryMb(_ context.Context, c *perf.Constraints, mb *float64) error {
	c.MaxMemory = perf.Bytes(value(mb))
	return nil
}

func (measurementInput) LatencyMs(_ context.Context, m *perf.Measurement, ms *float64) error {
	m.Latency = converted(perf.Seconds, ms)
	return nil
}

func (measurementInput) MemoryMb(_ context.Context, m *perf.Measurement, mb *float64) error {
	m.Memory = converted(perf.Bytes, mb)
	return nil
}

func (measurementInput) TtftMs(_ context.Context, m *perf.Measurement, ms *float64) error {
	m.TTFT = converted(perf.Seconds, ms)
	return nil
}

func (measurementInput) TpotMs(_ context.Context, m *perf.Measurement, ms *float64) error {
	m.TPOT = converted(perf.Seconds, ms)
	return nil
}

// converted is f of what p points to, or nil.
func converted(f func(float64) float64, p *float64) *float64 {
	if p == nil {
		return nil
	}
	v := f(*p)
	return &v
}
