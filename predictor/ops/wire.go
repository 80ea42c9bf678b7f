package ops

import "github.com/perfcast/perfcast/perf"

// ring is what each of n devices sends for a sum of some bytes over all of
// them: 2 (n-1)/n of the data, the least there can be (Patarasuk and Yuan 2009).
func ring(n int, bytes float64) float64 {
	return 2 * float64(n-1) / float64(n) * bytes
}

// Exchange is what copies of a model on several devices send each other in a
// step; its Wire is 0 where they send nothing. Copies that learn add up their
// gradients, in fp32. Where one process runs all of them (replicates, as
// PyTorch's nn.DataParallel does) it hands out the parameters anew for each
// step; other runtimes serve from each device by itself.
func Exchange(w perf.Workload, training, replicates bool) Op {
	share := max(1, w.TensorParallel*w.PipelineParallel) // devices that hold one copy
	copies := w.Devices / share
	params := Dense(w.Facts) / float64(share)
	op := Op{Class: AllReduce, Name: "exchange", B: copies, M: 1, N: int(params), Count: 1, Launches: 1}
	switch {
	case copies <= 1:
	case training:
		op.Wire = ring(copies, 4*params)
	case replicates:
		op.Wire = float64(copies-1) * params * Widths(w.Precision).Weight
	}
	return op
}
