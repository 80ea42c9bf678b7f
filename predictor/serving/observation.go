package serving

import "github.com/perfcast/perfcast/perf"

// Row is one measured quantity of one workload.
type Row struct {
	Workload perf.Workload
	Quantity Quantity
	Value    float64 // in SI units
	Weight   float64 // 0 = 1
	Curve    string  // rows of one curve differ in concurrency (or batch) alone; what is held out together
}

// Layout is how a table of measurements says a server was parallelised, in the
// terms of NVIDIA's aiconfigurator.
type Layout struct {
	Devices      int // as written; some tables write the product of the ways instead
	Tensor       int // ways attention is split
	Pipeline     int
	ExpertTensor int // ways one expert is split
	Expert       int // ways the experts are dealt out
	Attention    int // ways requests are dealt out to copies of the attention layers
}

// Apply writes the layout as a configuration. A server of n devices whose
// attention is split n ways and whose experts are dealt out n ways is written
// as n x n devices in those tables ("tp8_ep8" as 64): the experts lie on the
// same devices as the attention, so that such squares are taken back to n.
func (l Layout) Apply(c *perf.Config) {
	n := l.Devices
	ep := max(1, l.Expert)
	for _, k := range []int{2, 4, 8} {
		if n == k*k && (l.ExpertTensor == k && ep == k || l.Tensor == k && l.Attention == k && ep == n) {
			n, ep = k, k
		}
	}
	tensor := max(1, l.Tensor)
	switch {
	case l.Attention > 1:
		tensor = max(1, n/l.Attention)
	case n > 0:
		tensor = min(tensor, n)
	}
	if n <= 0 {
		n = tensor * max(1, l.Pipeline) * max(1, l.Attention)
	}
	if ep > n {
		ep = n
	}
	c.Devices, c.TensorParallel, c.PipelineParallel, c.ExpertParallel = n, tensor, max(1, l.Pipeline), ep
}
