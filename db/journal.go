package db

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// The journal is where a batch becomes durable; DuckDB, which pays per commit
// and per column and hardly per row, takes it from there in large groups.
//
// It is two files beside the database. Batches go to the one while those of the
// other are put into DuckDB; then they change places, and the next round
// overwrites what was there, which costs the disk half of what growing does.
//
// A file begins with two lines of text, the version and the head. Frames
// follow, each written and synced as one, and numbered through both files and
// all rounds. The number of the last frame in DuckDB is a row there (table
// journal), written in the transaction that stores the frame's rows, so that
// no frame is ever stored twice.
//
// A frame is the file's mark (8 bytes), and little-endian its number (8), the
// length of its content (4), the CRC-32C of these two and the content (4), and
// the content, see record.go.

const (
	journalVersion = 1
	markSize       = 8
	frameHead      = markSize + 8 + 4 + 4
	maxFrame       = 1 << 30
)

var journalSuffixes = [2]string{".journal-a", ".journal-b"}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journalHead makes a journal readable for itself: whatever the schema is when
// the frames are read, they go into the columns that they were written for.
type journalHead struct {
	Database string         `json:"database"` // the id in the table journal
	Mark     string         `json:"mark"`     // hexadecimal; random: no content looks like a frame by design
	Tables   []journalTable `json:"tables"`
}

type journalTable struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
}

// frame is a group of batches that became durable as one.
type frame struct {
	number  int64
	content []byte
	rels    []*relation // the tables that the content names by place
}

// encodeHead renders the two lines that a journal file begins with.
func encodeHead(h journalHead) ([]byte, error) {
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "perfcast journal %d %08x\n%s\n", journalVersion, crc32.Checksum(line, castagnoli), line), nil
}

var errDamaged = errors.New("is damaged: restore it and the database from a backup, or move it away to go on without what it holds (stored, but not yet in the database)")

// parseJournal reads a journal file: its head, and every whole frame in the
// order of the file. What is no frame was never acknowledged, or is left of an
// earlier round; that none is missing shows in the numbers.
func parseJournal(b []byte) (h journalHead, frames []frame, err error) {
	first, rest, _ := bytes.Cut(b, []byte("\n"))
	line, rest, ok := bytes.Cut(rest, []byte("\n"))
	words := bytes.Fields(first)
	if len(words) < 3 || string(words[0]) != "perfcast" || string(words[1]) != "journal" {
		return h, nil, errDamaged
	}
	if version, err := strconv.Atoi(string(words[2])); err != nil {
		return h, nil, errDamaged
	} else if version != journalVersion {
		return h, nil, fmt.Errorf("has version %d, this perfcast knows only %d: use the perfcast that wrote it", version, journalVersion)
	}
	if !ok || len(words) != 4 || string(words[3]) != fmt.Sprintf("%08x", crc32.Checksum(line, castagnoli)) || json.Unmarshal(line, &h) != nil {
		return h, nil, errDamaged
	}
	mark, err := hex.DecodeString(h.Mark)
	if err != nil || len(mark) != markSize {
		return h, nil, errDamaged
	}
	for {
		i := bytes.Index(rest, mark)
		if i < 0 {
			return h, frames, nil
		}
		if f, ok := parseFrame(rest[i:]); ok {
			frames = append(frames, f)
			rest = rest[i+frameHead+len(f.content):]
		} else {
			rest = rest[i+1:]
		}
	}
}

// parseFrame is the frame that b begins with, if it is whole.
func parseFrame(b []byte) (f frame, ok bool) {
	if len(b) < frameHead {
		return f, false
	}
	f.number = int64(binary.LittleEndian.Uint64(b[8:]))
	n := binary.LittleEndian.Uint32(b[16:])
	if f.number < 1 || uint64(n) > uint64(len(b)-frameHead) {
		return f, false
	}
	f.content = b[frameHead : frameHead+int(n)]
	return f, checksum(b[8:20], f.content) == binary.LittleEndian.Uint32(b[20:])
}

