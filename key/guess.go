package key

import (
	"net/netip"
	"sync"
	"time"
)

// A guesser has this many wrong keys at once, and gets one back every
// guessEvery. Of 2^256 keys that finds none, but it keeps the noise down and
// protects a short key from the environment.
const (
	guessBurst   = 10
	guessEvery   = time.Second
	guessersKept = 10_000
)

// guesses counts wrong keys by address.
type guesses struct {
	mu   sync.Mutex
	full map[netip.Prefix]time.Time // when the address will have all its guesses back
}

// blocked reports how long an address must wait for its next try; 0 = not at
// all.
func (g *guesses) blocked(addr string, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	full, known := g.full[network(addr)]
	if !known {
		return 0
	}
	return max(0, full.Sub(now)-(guessBurst-1)*guessEvery)
}

// wrong counts one wrong key against an address.
func (g *guesses) wrong(addr string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.full) >= guessersKept {
		g.forget(now)
	}
	if g.full == nil {
		g.full = make(map[netip.Prefix]time.Time)
	}
	n := network(addr)
	t := g.full[n]
	if t.Before(now) {
		t = now
	}
	g.full[n] = t.Add(guessEvery)
}

// forget drops the addresses that have all their guesses back; if a flood of
// addresses leaves none such, it drops all rather than grow.
func (g *guesses) forget(now time.Time) {
	for n, t := range g.full {
		if !t.After(now) {
			delete(g.full, n)
		}
	}
	if len(g.full) >= guessersKept {
		clear(g.full)
	}
}

// network is the address to count by: an IPv6 customer has a whole /64.
func network(remote string) netip.Prefix {
	a := netip.Addr{}
	if ap, err := netip.ParseAddrPort(remote); err == nil {
		a = ap.Addr().Unmap().WithZone("")
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}
