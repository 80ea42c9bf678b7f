package serving

import (
	"math"

	"github.com/perfcast/perfcast/perf"
)

// plan is a workload laid out over devices: all that the time of a forward
// pass needs.
type plan struct {
	shape
	machine
	k    *Constants
	host *Engine

	tensor   float64 // ways a layer is split
	replicas float64 // groups that hold requests of their own: data parallelism
	stages   float64 // of the pipeline
	expertP  float64 // ways the experts are dealt out
	shared   bool    // the replicas share one set of experts
	apart    bool    // prompts are taken in by other devices than those that decode
}

// planOf lays a workload out. Devices that tensor and pipeline parallelism
// leave over hold replicas; those of a mixture of experts share its experts.
func planOf(w *perf.Workload, k *Constants) (plan, error) {
	var p plan
	p.refer(k, w.Runtime)
	var err error
	if p.shape, err = shapeOf(w.Facts); err != nil {
		return p, err
	}
	if p.machine, err = machineOf(w, &p.shape); err != nil {
		return p, err
	}
	devices := math.Max(1, float64(w.Devices))
	p.tensor, p.stages = math.Max(1, float64(w.TensorParallel)), math.Max(1, float64(w.PipelineParallel))
	p.replicas = math.Max(1, math.Floor(devices/(p.tensor*p.stages)))
	p.shared = p.experts > 0
	if n := int(p.tensor); n > 16 || n&(n-1) != 0 {
		// No engine splits a layer 12 or 36 ways: such servers hold requests on
		// every device and take prompts in on devices of their own.
		p.apart, p.replicas, p.tensor = true, p.tensor*p.replicas, 1
		p.expertP = p.replicas
		return p, nil
	}
	p.expertP = math.Min(math.Max(1, float64(w.ExpertParallel)), p.tensor*p.replicas)
	return p, nil
}

// refer makes the constants in force those at k, which may change later.
func (p *plan) refer(k *Constants, runtime string) {
	p.k, p.host = k, &k.Engines[engineOf(runtime)]
}

// group is how many devices one layer's experts are spread over.
func (p *plan) group() float64 {
	if p.shared {
		return p.tensor * p.replicas
	}
	return p.tensor
}

// pass describes one forward pass of one replica: sequences that each make one
// token, and prompt tokens taken in.
type pass struct {
	decode  float64 // sequences
	context float64 // tokens each of them attends to
	prompt  float64 // tokens
	length  float64 // of the prompts they belong to
}

// time is how long a forward pass takes on every replica at once.
func (p *plan) time(s pass) part {
	tokens := s.decode + s.prompt
	if tokens <= 0 {
		return part{}
	}
	t := p.denseProducts(tokens)
	t.add(p.expertProducts(tokens))
	t.add(p.attention(s))
	t.add(p.exchange(tokens))
	host := p.host.Layer
	if s.prompt > 0 {
		host += p.host.Eager + p.k.Mixture*boolean(p.experts > 0)
	}
	t.add(part{overhead: host, memory: p.k.Traffic * 2 * tokens * p.hidden / p.bandwidth})
	t = t.times(p.layers)

	rows := s.decode
	if s.prompt > 0 {
		rows += s.prompt / math.Max(1, s.length)
	}
	head := p.head / p.tensor
	t.add(p.k.Products[Half].kernel(1, 2*head*rows, p.half, 2*head, p.bandwidth))
	t.add(part{overhead: p.host.Step + p.host.Sequence*rows})
	if p.stages > 1 {
		t.add(part{link: (p.stages - 1) * (p.k.Hop + 2*tokens*p.hidden/(p.link*p.k.Link))})
	}
	return t
}

// denseProducts is one layer's products outside the experts: four launches
// (query-key-value, output, up, down).
func (p *plan) denseProducts(tokens float64) part {
	w := p.dense / p.tensor
	n := 4.0
	move := tokens * 2 * (2*math.Sqrt(w*n) + 2*p.hidden) // rows in and out
	return p.k.Products[p.class].kernel(n, 2*w*tokens, p.peak, w*p.weight+move, p.bandwidth)
}

// expertProducts is one layer's experts: only those that some token chose are
// read, and the most loaded device is waited for.
func (p *plan) expertProducts(tokens float64) part {
	if p.experts == 0 {
		return part{}
	}
	all := tokens * p.replicas
	inner := p.group() / p.expertP // devices one expert is split over
	read := math.Min(p.experts/p.expertP, p.hit(all)/p.expertP+0.5*math.Sqrt(p.hit(all)/p.expertP)*boolean(p.expertP > 1))
	load := all * p.chosen / p.expertP
	if p.expertP > 1 {
		load = math.Min(all*p.chosen, load+math.Sqrt(2*load*math.Log(p.expertP)))
	}
	w := p.expert / inner
	move := load * 2 * 2 * (p.hidden + w/p.hidden)
	return p.k.Experts[p.expertForm].kernel(2, 2*w*load, p.expertPeak, read*w*p.expertWeight+move, p.bandwidth)
}

// attention is one layer's attention. Heads are split over the tensor group;
// a latent cache belongs to all heads and is read by every device.
func (p *plan) attention(s pass) part {
	var t part
	heads := p.heads / p.tensor
	width := p.dim
	cache := p.cache / math.Min(p.tensor, p.kvHeads)
	if p.latent {
		cache = p.cache
	}
	if s.decode > 0 {
		if p.latent {
			width = p.cache
		}
		n := s.decode * p.read(s.context)
		t.add(p.k.Attend.kernel(1, 4*n*heads*width, p.half, n*cache*p.cacheWidth, p.bandwidth))
	}
	if s.prompt > 0 {
		width = p.dim
		n := s.prompt * (p.read(s.length) / 2)
		t.add(p.k.Prompt.kernel(1, 4*n*heads*width, p.half, s.prompt*(heads*p.dim*4+cache*p.cacheWidth), p.bandwidth))
	}
	return t
}

// exchange is one layer's communication: two sums over the tensor group, and
// with shared experts two exchanges between the replicas.
func (p *plan) exchange(tokens float64) part {
	bytes := 2 * tokens * p.hidden
	t := p.k.collective(p.tensor, bytes, p.link).times(2)
	if p.shared && p.replicas > 1 {
		t.add(p.k.collective(p.replicas, bytes*math.Min(p.chosen, p.expertP)/2, p.link).times(2))
	}
	return t
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// weightBytes is what one device holds of the parameters.
func (p *plan) weightBytes() float64 {
	rest := math.Max(0, p.total-p.layers*(p.dense+p.experts*p.expert))
	return p.layers/p.stages*(p.dense/p.tensor*p.weight+p.experts*p.expert/p.group()*p.expertWeight) + 2*rest/p.tensor
}

// cacheRoom is how many sequences of n tokens one replica's memory holds.
func (p *plan) cacheRoom(n float64) float64 {
	// Where the estimate leaves nothing it is the estimate that is wrong, or the
	// verdict on memory says so: time is then told for a cache of a tenth.
	free := math.Max(p.k.Utilise*p.memory-p.weightBytes(), 0.1*p.memory)
	split := math.Min(p.tensor, p.kvHeads)
	if p.latent {
		split = 1
	}
	each := p.held(n) * p.cacheWidth / split / p.stages
	return math.Max(1, free/math.Max(1, each))
}
