package db

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The content of a frame is records, one after the other: a row (recordRow, the
// table's place in the head, the seq in 8 bytes, the values of the columns
// behind it) or a statement (recordStatement, its text, the number of its
// values, the values). Numbers without a size are varints.
const (
	recordRow       = 'r'
	recordStatement = 's'
)

// The kinds of values.
const (
	valueNull = iota
	valueFalse
	valueTrue
	valueInteger // zigzag varint
	valueNumber  // 8 bytes
	valueTime    // microseconds since 1970, zigzag varint
	valueText    // length, bytes
	valueBlob
)

// appendRow appends a row's record. Its seq, which is not known yet, will be
// at the position given.
func appendRow(b []byte, table int, values []driver.Value) (_ []byte, seqAt int) {
	b = append(b, recordRow)
	b = binary.AppendUvarint(b, uint64(table))
	seqAt = len(b)
	b = append(b, make([]byte, 8)...)
	for _, v := range values[1:] {
		b = appendValue(b, v)
	}
	return b, seqAt
}

// rowSize is no less than the size of a row's record.
func rowSize(values []driver.Value) int {
	size := 1 + 2*binary.MaxVarintLen64 + len(values)*(1+binary.MaxVarintLen64)
	for _, v := range values {
		switch v := v.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		}
	}
	return size
}

func appendStatement(b []byte, s statement) []byte {
	b = append(b, recordStatement)
	b = appendText(b, s.sql)
	b = binary.AppendUvarint(b, uint64(len(s.args)))
	for _, a := range s.args {
		b = appendValue(b, a.Value)
	}
	return b
}

// appendValue appends a value of the types that fields and statements have.
func appendValue(b []byte, v driver.Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, valueNull)
	case bool:
		if v {
			return append(b, valueTrue)
		}
		return append(b, valueFalse)
	case int64:
		return binary.AppendVarint(append(b, valueInteger), v)
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, valueNumber), math.Float64bits(v))
	case time.Time:
		return binary.AppendVarint(append(b, valueTime), v.UnixMicro())
	case string:
		return appendText(append(b, valueText), v)
	case []byte:
		b = binary.AppendUvarint(append(b, valueBlob), uint64(len(v)))
		return append(b, v...)
	}
	panic(fmt.Sprintf("db: a %T is no value of a column", v))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeRecords is the rows and statements of a frame, in their order. rels are
// the tables of the journal's head.
func decodeRecords(content []byte, rels []*relation) ([]*encoded, error) {
	r := &reader{left: content}
	var out []*encoded
	for len(r.left) > 0 && r.err == nil {
		switch kind := r.byte(); kind {
		case recordRow:
			out = append(out, &encoded{rows: []row{r.row(rels)}})
		case recordStatement:
			out = append(out, &encoded{statements: []statement{r.statement()}})
		default:
			r.fail()
		}
	}
	return out, r.err
}

// reader takes a content apart. After an error all it reads is zero.
type reader struct {
	left []byte
	err  error
}

func (r *reader) fail() {
	r.left, r.err = nil, errors.New("a record cannot be read")
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.left)) {
		r.fail()
		return nil
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.left)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.left = r.left[n:]
	return x
}

func (r *reader) varint() int64 {
	x := r.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

func (r *reader) value() driver.Value {
	switch r.byte() {
	case valueNull:
		return nil
	case valueFalse:
		return false
	case valueTrue:
		return true
	case valueInteger:
		return r.varint()
	case valueNumber:
		return math.Float64frombits(r.uint64())
	case valueTime:
		return time.UnixMicro(r.varint()).UTC()
	case valueText:
		return string(r.take(r.uvarint()))
	case valueBlob:
		return r.take(r.uvarint())
	}
	r.fail()
	return nil
}

func (r *reader) row(rels []*relation) row {
	table := r.uvarint()
	if table >= uint64(len(rels)) {
		r.fail()
		return row{}
	}
	rel := rels[table]
	values := make([]driver.Value, 1, len(rel.stored))
	values[0] = int64(r.uint64())
	for range rel.stored[1:] {
		values = append(values, r.value())
	}
	return row{rel: rel, values: values}
}

func (r *reader) statement() statement {
	s := statement{sql: string(r.take(r.uvarint()))}
	n := r.uvarint()
	var values []any
	for i := uint64(0); i < n && r.err == nil; i++ {
		values = append(values, r.value())
	}
	s.args = args(values...)
	return s
}
