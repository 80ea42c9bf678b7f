package predictor

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/boost"
)

// Artefact is everything that was learned, as one file. It holds trees,
// effects, calibration and where the training data came from; no row and no
// measured value.
//
//	offset 0   "PERFCAST"
//	       8   format version, uint16 little endian
//	      10   SHA-256 of what follows
//	      42   gzip of sections, each: name length (1 byte), name, length
//	           (uint32 little endian), bytes
type Artefact struct {
	Learned    *Learned
	Kernel     []byte // predictor/kernel's own encoding; empty = none
	Serving    []byte // predictor/serving's own encoding; empty = none
	Provenance Provenance
}

// Provenance is the index of the training data: where it comes from, without
// values.
type Provenance struct {
	Files  []SourceFile
	Groups []SourceGroup
}

// SourceFile is a public file that measurements were read from.
type SourceFile struct {
	Source, Path, Commit, License string
}

// SourceGroup is how many rows of a file are about one design on one device in
// one runtime.
type SourceGroup struct {
	File    int // index into Files
	Stem    string
	Name    string // of the device
	Runtime string
	Version string // of the runtime; empty = not stated
	Mode    perf.Mode
	Count   int
}

const (
	magic         = "PERFCAST"
	formatVersion = 3
	headerLength  = len(magic) + 2 + sha256.Size
	maxArtefact   = 256 << 20 // bytes a decoded artefact may have
)

//go:embed artefact.bin
var embedded []byte

// Encode writes an artefact. The same artefact gives the same bytes.
func (a *Artefact) Encode() ([]byte, error) {
	var body bytes.Buffer
	z, err := gzip.NewWriterLevel(&body, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	section := func(name string, b []byte) {
		head := append([]byte{byte(len(name))}, name...)
		head = binary.LittleEndian.AppendUint32(head, uint32(len(b)))
		_, _ = z.Write(head) // into memory
		_, _ = z.Write(b)
	}
	if l := a.Learned; l != nil {
		for _, m := range l.Folds {
			section("fold", m.Encode())
		}
		section("effects", encodeEffects(l.Effects))
		section("numbers", encodeNumbers(l.numbers()))
		if l.Scale != nil {
			section("scale", l.Scale.Encode())
		}
	}
	section("kernel", a.Kernel)
	section("serving", a.Serving)
	provenance, err := json.Marshal(a.Provenance)
	if err != nil {
		return nil, err
	}
	section("provenance", provenance)
	if err := z.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body.Bytes())
	out := binary.LittleEndian.AppendUint16([]byte(magic), formatVersion)
	return append(append(out, sum[:]...), body.Bytes()...), nil
}

