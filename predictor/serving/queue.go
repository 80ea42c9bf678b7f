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

	parts [numHeads][numParts]float64 // what start and each are made of, in s
	start float64                     // s from getting a place to the first token
	each  float64                     // s for each token after it
}

// The parts of start.
const (
	arrival      = iota // HTTP, tokeniser, first schedule
	ownPrompt           // the request's own
	otherPrompts        // waiting for the others'
	firstPass           // the pass that makes the first token
)

// The parts of each. Computing and memory stay together: what each of them
// hides of the other shifts as a device gets faster.
const (
	hostTime    = iota // launches and scheduling of a pass
	deviceTime         // computing and memory
	linkTime           // between devices
	promptStall        // waiting for the others' prompts
)

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
		s.parts[startHead] = [numParts]float64{ownPrompt: s.prefill.sum()}
	} else {
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
		s.parts[startHead] = [numParts]float64{arrival: p.host.Arrive, ownPrompt: own, otherPrompts: queueing * others * more, firstPass: s.decode.sum()}
	}
	d := &s.decode
	s.parts[eachHead] = [numParts]float64{hostTime: d.overhead, deviceTime: d.compute + d.memory, linkTime: d.link, promptStall: s.stall}
	s.add()
	return s
}

// add sums the parts up.
func (s *state) add() {
	s.start, s.each = 0, 0
	for k := range numParts {
		s.start += s.parts[startHead][k]
		s.each += s.parts[eachHead][k]
	}
}

// correct applies what was learned of the parts. Whatever that is, another
// request in flight costs all of them no more than the request's own arrival
// and prompt take, so that throughput never falls with load.
func (s *state) correct(l load, u *[numHeads]factors) {
	for h := range s.parts {
		for k := range s.parts[h] {
			s.parts[h][k] *= math.Exp(u[h][k])
		}
	}
	begin, each := &s.parts[startHead], &s.parts[eachHead]
	if others := begin[otherPrompts] + l.out*each[promptStall]; l.serving && others > 0 {
		share := math.Min(1, (s.running-1)*(begin[arrival]+begin[ownPrompt])/others)
		begin[otherPrompts] *= share
		each[promptStall] *= share
		s.stall = each[promptStall]
	}
	s.add()
}

// wait is how long a request waits for a place when more are in flight than
// the cache has room for: each place is given up once in a request's life.
func (s *state) wait(l load) float64 {
	return math.Max(0, l.concurrency/s.running-1) * (s.start + math.Max(0, l.out-1)*s.each)
}

// micro is how many of r sequences are in one pass: a pipeline keeps all its
// stages busy by giving each its own share.
func (p *plan) micro(r float64) float64 { return math.Max(1, r/p.stages) }

// time is one of the times that are learned.
func (s *state) time(h int) float64 {
	if h == startHead {
		return s.start
	}
	return s.each
}
