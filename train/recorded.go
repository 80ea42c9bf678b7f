package train

import (
	"strconv"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// Store is what a database holds for training and evaluation.
type Store struct {
	Catalog      *catalog.Catalog     // with the users' devices and models
	Predictor    *predictor.Predictor // in force, with the measurements applied
	Measurements []perf.Measurement   // oldest first; without sample data and what is in quarantine
}

// OpenStore opens a database by its path. The commands are given one, because
// this package opens none by itself.
type OpenStore func(path string) (*Store, error)

// Recorded understands measurements that a database holds. Their values are in
// SI units already.
func Recorded(c *catalog.Catalog, ms []perf.Measurement) []Case {
	cases := make([]Case, 0, len(ms))
	for _, m := range ms {
		cases = append(cases, recorded(c, m))
	}
	return cases
}

func recorded(c *catalog.Catalog, m perf.Measurement) Case {
	k := Case{Weight: 1, Stem: m.Model, Row: &Row{Source: "recorded", Path: m.ID, Model: m.Model, Family: m.Family,
		Platform: string(m.Platform), Device: m.Device, Devices: m.Devices, Framework: m.Runtime, Precision: string(m.Precision),
		Mode: string(m.Mode), Batch: float64(m.BatchSize), SequenceIn: float64(m.SequenceLength), SequenceOut: float64(m.OutputLength)}}
	if m.ImageSize > 0 {
		k.Row.ImageSize = strconv.Itoa(m.ImageSize)
	}
	facts, err := c.ModelAt(m.Model, m.ImageSize)
	if err != nil {
		k.Reason = "no facts of the model"
		return k
	}
	hardware, err := c.Device(m.Device, m.Platform)
	if err != nil {
		k.Reason = "no facts of the device"
		return k
	}
	k.Stem = predictor.StemOf(facts)
	k.W = perf.Workload{Config: m.Config, Facts: facts, Hardware: hardware}
	k.observed(m)
	if len(k.Views) == 0 {
		k.Reason = "no number that can be compared"
	}
	k.Group = groupOf(&k)
	return k
}

// observed fills in the views of a recorded measurement. A step's throughput
// and latency are two views of one number: one is enough.
func (k *Case) observed(m perf.Measurement) {
	add := func(metric string, x *float64, of predictor.Quantity, factor float64, rate bool) bool {
		if x == nil || *x <= 0 || !perf.Finite(*x) {
			return false
		}
		k.Views = append(k.Views, View{metric, *x, of, factor, rate})
		return true
	}
	w := &k.W
	copies := max(1, w.Devices/max(1, w.TensorParallel*w.PipelineParallel))
	if w.Mode == perf.Training {
		copies = max(1, w.Devices)
	}
	if !add("latency", m.Latency, predictor.StepTime, 1, false) {
		add("throughput", m.Throughput, predictor.StepTime, float64(max(1, w.BatchSize)*copies), true)
	}
	add("ttft", m.TTFT, predictor.FirstToken, 1, false)
	add("tpot", m.TPOT, predictor.TokenTime, 1, false)
	add("memory", m.Memory, predictor.Memory, 1, false)
}
