package cpubench

import "math"

// The encoder layer has BERT-base's dimensions.
const (
	Hidden       = 768
	Heads        = 12
	Intermediate = 3072

	layerTokens = 128
	headDim     = Hidden / Heads
)

// LayerParams are the parameters of one encoder layer: four projections of the
// attention and two of the feed-forward part with their biases, and two norms.
const LayerParams = 4*(Hidden*Hidden+Hidden) + 2*Hidden*Intermediate + Intermediate + Hidden + 4*Hidden

// layer is an encoder layer with random weights, and room for its values.
type layer struct {
	batch, tokens int

	query, key, value, out, up, down packed
	x, q, k, v, mixed, sum, wide     matrix
}

func newLayer(batch, tokens int) *layer {
	n := batch * tokens
	weights := func(in, out int, seed uint32) packed {
		w := newMatrix(in, out)
		fill(w, seed)
		return pack(w, false)
	}
	l := &layer{batch: batch, tokens: tokens,
		query: weights(Hidden, Hidden, 1), key: weights(Hidden, Hidden, 2), value: weights(Hidden, Hidden, 3), out: weights(Hidden, Hidden, 4),
		up: weights(Hidden, Intermediate, 5), down: weights(Intermediate, Hidden, 6),
		x: newMatrix(n, Hidden), q: newMatrix(n, Hidden), k: newMatrix(n, Hidden), v: newMatrix(n, Hidden),
		mixed: newMatrix(n, Hidden), sum: newMatrix(n, Hidden), wide: newMatrix(n, Intermediate)}
	fill(l.x, 7)
	return l
}

// operations counts the matrix products' FLOP.
func (l *layer) operations() float64 {
	n, s := float64(l.batch*l.tokens), float64(l.tokens)
	return 2*n*(4*Hidden*Hidden+2*Hidden*Intermediate) + 4*n*s*Hidden
}

// forward computes the layer; the result is in l.sum.
func (l *layer) forward() {
	multiply(l.q, l.x, l.query)
	multiply(l.k, l.x, l.key)
	multiply(l.v, l.x, l.value)
	each(l.batch*Heads, func(i int) { l.attend(i/Heads, i%Heads) })
	multiply(l.sum, l.mixed, l.out)
	rows(l.sum, func(i int, row []float32) { addNorm(row, l.x.row(i)) })
	copy(l.q.data, l.sum.data)
	multiply(l.wide, l.sum, l.up)
	rows(l.wide, func(_ int, row []float32) {
		for j, v := range row {
			row[j] = gelu(v)
		}
	})
	multiply(l.sum, l.wide, l.down)
	rows(l.sum, func(i int, row []float32) { addNorm(row, l.q.row(i)) })
}

// attend mixes the values of one head of one sample.
func (l *layer) attend(sample, head int) {
	cut := func(m matrix) matrix { // the head's columns of the sample's rows
		c := newMatrix(l.tokens, headDim)
		for i := range l.tokens {
			copy(c.row(i), m.row(sample*l.tokens + i)[head*headDim:][:headDim])
		}
		return c
	}
	scores, mixed := newMatrix(l.tokens, l.tokens), newMatrix(l.tokens, headDim)
	q := cut(l.q)
	keys, values := pack(cut(l.k), true), pack(cut(l.v), false)
	for i := 0; i < l.tokens; i += blockM {
		multiplyRows(scores, q, keys, i, min(blockM, l.tokens-i))
	}
	for i := range l.tokens {
		softmax(scores.row(i), 1/float32(math.Sqrt(headDim)))
	}
	for i := 0; i < l.tokens; i += blockM {
		multiplyRows(mixed, scores, values, i, min(blockM, l.tokens-i))
	}
	for i := range l.tokens {
		copy(l.mixed.row(sample*l.tokens + i)[head*headDim:], mixed.row(i))
	}
}

// rows calls f for every row, on all processors.
func rows(m matrix, f func(i int, row []float32)) {
	const some = 16
	each((m.rows+some-1)/some, func(b int) {
		for i := b * some; i < min((b+1)*some, m.rows); i++ {
			f(i, m.row(i))
		}
	})
}

// addNorm is layer normalisation of row + residual, without scale and shift.
func addNorm(row, residual []float32) {
	var mean, square float32
	for i, v := range residual {
		row[i] += v
		mean += row[i]
	}
	mean /= float32(len(row))
	for _, v := range row {
		square += (v - mean) * (v - mean)
	}
	scale := 1 / float32(math.Sqrt(float64(square/float32(len(row))+1e-12)))
	for i, v := range row {
		row[i] = (v - mean) * scale
	}
}

func softmax(row []float32, scale float32) {
	most := row[0]
	for _, v := range row {
		most = max(most, v)
	}
	var sum float32
	for i, v := range row {
		row[i] = exp((v - most) * scale)
		sum += row[i]
	}
	for i := range row {
		row[i] /= sum
	}
}

// gelu is BERT's activation in its usual form with tanh.
func gelu(x float32) float32 {
	const c = 0.7978845608028654 // sqrt(2/pi)
	y := c * (x + 0.044715*x*x*x)
	e := exp(-2 * abs(y))
	t := (1 - e) / (1 + e)
	if y < 0 {
		t = -t
	}
	return 0.5 * x * (1 + t)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// exp is e^x for x <= 0 to about 1e-6 relative: 2^n by the exponent's bits, and
// a polynomial for the rest, between -ln2/2 and ln2/2.
func exp(x float32) float32 {
	if x < -87 {
		return 0
	}
	n := float32(int32(x*1.4426950408889634 - 0.5))
	r := x - n*0.693359375 + n*2.12194440e-4 // ln 2 in two parts, the first exact
	p := 1 + r*(1+r*(0.5+r*(1.0/6+r*(1.0/24+r*(1.0/120+r*(1.0/720))))))
	return p * math.Float32frombits(uint32(int32(n)+127)<<23)
}
