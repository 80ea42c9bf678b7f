package serving

import "math"

// Efficiency is what a class of kernels reaches of a device's peaks.
type Efficiency struct {
	Compute   float64 // share of the peak FLOP/s, large shapes
	Bandwidth float64 // share of the peak B/s
	Launch    float64 // s one kernel takes before it moves anything
}

// Constants are the physical constants of serving. They are fitted to kernel
// tables (Products, Experts, Attend, Prompt, Hop, Link) and to serving measurements (the
// rest) and hold for all devices.
type Constants struct {
	Products [numClasses]Efficiency // matrix products
	Experts  [numClasses]Efficiency // a mixture's experts, all of a layer in one go
	Attend   Efficiency             // attention of new tokens to a cache, one each
	Prompt   Efficiency             // attention of a prompt to itself

	Hop  float64 // s a collective takes for each doubling of its group
	Link float64 // share of a link's bandwidth that collectives reach

	Traffic float64 // passes over a layer's activations by what is not a product
	Mixture float64 // s more a layer takes in passes with prompts when it is a mixture
	Utilise float64 // share of a device's memory an engine takes

	Engines [numEngines]Engine
}

// Engine is what a kind of runtime adds to the kernels.
type Engine struct {
	Layer    float64 // s a layer takes beyond its products: norms, rotations, activations
	Eager    float64 // s more it takes in passes with prompts, which are launched kernel by kernel
	Step     float64 // s a forward pass takes beyond its layers: scheduling, sampling
	Sequence float64 // s of that for each sequence in it
	Arrive   float64 // s every request takes beyond its prefill: HTTP, tokeniser, first schedule
	Decoding float64 // share of the others' prompts that a request waits for while it decodes
	Queueing float64 // share of them that it waits for before its first token
}

func (e *Engine) fields() []*float64 {
	return []*float64{&e.Layer, &e.Eager, &e.Step, &e.Sequence, &e.Arrive, &e.Decoding, &e.Queueing}
}

// defaults are the constants before any fitting: round figures from the
// kernel tables of data-centre GPUs.
func defaults() Constants {
	k := Constants{
		Products: [numClasses]Efficiency{
			Half:       {0.80, 0.80, 3.6e-6},
			Eight:      {0.55, 0.83, 10e-6},
			Four:       {0.46, 0.66, 9e-6},
			WeightOnly: {0.80, 0.75, 12e-6},
		},
		Experts: [numClasses]Efficiency{
			Half:       {0.6, 0.7, 10e-6},
			Eight:      {0.4, 0.7, 10e-6},
			Four:       {0.4, 0.6, 10e-6},
			WeightOnly: {0.6, 0.6, 12e-6},
		},
		Attend: Efficiency{0.5, 0.7, 8e-6},
		Prompt: Efficiency{0.5, 0.7, 10e-6},
		Hop:    3e-6, Link: 0.7,
		Traffic: 12, Mixture: 50e-6, Utilise: 1,
	}
	for e := range k.Engines {
		k.Engines[e] = Engine{Layer: 8e-6, Eager: 50e-6, Step: 0.7e-3, Sequence: 8e-6, Arrive: 30e-3, Decoding: 0.85, Queueing: 0.08}
	}
	return k
}

// part is the time of one or more kernels by what it is spent on, in seconds.
type part struct{ compute, memory, link, overhead float64 }

func (p part) sum() float64 { return p.compute + p.memory + p.link + p.overhead }

func (p *part) add(q part) {
	p.compute += q.compute
	p.memory += q.memory
	p.link += q.link
	p.overhead += q.overhead
}

func (p part) times(k float64) part {
	return part{p.compute * k, p.memory * k, p.link * k, p.overhead * k}
}

// kernel is the time of n launches that together do flops and move bytes. The
// two overlap but not wholly: they add as the sides of a right triangle.
func (e *Efficiency) kernel(n, flops, peak, bytes, bandwidth float64) part {
	c, m := flops/(peak*e.Compute), bytes/(bandwidth*e.Bandwidth)
	p := part{overhead: n * e.Launch}
	if c+m > 0 {
		t := math.Hypot(c, m)
		p.compute, p.memory = t*c*c/(c*c+m*m), t*m*m/(c*c+m*m)
	}
	return p
}

// settling is the size in bytes at which a collective is half way from its
// protocol for short messages to that for long ones, which takes three times
// as long to start.
const settling = 1 << 20

// collective is the time for a group of n devices to add up (or exchange) what
// each holds bytes of.
func (k *Constants) collective(n, bytes, link float64) part {
	if n <= 1 {
		return part{}
	}
	start := k.Hop * (1 + math.Log2(n)) * (1 + 2*bytes/(bytes+settling))
	return part{link: start + 2*(n-1)/n*bytes/(link*k.Link)}
}
