package predictor_test

import (
	"math"
	"testing"
	"testing/quick"

	"github.com/perfcast/perfcast/predictor"
)

func TestStandings(t *testing.T) {
	of := func(cs ...predictor.Contender) []float64 { return predictor.Standings(cs) }

	// Known devices stand by their prediction alone, whatever their peak.
	s := of(predictor.Contender{Worth: 200, Peak: 1e12, Known: true}, predictor.Contender{Worth: 100, Peak: 9e12, Known: true})
	if math.Abs(s[0]-s[1]-math.Ln2) > 1e-12 {
		t.Errorf("known: %v", s)
	}
	// Of two alike in prediction that nobody measured, the greater peak stands higher.
	s = of(predictor.Contender{Worth: 100, Peak: 1e12}, predictor.Contender{Worth: 100, Peak: 2e12})
	if s[0] >= s[1] {
		t.Errorf("unknown: %v", s)
	}
	// One that nobody measured and whose peak has the usual price stands by its prediction.
	s = of(predictor.Contender{Worth: 100, Peak: 1e12, Known: true}, predictor.Contender{Worth: 300, Peak: 3e12})
	if math.Abs(s[1]-math.Log(300)) > 1e-12 {
		t.Errorf("as promised: %v", s)
	}
	// What is certainly worse stays below, whatever its peak.
	s = of(predictor.Contender{Worth: 100, Peak: 1e12, Known: true}, predictor.Contender{Worth: 40, Low: 20, High: 80, Peak: 1e15})
	if math.Abs(s[1]-math.Log(80)) > 1e-12 {
		t.Errorf("certainly worse: %v", s)
	}
	// What is worth nothing comes last, and spoils nothing.
	s = of(predictor.Contender{Worth: 0, Peak: 1e12}, predictor.Contender{Worth: 100, Peak: 0}, predictor.Contender{Worth: 50, Peak: 1e12})
	if !math.IsInf(s[0], -1) || s[1] != math.Log(100) || math.Abs(s[2]-math.Log(50)) > 1e-12 {
		t.Errorf("worthless: %v", s)
	}
}

// Whatever is known, more worth at the same peak never stands lower.
func TestStandingsRiseWithWorth(t *testing.T) {
	rise := func(a, b, peak uint16, known bool) bool {
		lo, hi := float64(min(a, b))+1, float64(max(a, b))+1
		c := predictor.Contender{Peak: float64(peak) + 1, Known: known}
		x, y := c, c
		x.Worth, y.Worth = lo, hi
		s := predictor.Standings([]predictor.Contender{x, y})
		return s[0] <= s[1]
	}
	if err := quick.Check(rise, nil); err != nil {
		t.Error(err)
	}
}
