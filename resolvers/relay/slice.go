package relay

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// Slice is a page of a list that lies in memory, ordered by its items' keys,
// which must be unique. Cursors are keys, so they keep their place whatever is
// inserted or taken away.
func Slice[T any](items []T, key func(T) string, p Page) (c Connection[T], err error) {
	n, last, err := p.Size()
	if err != nil {
		return c, err
	}
	items = slices.SortedFunc(slices.Values(items), func(a, b T) int { return strings.Compare(key(a), key(b)) })
	from, to := 0, len(items)
	find := func(field string, cursor *string) (int, bool, error) {
		b, err := base64.RawURLEncoding.DecodeString(*cursor)
		if err != nil {
			return 0, false, perf.Invalid(field, "is not a cursor of this list; take one from its edges")
		}
		i, found := slices.BinarySearchFunc(items, string(b), func(x T, k string) int { return strings.Compare(key(x), k) })
		return i, found, nil
	}
	if p.After != nil {
		i, found, err := find("after", p.After)
		if err != nil {
			return c, err
		}
		if from = i; found {
			from++
		}
	}
	if p.Before != nil {
		i, _, err := find("before", p.Before)
		if err != nil {
			return c, err
		}
		to = max(i, from)
	}
	if last {
		from = max(from, to-n)
	} else {
		to = min(to, from+n)
	}
	page := items[from:to]
	cursor := func(i int) string { return base64.RawURLEncoding.EncodeToString([]byte(key(page[i]))) }
	c = NewConnection(page, cursor, to < len(items), from > 0)
	c.TotalCount = len(items)
	return c, nil
}
