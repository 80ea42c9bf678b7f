package serving

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/perfcast/perfcast/predictor/boost"
)

// format is the first byte of an encoded model. It changes with the list of
// constants, features or families.
const format = 1

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
	if h.trees == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	t := h.trees.Encode()
	b = binary.AppendUvarint(b, uint64(len(t)))
	b = append(b, t...)
	for _, e := range []*effects{&h.near, &h.far} {
		for f := range e {
			b = binary.AppendUvarint(b, uint64(len(e[f])))
			for _, key := range slices.Sorted(maps.Keys(e[f])) {
				b = binary.LittleEndian.AppendUint64(b, key)
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(e[f][key]))
			}
		}
	}
	for _, s := range h.spread {
		b = appendFloat(b, s)
	}
	return b
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

func (h *head) read(r *reader) {
	if flag := r.bytes(1); r.err != nil || flag[0] == 0 {
		return
	}
	t, err := boost.Decode(r.bytes(r.count(1 << 28)))
	if r.err != nil {
		return
	}
	if err == nil && t.Features() != numFeatures {
		err = fmt.Errorf("serving: trees of %d features, want %d", t.Features(), numFeatures)
	}
	if err != nil {
		r.err = err
		return
	}
	h.trees = t
	for _, e := range []*effects{&h.near, &h.far} {
		for f := range e {
			n := r.count(maxEffects)
			e[f] = make(map[uint64]float32, min(n, len(r.b)/12))
			for range n {
				v := r.bytes(12)
				if r.err != nil {
					return
				}
				e[f][binary.LittleEndian.Uint64(v)] = math.Float32frombits(binary.LittleEndian.Uint32(v[8:]))
			}
		}
	}
	for l := range h.spread {
		h.spread[l] = r.float()
	}
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
