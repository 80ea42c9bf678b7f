package cpubench

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// The tile that the kernel computes in registers, and how many columns of a
// and rows of b it takes at once, so that they stay in the first caches.
const (
	tileRows = 6
	tileCols = 16
	blockK   = 256
	blockM   = 96 // rows of a that stay in the second cache; a multiple of tileRows
)

// tileGo is the kernel in plain Go, for processors without the assembly.
func tileGo(k int, a, b, c []float32, stride int) {
	var acc [tileRows][tileCols]float32
	for p := range k {
		x, y := a[p*tileRows:][:tileRows], b[p*tileCols:][:tileCols]
		for i, u := range x {
			for j, v := range y {
				acc[i][j] += u * v
			}
		}
	}
	for i := range acc {
		row := c[i*stride:][:tileCols]
		for j, v := range acc[i] {
			row[j] += v
		}
	}
}

// matrix is a row-major matrix whose storage is padded to whole tiles.
type matrix struct {
	rows, cols, stride int
	data               []float32
}

func newMatrix(rows, cols int) matrix {
	stride := roundUp(cols, tileCols)
	return matrix{rows, cols, stride, make([]float32, roundUp(rows, tileRows)*stride)}
}

func (m matrix) row(i int) []float32 { return m.data[i*m.stride:][:m.cols] }

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// packed is a matrix in the order in which the kernel reads b: for each block
// of blockK rows, columns in strips of tileCols. Weights are packed once.
type packed struct {
	rows, cols int
	data       []float32
}

// pack takes b, or its transpose, apart into strips.
func pack(b matrix, transpose bool) packed {
	rows, cols := b.rows, b.cols
	if transpose {
		rows, cols = cols, rows
	}
	p := packed{rows, cols, make([]float32, rows*roundUp(cols, tileCols))}
	at := 0
	for k0 := 0; k0 < rows; k0 += blockK {
		depth := min(blockK, rows-k0)
		for j0 := 0; j0 < cols; j0 += tileCols {
			for k := k0; k < k0+depth; k++ {
				for j := j0; j < min(j0+tileCols, cols); j++ {
					if transpose {
						p.data[at+j-j0] = b.data[j*b.stride+k]
					} else {
						p.data[at+j-j0] = b.data[k*b.stride+j]
					}
				}
				at += tileCols
			}
		}
	}
	return p
}

// multiply is c = a b, over all processors: blocks of a's rows are dealt out
// to whoever is free.
func multiply(c, a matrix, b packed) {
	blocks := (a.rows + blockM - 1) / blockM
	each(blocks, func(i int) { multiplyRows(c, a, b, i*blockM, min(blockM, a.rows-i*blockM)) })
}

var packs = sync.Pool{New: func() any { s := make([]float32, blockM*blockK); return &s }}

// multiplyRows is c = a b for n rows from the first.
func multiplyRows(c, a matrix, b packed, first, n int) {
	buf := packs.Get().(*[]float32)
	defer packs.Put(buf)
	clear(c.data[first*c.stride : (first+roundUp(n, tileRows))*c.stride])
	at := 0
	for k0 := 0; k0 < b.rows; k0 += blockK {
		depth := min(blockK, b.rows-k0)
		strips := packRows(*buf, a, first, n, k0, depth)
		for j0 := 0; j0 < b.cols; j0 += tileCols {
			for s := range strips {
				tile(depth, (*buf)[s*depth*tileRows:], b.data[at:], c.data[(first+s*tileRows)*c.stride+j0:], c.stride)
			}
			at += depth * tileCols
		}
	}
}

// packRows takes a block of a apart into strips of tileRows rows, column by
// column, as the kernel reads them.
func packRows(buf []float32, a matrix, first, n, k0, depth int) (strips int) {
	at := 0
	for i0 := 0; i0 < n; i0 += tileRows {
		for r := range tileRows {
			src := a.data[(first+i0+r)*a.stride+k0:][:depth] // rows beyond n are padding: zeros or unused sums
			for k, v := range src {
				buf[at+k*tileRows+r] = v
			}
		}
		at += depth * tileRows
		strips++
	}
	return strips
}

// each calls f for 0 to n-1, on as many threads as there are processors.
func each(n int, f func(int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for i := range n {
			f(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}
