package cpubench

import "github.com/klauspost/cpuid/v2"

//go:noescape
func fma256(n int)

//go:noescape
func fma512(n int)

//go:noescape
func tileFMA(k int, a, b, c *float32, stride int)

// hasFMA reports whether the assembly can run here.
var hasFMA = cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3)

// tile is c[6][16] += a[k][6]' b[k][16].
func tile(k int, a, b, c []float32, stride int) {
	if hasFMA {
		_ = a[6*k-1]
		_ = b[16*k-1]
		_ = c[5*stride+15]
		tileFMA(k, &a[0], &b[0], &c[0], stride)
		return
	}
	tileGo(k, a, b, c, stride)
}

// bursts are loops of multiply-adds that touch no memory, by the widest vectors
// there are, with their operations a round.
func bursts() []burst {
	var out []burst
	if hasFMA {
		out = append(out, burst{fma256, 12 * 8 * 2})
	}
	if cpuid.CPU.Supports(cpuid.AVX512F) {
		out = append(out, burst{fma512, 12 * 16 * 2})
	}
	if len(out) == 0 {
		out = append(out, burst{fmaGo, 8 * 2})
	}
	return out
}
