package db

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/perfcast/perfcast/perf"
)

// ids knows every id of the tables that refuse a second row with one, so that a
// batch is refused before it is acknowledged, and not by DuckDB behind it. It
// keeps 128 bits of each, hashed with seeds of this process: two ids that
// share them don't occur, by chance (10^-21 among a billion) or by design. Some
// 30 bytes for each id.
type ids struct {
	seeds [2]maphash.Seed
	known map[*relation]map[idHash]struct{}
}

type idHash [2]uint64

func newIDs() *ids {
	s := &ids{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, known: map[*relation]map[idHash]struct{}{}}
	for _, rel := range relations {
		if rel.unique {
			s.known[rel] = map[idHash]struct{}{}
		}
	}
	return s
}

func (s *ids) hash(id string) idHash {
	return idHash{maphash.String(s.seeds[0], id), maphash.String(s.seeds[1], id)}
}

// load takes in what is stored.
func (s *ids) load(ctx context.Context, d *DB) error {
	for rel, known := range s.known {
		rows, err := d.sql.QueryContext(ctx, fmt.Sprintf(`SELECT %s FROM %s`, quote(rel.key), quote(rel.table)))
		if err != nil {
			return err
		}
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				_ = rows.Close() // the first error is the one to tell
				return err
			}
			known[s.hash(id)] = struct{}{}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// add takes in the ids of a batch, or fails with CodeConflict and takes in none.
func (s *ids) add(e *encoded) error {
	for i := range e.rows {
		known, id := s.of(&e.rows[i])
		if known == nil {
			continue
		}
		h := s.hash(id)
		if _, exists := known[h]; exists {
			s.remove(e.rows[:i])
			return &perf.Error{Code: perf.CodeConflict, Message: fmt.Sprintf("a record with the id %q exists already", clip(id))}
		}
		known[h] = struct{}{}
	}
	return nil
}

// remove forgets the ids of rows that were not stored after all.
func (s *ids) remove(rows []row) {
	for i := range rows {
		if known, id := s.of(&rows[i]); known != nil {
			delete(known, s.hash(id))
		}
	}
}

// of is the set that a row's id belongs into, nil where ids may repeat.
func (s *ids) of(r *row) (known map[idHash]struct{}, id string) {
	if known = s.known[r.rel]; known != nil {
		id = r.values[r.rel.index[r.rel.key]].(string)
	}
	return known, id
}
