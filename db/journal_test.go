package db

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var ctx = context.Background()

// someValue is any value that a column or a statement may have.
var someValue = rapid.Custom(func(t *rapid.T) driver.Value {
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4:
		return rapid.String().Draw(t, "text")
	case 5:
		return time.UnixMicro(rapid.Int64Range(-1<<54, 1<<57).Draw(t, "µs")).UTC()
	}
	return rapid.SliceOf(rapid.Byte()).Draw(t, "blob")
})

// TestRecordRoundTrip: rows and statements come out of a frame as they went in.
func TestRecordRoundTrip(t *testing.T) {
	rels := []*relation{{table: "a", stored: []string{"seq", "x"}}, {table: "b", place: 1, stored: []string{"seq", "x", "y", "z"}}}
	rapid.Check(t, func(t *rapid.T) {
		var want []*encoded
		var content []byte
		for range rapid.IntRange(0, 8).Draw(t, "batches") {
			e := &encoded{}
			for range rapid.IntRange(0, 3).Draw(t, "rows") {
				rel := rapid.SampledFrom(rels).Draw(t, "table")
				e.rows = append(e.rows, row{rel: rel, values: append([]driver.Value{nil},
					rapid.SliceOfN(someValue, len(rel.stored)-1, len(rel.stored)-1).Draw(t, "values")...)})
			}
			for range rapid.IntRange(0, 2).Draw(t, "statements") {
				s := statement{sql: rapid.String().Draw(t, "sql")}
				s.args = args(rapid.SliceOfN(rapid.Map(someValue, func(v driver.Value) any { return v }), 0, 3).Draw(t, "args")...)
				e.statements = append(e.statements, s)
			}
			e.encodeRecord()
			for i := range e.rows {
				e.number(&e.rows[i], rapid.Int64().Draw(t, "seq"))
			}
			want, content = append(want, e), append(content, e.record...)
		}
		got, err := decodeRecords(content, rels)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(flatten(want), flatten(got)); diff != "" {
			t.Error(diff)
		}
	})
}

// flatten is what batches say to DuckDB, in order.
func flatten(batches []*encoded) (out []string) {
	for _, e := range batches {
		for _, r := range e.rows {
			out = append(out, fmt.Sprintf("%s %#v", r.rel.table, r.values))
		}
		for _, s := range e.statements {
			line := s.sql
			for _, a := range s.args {
				line += fmt.Sprintf(" %d %#v", a.Ordinal, a.Value)
			}
			out = append(out, line)
		}
	}
	return out
}

var someHead = journalHead{Database: "some-id", Mark: "0123456789abcdef", Tables: []journalTable{{"feedback", feedback.stored}}}

// journalFile is a journal file of frames numbered from first, and where each
// ends.
func journalFile(t *testing.T, path string, first int64, contents ...string) (b []byte, ends []int) {
	t.Helper()
	s, err := newSegment(path, someHead)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range contents {
		if _, err := s.append(first+int64(i), []*encoded{{record: []byte(c)}}); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, int(s.end))
	}
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	if b, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return b, ends
}

