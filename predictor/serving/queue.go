package serving

import "math"

// load is what requests ask of a server: a closed queue in which each of
// concurrency clients sends its next request when the last is answered.
type load struct {
	concurrency float64 // requests in flight on one replica
	in, out     float64 // tokens of one request
	serving     bool    // an engine with continuous batching; false: one fixed batch at a time
}

// state is how the server answers such a load in the long run.
type state struct {
	running float64 // sequences decoding at once on one replica
	room    float64 // sequences the cache has room for
	prefill part    // one request's prompt alone (engine), the batch's prompts (fixed batch)
	decode  part    // one pass that decodes the running sequences
	stall   float64 // s one output token waits for the others' prompts
	start   float64 // s from getting a place to the first token
	each    float64 // s for each token after it
}

// budget is how many prompt tokens engines put into one pass: short prompts
// that arrive together share its overhead.
const budget = 8192

// settle finds the long-run state. While one request lives, each of the r-1
// others sends one prompt, and every pass with a prompt holds all the rest up:
// a request meets a share of those prompts before its first token and a share
// while it decodes. The shares sum to at most 1, so that r requests never take
// longer together than one after the other.
func (p *plan) settle(l load) state {
	middle := l.in + l.out/2
	s := state{room: p.cacheRoom(middle), running: l.concurrency}
	if !l.serving {
		s.prefill = p.time(pass{prompt: l.concurrency * l.in, length: l.in})
		s.decode = p.time(pass{decode: p.micro(l.concurrency), context: middle})
		s.start, s.each = s.prefill.sum(), s.decode.sum()
		return s
	}
	s.running = math.Min(l.concurrency, s.room)
	s.prefill = p.time(pass{prompt: l.in, length: l.in})
	s.decode = p.time(pass{decode: p.micro(s.running), context: middle})
	own, others := s.prefill.sum(), math.Max(0, s.running-1)
	more := own
	if n := math.Floor(budget / math.Max(1, l.in)); n > 1 {
		more = math.Min(own, p.time(pass{prompt: n * l.in, length: l.in}).sum()/n)
	}
	decoding := math.Min(1, p.host.Decoding)
	queueing := math.Min(1-decoding, p.host.Queueing)
	if p.apart {
		decoding = 0
	}
	s.stall = decoding * others * more / math.Max(1, l.out)
	s.each = s.decode.sum() + s.stall
	s.start = p.host.Arrive + own + queueing*others*more + s.decode.sum()
	return s
}

// wait is how long a request waits for a place when more are in flight than
// the cache has room for: each place is given up once in a request's life.
func (s *state) wait(l load) float64 {
	return math.Max(0, l.concurrency/s.running-1) * (s.start + math.Max(0, l.out-1)*s.each)
}

// tilted is the share of the way that times are moved towards growing in
// proportion to the load before anything is learned. The learned corrections
// may only fall with load, so that throughput never does; tilting gives them
// room to follow measurements that grow faster than the physics.
const tilted = 0.25

// tilt is by how much, as logarithms, the times of each head move. A time whose
// slope against load is at most 1 on logarithms keeps that bound.
func (p *plan) tilt(l load, s *state) (t [numHeads]float64) {
	if !l.serving || l.concurrency <= 1 {
		return t
	}
	one := l
	one.concurrency = 1
	u := p.settle(one)
	t[startHead] = tilted * math.Log(u.start*s.running/s.start)
	t[eachHead] = tilted * math.Log(u.each*s.running/s.each)
	return t
}

// micro is how many of r sequences are in one pass: a pipeline keeps all its
// stages busy by giving each its own share.
func (p *plan) micro(r float64) float64 { return math.Max(1, r/p.stages) }
