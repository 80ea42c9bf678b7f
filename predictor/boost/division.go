package boost

// division is rows in the order of a tree's nodes: those of a node adjacent.
type division struct {
	rows  []int32
	spare []int32 // room to divide in
}

// span is a node's part of a division.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

func newDivision(most int) division {
	return division{make([]int32, 0, most), make([]int32, most)}
}

func (d *division) all() span         { return span{0, len(d.rows)} }
func (d *division) of(s span) []int32 { return d.rows[s.from:s.to] }

// divide orders the rows of a node by the side of a split, keeping their order
// within a side. bins are those of the split's feature. Every row is written to
// both sides and kept on one: no branch is there to be mispredicted.
func (d *division) divide(s span, bins []uint8, by split) (left, right span) {
	last, shift := by.bin, uint8(0)
	if by.missingRight { // the bin of what is missing wraps around to be the last
		last, shift = last-1, 1
	}
	rows, spare := d.of(s), d.spare[:s.len()]
	at, over := 0, 0
	for _, r := range rows {
		rows[at], spare[over] = r, r
		side := 0
		if bins[r]-shift > last {
			side = 1
		}
		over += side
		at += 1 - side
	}
	copy(rows[at:], spare[:over])
	return span{s.from, s.from + at}, span{s.from + at, s.to}
}
