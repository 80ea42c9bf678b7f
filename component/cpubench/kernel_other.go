//go:build !amd64

package cpubench

const hasFMA = false

func tile(k int, a, b, c []float32, stride int) { tileGo(k, a, b, c, stride) }

func bursts() []burst { return []burst{{fmaGo, 8 * 2}} }
