package resolvers

import (
	"context"

	"github.com/perfcast/perfcast/app"
	"github.com/perfcast/perfcast/perf"
)

// The inputs fill the domain's structs, which are in SI units. A field that is
// null is one that was left out: where that is not the zero value, it is
// app.DefaultConfig's.

func (predictInput) Precision(_ context.Context, c *perf.Config, p *perf.Precision) error {
	c.Precision = or(p, "") // what the runtime usually computes in
	return nil
}

func (predictInput) Mode(_ context.Context, c *perf.Config, m *perf.Mode) error {
	c.Mode = or(m, app.DefaultConfig().Mode)
	return nil
}

func (predictInput) BatchSize(_ context.Context, c *perf.Config, n *int) error {
	c.BatchSize = or(n, app.DefaultConfig().BatchSize)
	return nil
}

func (predictInput) SequenceLength(_ context.Context, c *perf.Config, n *int) error {
	c.SequenceLength = or(n, app.DefaultConfig().SequenceLength)
	return nil
}

func (r measurementInput) Precision(ctx context.Context, m *perf.Measurement, p *perf.Precision) error {
	return predictInput(r).Precision(ctx, &m.Config, p)
}

func (r measurementInput) Mode(ctx context.Context, m *perf.Measurement, mode *perf.Mode) error {
	return predictInput(r).Mode(ctx, &m.Config, mode)
}

func (r measurementInput) BatchSize(ctx context.Context, m *perf.Measurement, n *int) error {
	return predictInput(r).BatchSize(ctx, &m.Config, n)
}

func (r measurementInput) SequenceLength(ctx context.Context, m *perf.Measurement, n *int) error {
	return predictInput(r).SequenceLength(ctx, &m.Config, n)
}

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

// or is what p points to, or v.
func or[T any](p *T, v T) T {
	if p != nil {
		return *p
	}
	return v
}

// converted is f of what p points to, or nil.
func converted(f func(float64) float64, p *float64) *float64 {
	if p == nil {
		return nil
	}
	v := f(*p)
	return &v
}
