package predictor

import (
	"hash/maphash"
	"math/bits"
)

// hamt is an immutable map: with returns a new map that shares
// all but one path with the old, so that readers keep a snapshot without a
// lock and a writer pays for one path (a hash array mapped trie, Bagwell 2001).
// The zero hamt is empty.
type hamt[K comparable, V any] struct {
	root *node[K, V]
	size int
}

// node has a child for each set bit of its mask, in order; a leaf has no
// children and holds the entries whose hashes agree so far.
type node[K comparable, V any] struct {
	mask     uint32
	children []*node[K, V]
	entries  []entry[K, V]
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

var seed = maphash.MakeSeed()

func (h hamt[K, V]) get(key K) (v V, ok bool) {
	hash := maphash.Comparable(seed, key)
	for n := h.root; n != nil; hash >>= 5 {
		if n.children == nil {
			for i := range n.entries {
				if n.entries[i].key == key {
					return n.entries[i].value, true
				}
			}
			return v, false
		}
		bit := uint32(1) << (hash & 31)
		if n.mask&bit == 0 {
			return v, false
		}
		n = n.children[bits.OnesCount32(n.mask&(bit-1))]
	}
	return v, false
}

func (h hamt[K, V]) with(key K, v V) hamt[K, V] {
	root, grew := put(h.root, maphash.Comparable(seed, key), 0, entry[K, V]{key, v})
	if grew {
		h.size++
	}
	return hamt[K, V]{root, h.size}
}

// put returns the node with the entry, and whether its key is new.
func put[K comparable, V any](n *node[K, V], hash uint64, depth int, e entry[K, V]) (*node[K, V], bool) {
	if n == nil {
		return &node[K, V]{entries: []entry[K, V]{e}}, true
	}
	if n.children != nil {
		bit := uint32(1) << (hash >> (5 * depth) & 31)
		at := bits.OnesCount32(n.mask & (bit - 1))
		m := &node[K, V]{mask: n.mask | bit}
		if n.mask&bit != 0 {
			child, grew := put(n.children[at], hash, depth+1, e)
			m.children = append([]*node[K, V](nil), n.children...)
			m.children[at] = child
			return m, grew
		}
		m.children = make([]*node[K, V], 0, len(n.children)+1)
		m.children = append(append(append(m.children, n.children[:at]...), &node[K, V]{entries: []entry[K, V]{e}}), n.children[at:]...)
		return m, true
	}
	for i := range n.entries {
		if n.entries[i].key == e.key {
			m := &node[K, V]{entries: append([]entry[K, V](nil), n.entries...)}
			m.entries[i] = e
			return m, false
		}
	}
	if len(n.entries) < 4 || depth > 11 {
		return &node[K, V]{entries: append(append([]entry[K, V](nil), n.entries...), e)}, true
	}
	m := &node[K, V]{children: []*node[K, V]{}}
	for _, old := range append(append([]entry[K, V](nil), n.entries...), e) {
		m, _ = put(m, maphash.Comparable(seed, old.key), depth, old)
	}
	return m, true
}
