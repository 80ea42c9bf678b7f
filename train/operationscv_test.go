package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor/kernel"
	"github.com/perfcast/perfcast/predictor/ops"
)

// timings draws fp32 matrix products and sums on a GPU that reaches a share
// of its peak and of its bandwidth, with 2 % noise.
func timings(name string, cores int, share float64) []kernel.Row {
	d := &perf.Device{Name: name, Platform: perf.CUDA, Kind: "datacenter-gpu", Year: 2020, Cores: cores, ClockHz: 1.5e9,
		FP32: float64(cores) * 128 * 1.5e9, MemoryBandwidth: float64(cores) * 12e9, CacheBytes: 40e6, PowerW: 300}
	r := rand.New(rand.NewPCG(uint64(cores), 3))
	size := func() int { return 256 << r.IntN(5) }
	var rows []kernel.Row
	for i := range 400 {
		m, n, k := size(), size(), size()
		M, N, K := float64(m), float64(n), float64(k)
		o := ops.Op{Class: ops.Matmul, B: 1, M: m, N: n, K: k, FLOPs: 2 * M * N * K, Bytes: 4 * (M*K + N*K + M*N), Count: 1, Launches: 1}
		if i%4 == 0 {
			o = ops.Op{Class: ops.Elementwise, Kind: "add", B: 1, M: m, N: n, FLOPs: M * N, Bytes: 12 * M * N, Count: 1, Launches: 1}
		}
		t := 2e-6 + math.Max(o.FLOPs/d.FP32, o.Bytes/d.MemoryBandwidth)/share
		rows = append(rows, kernel.Row{Op: o, Device: d, Precision: perf.FP32, Seconds: t * math.Exp(0.02*r.NormFloat64())})
	}
	return rows
}

// Boards of one chip are held out together: a chip that is slower than all the
// others is a surprise on both of its boards, which would know of each other
// were one of them left in.
func TestBoardsOfOneChipAreHeldOutTogether(t *testing.T) {
	rows := slices.Concat(timings("a", 40, 0.85), timings("b", 60, 0.85), timings("c", 80, 0.85), timings("d", 110, 0.85),
		timings("slow, one board", 70, 0.5), timings("slow, another board", 70, 0.5))
	done := 0
	scores, err := JudgeOperations(rows, func(_ string, n, total int) { done = n * 100 / total })
	if err != nil || done != 100 {
		t.Fatalf("%v, %d %% done", err, done)
	}
	bias := map[string]float64{}
	for _, s := range scores {
		if s.Operation == "matmul" {
			bias[s.Device] = s.Bias
		}
	}
	if len(bias) != 6 {
		t.Fatalf("matrix products of %v were judged, want all six devices", bias)
	}
	for name, b := range bias {
		if slow := strings.HasPrefix(name, "slow"); slow && b > -0.35 || !slow && b < 0 {
			t.Errorf("%s: bias %+.2f; the slow chip is fast to those who know the others, %+.2f", name, b, math.Log(0.5/0.85))
		}
	}
	if again, _ := JudgeOperations(rows, nil); fmt.Sprint(again) != fmt.Sprint(scores) {
		t.Error("judged twice, the scores differ")
	}
}