func checksum(head []byte, parts ...[]byte) uint32 {
	sum := crc32.Checksum(head, castagnoli)
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// segment is one of the journal's two files, with what was written to it in
// this round. Without a file (a database in memory) it is only the latter.
type segment struct {
	file       *os.File
	mark       []byte
	start, end int64 // of the frames
	w          *bufio.Writer

	batches []*encoded
	size    int   // rows and statements of the batches
	last    int64 // number of the last frame
}

// append writes a frame and returns when it is on disk. After an error the
// frame is sure not to be there; broken says that not even this is sure, and
// that the segment must not be used any more.
func (s *segment) append(number int64, batches []*encoded) (broken bool, err error) {
	if s.file != nil {
		if err := s.write(number, batches); err != nil {
			cut := s.file.Truncate(s.end) // which a full disk allows
			return cut != nil || s.file.Sync() != nil, err
		}
	}
	s.last = number
	for _, e := range batches {
		s.batches = append(s.batches, e)
		s.size += len(e.rows) + len(e.statements)
		e.record = nil
	}
	return false, nil
}

func (s *segment) write(number int64, batches []*encoded) error {
	parts, length := make([][]byte, len(batches)), 0
	for i, e := range batches {
		parts[i] = e.record
		length += len(e.record)
	}
	if length > maxFrame {
		return fmt.Errorf("a group of %d bytes is too large to be stored as one", length)
	}
	head := append(make([]byte, 0, frameHead), s.mark...)
	head = binary.LittleEndian.AppendUint64(head, uint64(number))
	head = binary.LittleEndian.AppendUint32(head, uint32(length))
	head = binary.LittleEndian.AppendUint32(head, checksum(head[8:], parts...))
	s.w.Reset(io.NewOffsetWriter(s.file, s.end))
	for _, p := range append([][]byte{head}, parts...) {
		if _, err := s.w.Write(p); err != nil {
			return err
		}
	}
	if err := s.w.Flush(); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.end += int64(frameHead + length)
	return nil
}

// maxSegment is how large a file may stay for the next round.
const maxSegment = 64 << 20

// rewind makes the segment empty, after its batches are in DuckDB. What the
// file holds is overwritten by and by: the numbers tell it from what is new.
func (s *segment) rewind() error {
	s.batches, s.size = nil, 0
	if s.file != nil && s.end > maxSegment {
		if err := s.file.Truncate(s.start); err != nil {
			return err
		}
	}
	s.end = s.start
	return nil
}

// remove ends the segment, which must be empty.
func (s *segment) remove() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// newSegment makes a journal file. Under its name it is complete.
func newSegment(path string, h journalHead) (*segment, error) {
	mark, err := hex.DecodeString(h.Mark)
	if err != nil {
		return nil, err
	}
	head, err := encodeHead(h)
	if err != nil {
		return nil, err
	}
	fresh := path + ".new"
	if err := writeSynced(fresh, head); err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	start := int64(len(head))
	return &segment{file: f, mark: mark, start: start, end: start, w: bufio.NewWriterSize(nil, 64<<10)}, nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes the names of new files durable.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // a file system without it
	}
	return errors.Join(err, d.Close())
}

// readJournal is what the journal files beside a database hold beyond the
// applied frames, in order. It fails if a frame is missing.
func readJournal(path, database string, applied int64) (frames []frame, err error) {
	for _, suffix := range journalSuffixes {
		b, err := os.ReadFile(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h, found, err := parseJournal(b)
		if err == nil && h.Database != database {
			err = errors.New("belongs to another database: put back the one it was written beside, or move it away")
		}
		if err != nil {
			return nil, journalError{path + suffix, err}
		}
		rels := h.relations()
		for _, f := range found {
			if f.number > applied {
				f.rels = rels
				frames = append(frames, f)
			}
		}
	}
	slices.SortFunc(frames, func(a, b frame) int { return cmp.Compare(a.number, b.number) })
	for i, f := range frames {
		if f.number != applied+1+int64(i) {
			return nil, journalError{path + journalSuffixes[0] + " or " + journalSuffixes[1], errDamaged}
		}
	}
	return frames, nil
}

// relations are the tables of a journal's head, as far as storing needs them.
func (h journalHead) relations() []*relation {
	rels := make([]*relation, len(h.Tables))
	for i, t := range h.Tables {
		rels[i] = &relation{table: t.Name, stored: t.Columns}
	}
	return rels
}

// journalError says what is wrong with a journal file.
type journalError struct {
	path string
	err  error
}

func (e journalError) Error() string { return fmt.Sprintf("its journal %s %v", e.path, e.err) }

func (e journalError) Unwrap() error { return e.err }
