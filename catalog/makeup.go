package catalog

import (
	"bytes"
	_ "embed"
	"math"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// makeup.csv is counted from the networks' definitions by makeup.py.
//
//go:embed makeup.csv
var makeupCSV []byte

var (
	workColumns   = [perf.NumWorks]string{"spatial", "pointwise", "grouped", "depthwise", "attention"}
	kernelColumns = [perf.NumKernels]string{"conv", "depthwise", "batchnorm", "layernorm", "groupnorm", "activation", "softmax", "concat", "pool", "copy", "other"}
)

// counted is a network whose kernels were counted.
type counted struct {
	makeup perf.Makeup
	macs   float64
}

// makeups are the counted networks by the stem of their name, and by the
// architecture that they are sizes of.
type makeups struct {
	stem         map[string]*counted
	architecture map[string][]*counted
}

func loadMakeups() (*makeups, error) {
	all := &makeups{stem: map[string]*counted{}, architecture: map[string][]*counted{}}
	err := rows("makeup.csv", bytes.NewReader(makeupCSV), func(r *row) error {
		c := &counted{}
		var works [perf.NumWorks]float64
		for i, name := range workColumns {
			works[i] = r.number("macs_"+name, 1)
			c.macs += works[i]
		}
		if c.macs == 0 {
			return nil
		}
		for i := range works {
			c.makeup.Works[i] = float32(works[i] / c.macs)
		}
		c.makeup.GroupWidth = float32(r.number("group_width", 1))
		for i, name := range kernelColumns {
			c.makeup.Elements[i] = float32(r.number("io_"+name, 1) / c.macs)
			c.makeup.Kernels[i] = float32(r.number("n_"+name, 1))
		}
		stem := nameStem(r.text("name"))
		if all.stem[stem] != nil { // other input sizes and recipes
			return nil
		}
		all.stem[stem] = c
		a, _, _ := designOf(stem)
		all.architecture[a] = append(all.architecture[a], c)
		return nil
	})
	return all, err
}

// of is the makeup of a model: that of its own design, or of the nearest size
// of its architecture. Models that are listed layer by layer need none.
func (all *makeups) of(m *perf.Model, stem string) (none perf.Makeup) {
	switch m.Family {
	case "vision", "detection", "multimodal":
	default:
		return none
	}
	if c := all.stem[stem]; c != nil {
		return c.makeup
	}
	if c := all.stem[strings.ReplaceAll(stem, "_", "")]; c != nil {
		return c.makeup
	}
	var near *counted
	for _, c := range all.architecture[m.Architecture] {
		if near == nil || apart(c, m) < apart(near, m) {
			near = c
		}
	}
	if near == nil || m.Family != "vision" {
		return none
	}
	return near.makeup
}

// apart is how far a network is from another of its architecture in size.
func apart(c *counted, m *perf.Model) float64 {
	return math.Abs(math.Log(c.macs / math.Max(m.MACs, 1e6)))
}
