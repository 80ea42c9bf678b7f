package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/boost"
)

// format is the first byte of an encoded model.
const format = 1

// Encode writes the model: the levels in float32, by device name in order,
// then the trees.
func (m *Model) Encode() []byte {
	b := []byte{format}
	b = appendFloats(b, m.timed.event, m.timed.least)
	b = appendLevel(b, m.prior)
	b = binary.AppendUvarint(b, uint64(len(m.levels)))
	for _, name := range sortedKeys(m.levels) {
		b = appendBytes(b, []byte(name))
		b = appendLevel(b, m.levels[name])
	}
	b = appendBytes(b, m.product.Encode())
	b = appendBytes(b, m.stream.Encode())
	if m.narrow == nil {
		return appendBytes(b, nil)
	}
	return appendBytes(b, m.narrow.Encode())
}

func appendLevel(b []byte, l level) []byte {
	return appendFloats(appendFloats(b, l.compute[:]...), l.memory, l.chip.cores, l.chip.fp32)
}

func appendFloats(b []byte, values ...float64) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	return b
}

func appendBytes(b, text []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

var errShort = errors.New("kernel: the encoded model is cut short")

// Decode reads what Encode wrote, all of it, and reports input that is no model.
func Decode(b []byte) (*Model, error) {
	r := reader{b: b}
	if v := r.take(1); r.err == nil && v[0] != format {
		return nil, fmt.Errorf("kernel: format %d, want %d", v[0], format)
	}
	m := &Model{levels: map[string]level{}}
	m.timed = timed{r.float(), r.float()}
	m.prior = r.level()
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		name := string(r.bytes())
		m.levels[name] = r.level()
	}
	m.index()
	m.product = r.trees(productFeatures)
	m.stream = r.trees(streamFeatures)
	if r.err == nil && len(r.b) == 1 && r.b[0] == 0 { // an empty text
		r.b = nil
	} else {
		m.narrow = r.trees(productFeatures)
	}
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("kernel: %d bytes follow the model", len(r.b))
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, nil
}

// reader consumes b and remembers the first error; after it everything reads 0.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err == nil && len(r.b) < n {
		r.err = errShort
	}
	if r.err != nil {
		return make([]byte, min(n, 8))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) float() float64 {
	v := float64(math.Float32frombits(binary.LittleEndian.Uint32(r.take(4))))
	if r.err == nil && !perf.Finite(v) {
		r.err = errors.New("kernel: a number that is not finite")
	}
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.err == nil && n <= 0 {
		r.err = errShort
	}
	if r.err != nil {
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if r.err == nil && n > uint64(len(r.b)) {
		r.err = errShort
	}
	if r.err != nil {
		return nil
	}
	return r.take(int(n))
}

func (r *reader) level() (l level) {
	for u := range l.compute {
		l.compute[u] = r.float()
	}
	l.memory = r.float()
	l.chip = chip{r.float(), r.float()}
	return l
}

func (r *reader) trees(features int) *boost.Model {
	b := r.bytes()
	if r.err != nil {
		return nil
	}
	m, err := boost.Decode(b)
	if err == nil && m.Features() != features {
		err = fmt.Errorf("kernel: trees over %d inputs, want %d", m.Features(), features)
	}
	r.err = err
	return m
}