// Decode reads an artefact. It refuses one of another format, version or
// checksum, saying which.
func Decode(b []byte) (*Artefact, error) {
	switch {
	case len(b) < headerLength || string(b[:len(magic)]) != magic:
		return nil, errors.New("not a perfcast artefact: the first bytes are not " + magic)
	case binary.LittleEndian.Uint16(b[len(magic):]) != formatVersion:
		return nil, fmt.Errorf("artefact of format version %d; this program reads %d: train it again", binary.LittleEndian.Uint16(b[len(magic):]), formatVersion)
	}
	sum := sha256.Sum256(b[headerLength:])
	if !bytes.Equal(sum[:], b[len(magic)+2:headerLength]) {
		return nil, errors.New("the artefact is damaged: its checksum does not match")
	}
	z, err := gzip.NewReader(bytes.NewReader(b[headerLength:]))
	if err != nil {
		return nil, fmt.Errorf("the artefact is damaged: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(z, maxArtefact))
	if err != nil {
		return nil, fmt.Errorf("the artefact is damaged: %w", err)
	}
	a := &Artefact{}
	for len(body) > 0 {
		n := int(body[0])
		if len(body) < 1+n+4 {
			return nil, errors.New("the artefact is damaged: a section is cut off")
		}
		name, length := string(body[1:1+n]), int(binary.LittleEndian.Uint32(body[1+n:]))
		body = body[1+n+4:]
		if length > len(body) {
			return nil, errors.New("the artefact is damaged: a section is cut off")
		}
		if err := a.section(name, body[:length]); err != nil {
			return nil, fmt.Errorf("section %s: %w", name, err)
		}
		body = body[length:]
	}
	return a, nil
}

func (a *Artefact) section(name string, b []byte) error {
	if a.Learned == nil && (name == "fold" || name == "effects" || name == "numbers" || name == "scale") {
		a.Learned = &Learned{}
	}
	switch name {
	case "fold", "scale":
		m, err := boost.Decode(b)
		if err != nil {
			return err
		}
		want := len(Features)
		if name == "scale" {
			want += scaleInputs
			a.Learned.Scale = m
		} else {
			a.Learned.Folds = append(a.Learned.Folds, m)
		}
		if m.Features() != want {
			return fmt.Errorf("trees of %d inputs; this program has %d: train again", m.Features(), want)
		}
	case "effects":
		e, err := decodeEffects(b)
		a.Learned.Effects = e
		return err
	case "numbers":
		return a.Learned.setNumbers(b)
	case "kernel":
		a.Kernel = b
	case "serving":
		a.Serving = b
	case "provenance":
		return json.Unmarshal(b, &a.Provenance)
	default:
		return errors.New("unknown")
	}
	return nil
}

// numbers are the small tables, as one list.
func (l *Learned) numbers() []float64 {
	var xs []float64
	for t := range l.Tau {
		for _, tau := range l.Tau[t] {
			for _, x := range tau {
				xs = append(xs, float64(x))
			}
		}
	}
	xs = append(xs, l.Noise)
	for _, ends := range [...]*[NumStates][2]float64{&l.Low, &l.High} {
		for s := range ends {
			xs = append(xs, ends[s][:]...)
		}
	}
	return xs
}

func (l *Learned) setNumbers(b []byte) error {
	if len(b) != 8*(NumGroups*NumSorts*NumCoefficients+1+4*NumStates) {
		return errors.New("of another size: train again")
	}
	next := func() float64 {
		x := math.Float64frombits(binary.LittleEndian.Uint64(b))
		b = b[8:]
		return x
	}
	for t := range l.Tau {
		for s := range l.Tau[t] {
			for k := range l.Tau[t][s] {
				l.Tau[t][s][k] = float32(next())
			}
		}
	}
	l.Noise = next()
	for _, ends := range [...]*[NumStates][2]float64{&l.Low, &l.High} {
		for s := range ends {
			ends[s] = [2]float64{next(), next()}
		}
	}
	return nil
}

func encodeNumbers(xs []float64) []byte {
	var b []byte
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// Effects are written by ascending hash: the difference to the one before as a
// varint, then for each coefficient the mean in steps of 1/4096 as a varint and
// the variance as a byte on a logarithmic scale (eighths of an octave; 255 = 0).
const effectSteps = 4096

func encodeEffects(effects map[uint64]Effect) []byte {
	keys := make([]uint64, 0, len(effects))
	for k := range effects {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b := binary.AppendUvarint(nil, uint64(len(keys)))
	last := uint64(0)
	for _, key := range keys {
		e := effects[key]
		b = binary.AppendUvarint(b, key-last)
		for k := range NumCoefficients {
			b = binary.AppendVarint(b, int64(math.Round(float64(e.Mean[k])*effectSteps)))
			v := byte(255)
			if e.Variance[k] > 0 {
				v = byte(math.Min(254, math.Max(0, math.Round(40-8*math.Log2(float64(e.Variance[k]))))))
			}
			b = append(b, v)
		}
		last = key
	}
	return b
}

func decodeEffects(b []byte) (map[uint64]Effect, error) {
	n, at := binary.Uvarint(b)
	if at <= 0 || n > uint64(len(b)) {
		return nil, errors.New("damaged")
	}
	b = b[at:]
	effects := make(map[uint64]Effect, n)
	key := uint64(0)
	for range n {
		step, i := binary.Uvarint(b)
		if i <= 0 {
			return nil, errors.New("damaged")
		}
		b = b[i:]
		key += step
		var e Effect
		for k := range NumCoefficients {
			mean, j := binary.Varint(b)
			if j <= 0 || len(b) < j+1 {
				return nil, errors.New("damaged")
			}
			e.Mean[k] = float32(mean) / effectSteps
			if b[j] < 255 {
				e.Variance[k] = float32(math.Exp2((40 - float64(b[j])) / 8))
			}
			b = b[j+1:]
		}
		effects[key] = e
	}
	return effects, nil
}

// fingerprint is the short name of an artefact: the first 12 digits of its
// checksum.
func fingerprint(b []byte) string { return hex.EncodeToString(b[len(magic)+2 : len(magic)+2+6]) }
