package boost

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// format is the first byte of an encoded model.
const format = 1

// limits on what Decode will build, so that no input makes it take much memory.
const (
	maxTrees = 1 << 20
	maxNodes = 1 << 26
	maxTree  = 2*maxLeaves - 1 // nodes of one tree
)

// Encode writes the model compactly: per split a varint (feature and where the
// missing go) and a float32 threshold, per leaf a zero byte and a float32.
func (m *Model) Encode() []byte {
	b := []byte{format}
	b = binary.AppendUvarint(b, uint64(m.features))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(m.base))
	for f := range m.features {
		g := 0.0
		if m.gain != nil {
			g = m.gain[f]
		}
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(g)))
	}
	b = binary.AppendUvarint(b, uint64(len(m.roots)))
	for i, root := range m.roots {
		end := int32(len(m.nodes))
		if i+1 < len(m.roots) {
			end = m.roots[i+1]
		}
		b = binary.AppendUvarint(b, uint64(end-root))
		for _, n := range m.nodes[root:end] {
			code := uint64(0)
			if !n.leaf() {
				code = 2 * (uint64(n.feature) + 1)
				if n.missingRight {
					code++
				}
			}
			b = binary.AppendUvarint(b, code)
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(n.value))
		}
	}
	return b
}

// errShort says that the input ends too early.
var errShort = errors.New("boost: the encoded model is cut short")

// Decode reads what Encode wrote, all of it. It reports input that is no
// model; a model it returns is safe to evaluate.
func Decode(b []byte) (*Model, error) {
	r := reader{b: b}
	if v := r.byte(); r.err == nil && v != format {
		return nil, fmt.Errorf("boost: format %d, want %d", v, format)
	}
	m := &Model{features: r.count(maxFeatures, 4)}
	m.base = math.Float64frombits(r.uint64())
	m.gain = make([]float64, m.features)
	for f := range m.gain {
		m.gain[f] = float64(r.float())
	}
	trees := r.count(maxTrees, 6)
	for range trees {
		m.decodeTree(&r)
		if r.err != nil {
			return nil, r.err
		}
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes follow the model", len(r.b))
	}
	if r.err == nil && (math.IsNaN(m.base) || math.IsInf(m.base, 0)) {
		r.fail("the base is %v", m.base)
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// decodeTree appends one tree. Children come after their parents, in the order
// of the parents, so positions need not be stored and no cycle can arise.
func (m *Model) decodeTree(r *reader) {
	n := r.count(maxTree, 5)
	root := len(m.nodes)
	if r.err == nil && (n == 0 || root+n > maxNodes) {
		r.fail("a tree of %d nodes", n)
	}
	next, depth, level := 1, 0, 1 // level is where the nodes of this depth end
	for i := 0; i < n && r.err == nil; i++ {
		if i >= next {
			r.fail("a node without a parent")
		}
		if i == level {
			depth, level = depth+1, next
		}
		code, value := r.uvarint(), r.float()
		if code == 0 {
			m.nodes = append(m.nodes, leaf(value))
			continue
		}
		if f := code/2 - 1; code == 1 || f >= uint64(m.features) {
			r.fail("a split on feature %d of %d", int64(f), m.features)
			return
		}
		m.nodes = append(m.nodes, node{value: value, jump: uint16(next - i), feature: uint8(code/2 - 1), missingRight: code%2 == 1})
		next += 2
	}
	if r.err == nil && next != n {
		r.fail("a tree of %d nodes that needs %d", n, next)
	}
	m.roots, m.depth = append(m.roots, int32(root)), max(m.depth, depth)
}

// reader consumes b and remembers the first error; after it everything reads 0.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("boost: "+format, args...)
	}
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.b) < n {
		r.err = errShort
	}
	if r.err != nil {
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// float reads a finite number.
func (r *reader) float() float32 {
	v := math.Float32frombits(binary.LittleEndian.Uint32(r.take(4)))
	if v != v || v-v != 0 {
		r.fail("a number that is not finite")
	}
	return v
}

func (r *reader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.err = errShort
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a length of things that take at least size bytes each, and
// refuses one that the rest of the input cannot hold.
func (r *reader) count(most, size int) int {
	v := r.uvarint()
	if r.err == nil && (v > uint64(most) || v > uint64(len(r.b)/size)) {
		r.fail("a length of %d in %d bytes", v, len(r.b))
	}
	if r.err != nil {
		return 0
	}
	return int(v)
}
