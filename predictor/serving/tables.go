package serving

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// KernelKind says what a row of a kernel table timed.
type KernelKind uint8

// The kinds.
const (
	ProductKernel    KernelKind = iota // M rows of K by N columns of weights
	ExpertKernel                       // a whole mixture-of-experts block
	PromptKernel                       // attention of whole prompts to themselves
	AttendKernel                       // attention of one token of each sequence to its cache
	CollectiveKernel                   // all-reduce
	numKernelKinds
)

// KernelRow is one timed kernel on one device. Which of the numbers mean
// something depends on the kind.
type KernelRow struct {
	Kind      KernelKind
	Device    *perf.Device
	Precision perf.Precision // of weights and arithmetic, or of the cache
	Seconds   float64

	M, N, K int // ProductKernel; ExpertKernel: M tokens, K hidden, N expert width

	Experts, Chosen, ExpertSplit, ExpertParallel int // ExpertKernel

	Batch, Length, Heads, KVHeads, Dim, Window int // attention: sequences, their tokens, the heads

	Group int     // CollectiveKernel: devices
	Bytes float64 // CollectiveKernel: what each device holds
}

// Seconds is the time that the constants give to a kernel; 0 where the facts of
// the device do not suffice.
func (k *Constants) Seconds(r *KernelRow) float64 {
	w := perf.Workload{Config: perf.Config{Precision: r.Precision}, Hardware: r.Device}
	d, err := machineOf(&w, &shape{})
	if err != nil {
		return 0
	}
	p := plan{k: k, machine: d, tensor: 1, replicas: 1, stages: 1, expertP: 1}
	switch r.Kind {
	case ProductKernel:
		m, n, c := float64(r.M), float64(r.N), float64(r.K)
		return k.Products[d.class].kernel(1, 2*m*n*c, d.peak, n*c*d.weight+2*m*(n+c), d.bandwidth).sum()
	case ExpertKernel:
		p.shape = shape{hidden: float64(r.K), experts: float64(r.Experts), chosen: float64(r.Chosen), expert: 3 * float64(r.K) * float64(r.N)}
		p.tensor, p.expertP = float64(max(1, r.ExpertSplit)*max(1, r.ExpertParallel)), float64(max(1, r.ExpertParallel))
		return p.expertProducts(float64(r.M)).sum()
	case PromptKernel, AttendKernel:
		p.shape = shape{layers: 1, cacheLayers: 1, heads: float64(r.Heads), kvHeads: float64(r.KVHeads), dim: float64(r.Dim), cache: 2 * float64(r.KVHeads) * float64(r.Dim)}
		if r.Window > 0 {
			p.window, p.windowLayers = float64(r.Window), 1
		}
		p.cacheWidth = 2
		if r.Precision == perf.FP8 {
			p.cacheWidth = 1
		}
		s := pass{decode: float64(r.Batch), context: float64(r.Length)}
		if r.Kind == PromptKernel {
			s = pass{prompt: float64(r.Batch * r.Length), length: float64(r.Length)}
		}
		return p.attention(s).sum()
	case CollectiveKernel:
		return k.collective(float64(r.Group), r.Bytes, d.link).sum()
	}
	return 0
}

// fitTables fits the kernel constants, each group of them to the rows that
// depend on it alone. Every device has the same say, whatever its rows.
func fitTables(k Constants, rows []KernelRow) Constants {
	type task struct {
		kind  KernelKind
		class int // -1 = any
		of    func(*Constants) []*float64
	}
	var tasks []task
	for c := range int(numClasses) {
		tasks = append(tasks,
			task{ProductKernel, c, func(k *Constants) []*float64 { return k.Products[c].fields() }},
			task{ExpertKernel, c, func(k *Constants) []*float64 { return k.Experts[c].fields() }})
	}
	tasks = append(tasks,
		task{PromptKernel, -1, func(k *Constants) []*float64 { return k.Prompt.fields() }},
		task{AttendKernel, -1, func(k *Constants) []*float64 { return k.Attend.fields() }},
		task{CollectiveKernel, -1, func(k *Constants) []*float64 { return []*float64{&k.Hop, &k.Link} }})
	for _, t := range tasks {
		var mine []KernelRow
		per := map[string]float64{}
		for _, r := range rows {
			if r.Kind == t.kind && (t.class < 0 || classOf(&r) == Class(t.class)) && r.Seconds > 0 && k.Seconds(&r) > 0 {
				mine = append(mine, r)
				per[r.Device.Name]++
			}
		}
		if len(mine) < 20 {
			continue
		}
		weights := make([]float64, len(mine))
		for i, r := range mine {
			weights[i] = 1 / per[r.Device.Name]
		}
		k = minimise(k, t.of, 400, func(c *Constants) float64 {
			sum, total := 0.0, 0.0
			for i := range mine {
				sum += weights[i] * math.Min(1, math.Abs(math.Log(mine[i].Seconds/c.Seconds(&mine[i]))))
				total += weights[i]
			}
			return sum / total
		})
	}
	return k
}

func classOf(r *KernelRow) Class {
	d := machine{}
	d.class, _, _ = form(r.Precision, r.Device, first(r.Device.FP16, r.Device.BF16, r.Device.FP32))
	return d.class
}

func (e *Efficiency) fields() []*float64 { return []*float64{&e.Compute, &e.Bandwidth, &e.Launch} }
