package boost

import "math"

// Gradients and weights are summed in fixed point, both in one word: the
// gradient in the upper half, the weight, which is not negative, in the lower.
// One addition then adds both, sums do not depend on the order they are taken in,
// and a node's histogram less a child's is exactly the other child's.

// steps is what the absolute values of all rows of a fit sum to, about.
const steps = 1 << 30

func pack(g float64, w int64) int64 { return int64(math.RoundToEven(g))<<32 + w }

// sum is what a packed sum stands for.
func (t *grower) sum(packed int64) sum {
	return sum{float64(packed>>32) * t.unit.g, float64(packed&math.MaxUint32) * t.unit.w}
}

// histogram is room for the sums of every bin of every column, one column after the
// other. What lies behind the last is never counted into: it lets every column be
// seen as one of 256 bins, which needs no bounds checks.
func (t *grower) histogram() []int64 {
	if n := len(t.free); n > 0 {
		h := t.free[n-1]
		t.free = t.free[:n-1]
		return h
	}
	return make([]int64, t.start[len(t.columns)]+256)
}

func (t *grower) release(b *branch) {
	if b.hist != nil {
		t.free = append(t.free, b.hist)
		b.hist = nil
	}
}

// count counts rows into h and returns their sum.
func (t *grower) count(h []int64, rows []int32) (total int64) {
	counted := t.counted[:len(rows)]
	for i, r := range rows {
		counted[i] = t.sums[r]
		total += counted[i]
	}
	clear(h)
	const together = 4
	t.each((len(t.columns)+together-1)/together, len(rows)*len(t.columns), func(i int) {
		c := i * together
		if c+together > len(t.columns) {
			for ; c < len(t.columns); c++ {
				count1(t.of(h, c), t.bins[t.columns[c]], rows, counted)
			}
			return
		}
		count4([4]*[256]int64{t.of(h, c), t.of(h, c+1), t.of(h, c+2), t.of(h, c+3)},
			[4][]uint8{t.bins[t.columns[c]], t.bins[t.columns[c+1]], t.bins[t.columns[c+2]], t.bins[t.columns[c+3]]}, rows, counted)
	})
	return total
}

// of is a column's part of a histogram.
func (t *grower) of(h []int64, column int) *[256]int64 {
	return (*[256]int64)(h[t.start[column]:])
}

func count1(h *[256]int64, bins []uint8, rows []int32, sums []int64) {
	for i, r := range rows {
		h[bins[r]] += sums[i]
	}
}

// count4 counts four columns at a time: additions to one bin wait for each other,
// those to different columns do not.
func count4(h [4]*[256]int64, bins [4][]uint8, rows []int32, sums []int64) {
	h0, h1, h2, h3 := h[0], h[1], h[2], h[3]
	b0, b1, b2, b3 := bins[0], bins[1], bins[2], bins[3]
	sums = sums[:len(rows)]
	for i, r := range rows {
		x := sums[i]
		h0[b0[r]] += x
		h1[b1[r]] += x
		h2[b2[r]] += x
		h3[b3[r]] += x
	}
}

// each calls do(0) to do(n-1), on several goroutines if there is work for them.
func (t *grower) each(n, work int, do func(i int)) {
	threads := t.o.Threads
	if work < 20_000 {
		threads = 1
	}
	parallel(n, threads, do)
}
