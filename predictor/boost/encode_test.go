package boost

import (
	"bytes"
	"math"
	"testing"
)

func TestEncodeRoundTrip(t *testing.T) {
	d := friedman(1000, 6, 1, .1, 20)
	for _, m := range []*Model{{}, fit(t, d, Options{Trees: 30}), fit(t, d, Options{Trees: 1, MinChildWeight: 1e6})} {
		b := m.Encode()
		got, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Encode(), b) {
			t.Error("encoding the decoded model gives other bytes")
		}
		for _, x := range d.X {
			if m.Predict(x) != got.Predict(x) {
				t.Fatalf("%v before, %v after", m.Predict(x), got.Predict(x))
			}
		}
	}
}

func TestDecodeRefusesEveryPrefix(t *testing.T) {
	b := fit(t, friedman(200, 5, 1, 0, 21), Options{Trees: 3}).Encode()
	for n := range b {
		if _, err := Decode(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for a model", n, len(b))
		}
	}
	if _, err := Decode(append(b, 0)); err == nil {
		t.Error("a byte too many was not noticed")
	}
}

// FuzzDecode: whatever the input, Decode returns an error or a model that can
// be evaluated and encodes to something equal.
func FuzzDecode(f *testing.F) {
	for _, trees := range []int{1, 4} {
		f.Add(fit(f, friedman(200, 5, 1, .1, 22), Options{Trees: trees, MaxDepth: 3}).Encode())
	}
	f.Add((&Model{}).Encode())
	f.Add([]byte{format, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		for _, v := range []float64{-1, .5, math.NaN()} {
			x := make([]float64, m.Features())
			for i := range x {
				x[i] = v
			}
			m.Predict(x)
		}
		again, err := Decode(m.Encode())
		if err != nil || !bytes.Equal(again.Encode(), m.Encode()) {
			t.Errorf("not stable: %v", err)
		}
	})
}
