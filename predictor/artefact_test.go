package predictor

import (
	"bytes"
	"strings"
	"testing"
)

func TestEmbeddedArtefactReadsBack(t *testing.T) {
	a, err := Decode(Embedded())
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	c, err := again.Encode()
	if err != nil || !bytes.Equal(b, c) {
		t.Errorf("encoding is not stable: %v", err)
	}
	if n := len(Embedded()); n > 8<<20 {
		t.Errorf("the artefact has %d bytes", n)
	}
	if len(a.Provenance.Groups) == 0 || len(a.Learned.Folds) == 0 || a.Learned.Scale == nil {
		t.Error("sections are missing")
	}
}

func TestDamagedArtefactsAreRefused(t *testing.T) {
	good := Embedded()
	flip := func(at int) []byte {
		b := bytes.Clone(good)
		b[at] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"another file": {[]byte("PK\x03\x04 and so on, long enough to hold a header of forty-two bytes"), "not a perfcast artefact"},
		"too short":    {good[:20], "not a perfcast artefact"},
		"version":      {flip(8), "format version"},
		"checksum":     {flip(12), "checksum"},
		"body":         {flip(len(good) / 2), "checksum"},
		"cut off":      {good[:len(good)-100], "checksum"},
	} {
		if _, err := New(c.b); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Embedded()[:200])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := Decode(b); err == nil && a == nil {
			t.Error("neither an artefact nor an error")
		}
	})
}

func FuzzEffects(f *testing.F) {
	f.Add(encodeEffects(map[uint64]Effect{7: {Mean: Coefficients{0.5}, Variance: Coefficients{0.01}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := decodeEffects(b); err == nil {
			if _, err := decodeEffects(encodeEffects(e)); err != nil {
				t.Error(err)
			}
		}
	})
}
