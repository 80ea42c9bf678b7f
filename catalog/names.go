package catalog

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// normalise is the form in which names are compared: lower case, without
// punctuation and spaces, except where those stand between two digits and so
// tell "1.3b" from "13b" and "64-2" from "642".
func normalise(name string) string {
	var b strings.Builder
	var last rune // last letter or digit written
	var sep rune  // what came between it and now
	for _, r := range name {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '+':
			r = unicode.ToLower(r)
			if sep != 0 && unicode.IsDigit(last) && unicode.IsDigit(r) {
				b.WriteRune(sep)
			}
			b.WriteRune(r)
			last, sep = r, 0
		case r == '.':
			sep = '.'
		case r == '/': // an owner or a zoo stays apart from the name
			b.WriteRune('/')
			last, sep = r, 0
		case sep == 0:
			sep = '-'
		}
	}
	return b.String()
}

// base is a name without its owner or zoo: "opt-125m" of "facebook/opt-125m".
func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// known is a name that may be suggested, and the normal form of what people
// type for it.
type known struct{ name, as string }

func knownAs(name, as string) known { return known{name, normalise(as)} }

// nearest lists up to n of the names most like the one asked for, best first.
// Names less than half alike are left out.
func nearest(asked string, names []known, n int) []string {
	type near struct {
		name string
		cost float64
	}
	want := normalise(asked)
	if len(want) > maxName {
		want = want[:maxName]
	}
	var found []near
	var scratch [2][]int
	for _, k := range names {
		if c := unlikeness(want, k.as, &scratch); c <= 0.5 {
			found = append(found, near{k.name, c})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), strings.Compare(a.name, b.name))
	})
	var out []string
	for _, f := range found {
		if len(out) == n {
			break
		}
		if !slices.Contains(out, f.name) {
			out = append(out, f.name)
		}
	}
	return out
}

// unlikeness is the edit distance over the longer length, in [0, 1]: of the
// whole names or, a little worse, of their parts after the owner. A name that
// contains the other costs only a part of what it has more.
func unlikeness(a, b string, scratch *[2][]int) float64 {
	if a == "" || b == "" {
		return 1
	}
	x, y := base(a), base(b)
	least := difference(a, b, scratch)
	if x == "" || y == "" || len(x) == len(a) && len(y) == len(b) {
		x, y = a, b
	} else {
		least = min(least, 0.02+difference(x, y, scratch))
	}
	if len(x) >= 3 && len(y) >= 3 && (strings.Contains(x, y) || strings.Contains(y, x)) {
		least = min(least, 0.1+0.3*(1-float64(min(len(x), len(y)))/float64(max(len(x), len(y)))))
	}
	return least
}

// difference is the edit distance over the longer length; 1 where the lengths
// alone say that it is above a half.
func difference(a, b string, scratch *[2][]int) float64 {
	if 2*min(len(a), len(b)) < max(len(a), len(b)) {
		return 1
	}
	return float64(editDistance(a, b, scratch)) / float64(max(len(a), len(b)))
}

// editDistance is Levenshtein's distance in bytes.
func editDistance(a, b string, scratch *[2][]int) int {
	if cap(scratch[0]) <= len(b) {
		scratch[0], scratch[1] = make([]int, len(b)+64), make([]int, len(b)+64)
	}
	prev, cur := scratch[0][:len(b)+1], scratch[1][:len(b)+1]
	for j := range prev {
		prev[j] = j
	}
	for i := range len(a) {
		cur[0] = i + 1
		for j := range len(b) {
			c := prev[j]
			if a[i] != b[j] {
				c++
			}
			cur[j+1] = min(c, prev[j+1]+1, cur[j]+1)
		}
		prev, cur = cur, prev
	}
	return prev[len(b)]
}

// trimFloat is v in the shortest form that says it to four digits.
func trimFloat(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
