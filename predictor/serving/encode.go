package serving

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// format is the first byte of an encoded model. It changes with the list of
// constants, parts or families.
const format = 3

// maxEffects bounds one family, so that no input makes Decode take much memory.
const maxEffects = 1 << 20

// Encode writes the model compactly; equal models give equal bytes.
func (m *Model) Encode() []byte {
	b := []byte{format}
	c := m.constants
	for _, p := range c.tunable() {
		b = appendFloat(b, *p)
	}
	for h := range m.heads {
		b = m.heads[h].append(b)
	}
	return b
}

func (h *head) append(b []byte) []byte {
	if !h.learned() {
		return append(b, 0)
	}
	b = append(b, 1)
	for f := range h.effects {
		b = binary.AppendUvarint(b, uint64(len(h.effects[f])))
		for _, key := range slices.Sorted(maps.Keys(h.effects[f])) {
			b = binary.LittleEndian.AppendUint64(b, key)
			for _, v := range h.effects[f][key] {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
		}
	}
	for _, s := range h.spread {
		b = appendFloat(b, s)
	}
	return appendFloat(b, h.strange)
}

func appendFloat(b []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
}

// Decode reads a model that Encode wrote. It refuses anything else.
func Decode(b []byte) (*Model, error) {
	r := reader{b: b}
	if v := r.bytes(1); r.err == nil && v[0] != format {
		return nil, fmt.Errorf("serving: format %d, this program reads %d: train again", v[0], format)
	}
	m := &Model{}
	for _, p := range m.constants.tunable() {
		*p = r.float()
		if r.err == nil && (!(*p > 0) || math.IsInf(*p, 0)) {
			return nil, fmt.Errorf("serving: a constant is %v", *p)
		}
	}
	for h := range m.heads {
		m.heads[h].read(&r)
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case len(r.b) > 0:
		return nil, fmt.Errorf("serving: %d bytes too many", len(r.b))
	}
	return m, nil
}

// effectSize is the bytes of one effect: its key and its parts.
const effectSize = 8 + 4*numParts

func (h *head) read(r *reader) {
	if flag := r.bytes(1); r.err != nil || flag[0] == 0 {
		return
	}
	for f := range h.effects {
		n := r.count(maxEffects)
		h.effects[f] = make(map[uint64][numParts]float32, min(n, len(r.b)/effectSize))
		for range n {
			b := r.bytes(effectSize)
			if r.err != nil {
				return
			}
			var v [numParts]float32
			for k := range v {
				v[k] = math.Float32frombits(binary.LittleEndian.Uint32(b[8+4*k:]))
				if v[k]-v[k] != 0 {
					r.err = fmt.Errorf("serving: an effect is %v", v[k])
				}
			}
			h.effects[f][binary.LittleEndian.Uint64(b)] = v
		}
	}
	for l := range h.spread {
		h.spread[l] = r.positive()
	}
	h.strange = r.positive()
}

// reader takes an encoding apart; after the first error it yields zeros.
type reader struct {
	b   []byte
	err error
}

var errShort = errors.New("serving: the encoded model is cut short")

// bytes are the next n, or nil with err set.
func (r *reader) bytes(n int) []byte {
	if r.err == nil && len(r.b) < n {
		r.err = errShort
	}
	if r.err != nil {
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) float() float64 {
	v := r.bytes(8)
	if r.err != nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(v))
}

// positive is the next number, which must be finite and above 0.
func (r *reader) positive() float64 {
	x := r.float()
	if r.err == nil && (!(x > 0) || math.IsInf(x, 0)) {
		r.err = fmt.Errorf("serving: a spread is %v", x)
	}
	return x
}

// count is the next length, at most limit.
func (r *reader) count(limit uint64) int {
	if r.err != nil {
		return 0
	}
	n, size := binary.Uvarint(r.b)
	if size <= 0 || n > limit {
		r.err = errShort
		return 0
	}
	r.b = r.b[size:]
	return int(n)
}
