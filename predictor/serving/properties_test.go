package serving

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/perfcast/perfcast/perf"
)

// learned are the models whose shape is tested: nothing learned, and much.
func learned(t testing.TB) []*Model { return []*Model{Physical(), fitted(t, truth(40, 0.3))} }

// The physics never loses throughput to load. What is learned bounds each of a
// request's two times, whose sum may miss by a trace where a prompt takes longer
// than decoding all its output: a few tokens of a long prompt.
func TestThroughputNeverFallsWithLoad(t *testing.T) {
	for i, m := range learned(t) {
		slack := []float64{1e-9, 0.01}[i]
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := anyWorkload(t)
				w.Concurrency = rapid.IntRange(1, 400).Draw(t, "from")
				if i > 0 {
					w.OutputLength += 32
				}
				more := w
				more.Concurrency += rapid.IntRange(1, 200).Draw(t, "more")
				a, _ := m.Predict(w)
				b, _ := m.Predict(more)
				if b.OutputTokensPerSec < a.OutputTokensPerSec*(1-slack) && float64(more.Concurrency) <= a.Room {
					t.Fatalf("%d in flight give %g tokens/s, %d give %g", w.Concurrency, a.OutputTokensPerSec, more.Concurrency, b.OutputTokensPerSec)
				}
			})
		})
	}
}

func TestFasterDeviceIsNeverSlower(t *testing.T) {
	for i, m := range learned(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := anyWorkload(t)
				d := *w.Hardware
				k := rapid.Float64Range(1, 4).Draw(t, "factor")
				switch rapid.IntRange(0, 2).Draw(t, "what") {
				case 0:
					d.MemoryBandwidth *= k
				case 1:
					d.FP16, d.FP8, d.FP32, d.BF16, d.Int8 = d.FP16*k, d.FP8*k, d.FP32*k, d.BF16*k, d.Int8*k
				case 2:
					if d.LinkBandwidth == 0 {
						d.LinkBandwidth = pcie(&d)
					}
					d.LinkBandwidth *= k
				}
				faster := w
				faster.Hardware = &d
				a, _ := m.Predict(w)
				b, _ := m.Predict(faster)
				if b.TPOT > a.TPOT*(1+1e-9) || b.TTFT > a.TTFT*(1+1e-9) || b.EndToEnd > a.EndToEnd*(1+1e-9) || b.OutputTokensPerSec < a.OutputTokensPerSec*(1-1e-9) {
					t.Fatalf("%.2f times faster: TPOT %g -> %g, TTFT %g -> %g, end to end %g -> %g, tokens/s %g -> %g", k,
						a.TPOT, b.TPOT, a.TTFT, b.TTFT, a.EndToEnd, b.EndToEnd, a.OutputTokensPerSec, b.OutputTokensPerSec)
				}
			})
		})
	}
}

// Longer prompts take longer to start, and more in flight slow each other down.
func TestTimesGrowWithWork(t *testing.T) {
	for i, m := range learned(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := anyWorkload(t)
				longer, busier := w, w
				longer.SequenceLength += rapid.IntRange(1, 8192).Draw(t, "longer")
				a, _ := m.Predict(w)
				if b, _ := m.Predict(longer); b.TTFT < a.TTFT*(1-1e-9) {
					t.Fatalf("%d tokens start in %g s, %d in %g s", w.SequenceLength, a.TTFT, longer.SequenceLength, b.TTFT)
				}
				if w.Concurrency == 0 {
					return
				}
				busier.Concurrency += rapid.IntRange(1, 200).Draw(t, "busier")
				if b, _ := m.Predict(busier); b.TPOT < a.TPOT*(1-1e-9) || b.TTFT < a.TTFT*(1-1e-9) {
					t.Fatalf("%d in flight: %g and %g s; %d: %g and %g s", w.Concurrency, a.TTFT, a.TPOT, busier.Concurrency, b.TTFT, b.TPOT)
				}
			})
		})
	}
}

func TestAnswersAreWhole(t *testing.T) {
	for _, m := range learned(t) {
		rapid.Check(t, func(t *rapid.T) {
			w := anyWorkload(t)
			a, err := m.Predict(w)
			if err != nil {
				t.Fatal(err)
			}
			for q := range numQuantities {
				if v := a.Of(q, &w); !perf.Finite(v) || v <= 0 {
					t.Fatalf("%v is %v", q, v)
				}
			}
			s := a.Shares
			if sum := s.Compute + s.MemoryBandwidth + s.Overhead + s.Communication; math.Abs(sum-1) > 1e-9 {
				t.Fatalf("the shares sum to %v", sum)
			}
			if a.SigmaTPOT <= 0 || a.SigmaTTFT <= 0 || a.EndToEnd < a.TTFT {
				t.Fatalf("%+v", a)
			}
			if b, _ := m.Predict(w); a != b {
				t.Fatal("two answers to one request")
			}
		})
	}
}

// A decode step of one sequence cannot be faster than reading the weights.
func TestDecodeReadsTheWeights(t *testing.T) {
	for _, p := range []perf.Precision{perf.FP16, perf.FP8, perf.Int4} {
		a, err := Physical().Predict(workload(llama70, h100, p, 4, 128, 128, 1))
		if err != nil {
			t.Fatal(err)
		}
		bytes := map[perf.Precision]float64{perf.FP16: 2, perf.FP8: 1, perf.Int4: 0.5}[p]
		if bound := 70e9 * 0.95 * bytes / 4 / 3350e9; a.TPOT < bound || a.TPOT > 5*bound {
			t.Errorf("%s: %.2f ms a token, the weights alone take %.2f", p, 1e3*a.TPOT, 1e3*bound)
		}
	}
}

// A mixture reads the few experts that one token hits, and nearly all of them
// for many tokens; its total size is what the facts say.
func TestMixtureOfExperts(t *testing.T) {
	s, err := shapeOf(deepseek)
	if err != nil {
		t.Fatal(err)
	}
	if total := s.layers*(s.dense+s.experts*s.expert) + 2*s.head; math.Abs(total/deepseek.Params-1) > 0.02 {
		t.Errorf("the parts sum to %.0f G parameters, not 671", total/1e9)
	}
	if one, many := s.hit(1), s.hit(1000); math.Abs(one-8) > 1e-6 || many < 255.9 || many > 256 {
		t.Errorf("1 token hits %.2f of 256 experts, 1000 hit %.2f; want 8 and nearly all", one, many)
	}
}

func TestWaitsWhenMemoryIsShort(t *testing.T) {
	a, _ := Physical().Predict(workload(llama70, h100, perf.FP8, 1, 8192, 1024, 4))
	b, _ := Physical().Predict(workload(llama70, h100, perf.FP8, 1, 8192, 1024, 256))
	if b.Room > 256 || b.Running > b.Room || b.TTFT < 10*a.TTFT {
		t.Errorf("256 requests on one full device: %+v", b)
	}
}