// TestTornJournal: of a file that was cut off at any byte, every whole frame is
// read, and nothing else. Of one with any byte flipped, what is damaged is
// never read, and is missed if a later frame shows that it was acknowledged.
func TestTornJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	const first = 7
	b, ends := journalFile(t, path+journalSuffixes[0], first, "one", "", "three: longer", strings.Repeat("four ", 20))
	head := bytes.IndexByte(b, '\n') + 1
	head += bytes.IndexByte(b[head:], '\n') + 1
	read := func(b []byte) (numbers []int64, err error) {
		t.Helper()
		if err := os.WriteFile(path+journalSuffixes[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		frames, err := readJournal(path, someHead.Database, first-1)
		for _, f := range frames {
			numbers = append(numbers, f.number)
		}
		return numbers, err
	}
	for n := range len(b) + 1 {
		whole := 0
		for whole < len(ends) && ends[whole] <= n {
			whole++
		}
		got, err := read(b[:n])
		if n < head {
			if !errors.Is(err, errDamaged) {
				t.Fatalf("cut at %d, in the head: %v", n, err)
			}
		} else if err != nil || len(got) != whole {
			t.Fatalf("cut at %d: %v, %v, want %d frames", n, got, err, whole)
		}
	}
	last := ends[len(ends)-2]
	for i := range b {
		flipped := slices.Clone(b)
		flipped[i] ^= 0x20
		switch got, err := read(flipped); {
		case i < last && err == nil:
			t.Fatalf("byte %d flipped: %v was read without complaint", i, got)
		case i >= last && (err != nil || len(got) != len(ends)-1):
			t.Fatalf("byte %d of the last frame flipped: %v, %v", i, got, err)
		}
	}
}

// TestJournalRounds: frames of both files count, in the order of their numbers;
// those of an earlier round, which a shorter one left behind, don't.
func TestJournalRounds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.duckdb")
	a, err := newSegment(path+journalSuffixes[0], someHead)
	if err != nil {
		t.Fatal(err)
	}
	b, err := newSegment(path+journalSuffixes[1], someHead)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = a.file.Close(), b.file.Close() }()
	number := int64(0)
	write := func(s *segment, contents ...string) {
		t.Helper()
		for _, c := range contents {
			number++
			if _, err := s.append(number, []*encoded{{record: []byte(c)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	rewind := func(s *segment) {
		t.Helper()
		if err := s.rewind(); err != nil {
			t.Fatal(err)
		}
	}
	write(a, "1", "2", "3", "4")
	write(b, "5", "6", "7")
	rewind(a)
	write(a, "8 is longer than what it overwrites", "9")
	frames, err := readJournal(path, someHead.Database, 4)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range frames {
		got = append(got, string(f.content[:1]))
	}
	if want := []string{"5", "6", "7", "8", "9"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := readJournal(path, someHead.Database, 3); !errors.Is(err, errDamaged) {
		t.Errorf("frame 4 was overwritten, and not missed: %v", err)
	}
}

// TestSegmentFails: after an error a frame is not there; a file that can't
// even be cut back is given up.
func TestSegmentFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	s, err := newSegment(path, someHead)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	if broken, err := s.append(1, []*encoded{{record: []byte("x")}}); err == nil || !broken {
		t.Errorf("broken %v, %v", broken, err)
	}
	if len(s.batches) > 0 || s.end != s.start {
		t.Error("the frame counts all the same")
	}
}

// FuzzJournal: no file makes the reader fall over.
func FuzzJournal(f *testing.F) {
	head, err := encodeHead(someHead)
	if err != nil {
		f.Fatal(err)
	}
	e := &encoded{rows: []row{{rel: &feedback.relation, values: []driver.Value{int64(1), time.Unix(0, 0), "rec-1", true, "fine"}}},
		statements: []statement{{sql: "DELETE FROM runs WHERE run_id = ?", args: args("x")}}}
	e.rows[0].rel = &relation{table: "feedback", stored: feedback.stored}
	e.encodeRecord()
	f.Add(head, e.record)
	f.Fuzz(func(t *testing.T, file, content []byte) {
		if h, frames, err := parseJournal(file); err == nil {
			for _, x := range frames {
				_, _ = decodeRecords(x.content, h.relations())
			}
		}
		batches, err := decodeRecords(content, someHead.relations())
		if err != nil {
			return
		}
		var again []byte
		for _, e := range batches {
			e.encodeRecord()
			for i := range e.rows {
				e.number(&e.rows[i], e.rows[i].values[0].(int64))
			}
			again = append(again, e.record...)
		}
		if back, err := decodeRecords(again, someHead.relations()); err != nil || !slices.Equal(flatten(back), flatten(batches)) {
			t.Errorf("%q reads as %v, and written again as %v, %v", content, flatten(batches), flatten(back), err)
		}
	})
}
