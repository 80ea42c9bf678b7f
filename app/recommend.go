package app

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/db"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

// Recommend ranks hardware for a workload. Nothing is stored.
func (a *App) Recommend(_ context.Context, r HardwareRequest) (perf.Recommendation, error) {
	if err := r.validate(a); err != nil {
		return perf.Recommendation{}, err
	}
	return a.recommend(r)
}

// recommend predicts every candidate and ranks those that keep the constraints
// and fit in memory. Candidates whose 90 % intervals overlap the best one's
// are tied with it.
func (a *App) recommend(r HardwareRequest) (perf.Recommendation, error) {
	m, err := a.catalog.Load().ModelAt(r.Config.Model, r.Config.ImageSize)
	if err != nil {
		return perf.Recommendation{}, err
	}
	rec := perf.Recommendation{Config: r.Config, Time: a.clock(), UserID: r.UserID, Params: m.Params,
		Constraints: r.Constraints, Objective: cmp.Or(r.Objective, perf.ObjectiveThroughput)}
	rec.Asked, rec.Model = rec.ModelName(), m.Name
	if rec.Family == "" {
		rec.Family = m.Family
	}
	for _, t := range a.candidates(r) {
		c, err := a.candidate(t, m, r.Constraints)
		if err != nil {
			return perf.Recommendation{}, err
		}
		rec.Candidates = append(rec.Candidates, c)
	}
	rank(rec.Candidates, rec.Objective)
	conclude(&rec)
	return rec, nil
}

// candidates are the configurations to choose from: the devices and platforms
// named, else the fleet, else each documented platform's usual device.
func (a *App) candidates(r HardwareRequest) []perf.Config {
	c := r.Config
	c.Platform, c.Device = "", ""
	if len(r.Devices)+len(r.Available) > 0 {
		return targetsOf(c, r.Devices, unique(r.Available))
	}
	var out []perf.Config
	for _, e := range a.Fleet() {
		t := c
		t.Platform, t.Device = e.Platform, e.Device
		out = append(out, t)
	}
	if out != nil {
		return out
	}
	return targetsOf(c, nil, perf.RESTPlatforms)
}

func unique[T comparable](xs []T) []T {
	seen := map[T]bool{}
	return slices.DeleteFunc(slices.Clone(xs), func(x T) bool {
		dup := seen[x]
		seen[x] = true
		return dup
	})
}

// candidate predicts one configuration and checks it against the constraints.
func (a *App) candidate(c perf.Config, m *perf.Model, limits perf.Constraints) (perf.Candidate, error) {
	w, warnings, err := a.place(c, m)
	if err != nil {
		return perf.Candidate{}, err
	}
	w.Unknown.Device = assumed(warnings)
	p, err := a.predictor.Load().Predict(w)
	if err != nil {
		return perf.Candidate{}, err
	}
	p.Time = a.clock()
	p.Warnings = append(warnings, p.Warnings...)
	out := perf.Candidate{Prediction: p, Peak: predictor.HighestPeak(w.Hardware, w.Devices)}
	if e := a.fleetEntry(p.Device, p.Platform); e != nil && e.PricePerHour > 0 {
		out.PricePerHour = e.PricePerHour * float64(p.Devices)
		if p.Throughput.Value > 0 {
			out.CostPerMillion = out.PricePerHour / 3600 / p.Throughput.Value * 1e6
		}
	}
	out.Violations = violations(out, limits)
	return out, nil
}

// violations says in which ways a candidate is ruled out.
func violations(c perf.Candidate, l perf.Constraints) []string {
	var out []string
	p := c.Prediction
	over := func(what string, x, most, unit float64, name string) {
		if most > 0 && x > most {
			out = append(out, fmt.Sprintf("%s of %.4g %s is over the %.4g %s allowed", what, x/unit, name, most/unit, name))
		}
	}
	if p.Fits == perf.FitNo {
		out = append(out, fmt.Sprintf("needs %.4g GB, more than the device has", p.Memory.Value/perf.GB))
	}
	over("latency", p.Latency.Value, l.MaxLatency, perf.Millisecond, "ms")
	if p.TTFT != nil {
		over("time to first token", p.TTFT.Value, l.MaxTTFT, perf.Millisecond, "ms")
		over("time per output token", p.TPOT.Value, l.MaxTPOT, perf.Millisecond, "ms")
	}
	over("memory", p.Memory.Value, l.MaxMemory, perf.MB, "MB")
	if l.MinThroughput > 0 && p.Throughput.Value < l.MinThroughput {
		out = append(out, fmt.Sprintf("throughput of %.4g/s is under the %.4g/s asked for", p.Throughput.Value, l.MinThroughput))
	}
	over("price", c.PricePerHour, l.MaxPricePerHour, 1, "an hour")
	if l.MaxPricePerHour > 0 && c.PricePerHour == 0 {
		out = append(out, "its price is not known; state it in the fleet")
	}
	return out
}

// worth is what the objective makes of a candidate, larger is better, with its
// interval. Where answers of several tokens are asked for, they count: output
// tokens a second, and the time of a whole request.
func worth(c perf.Candidate, o perf.Objective) perf.Estimate {
	p := c.Prediction
	rate, latency := p.Throughput, p.Latency
	if generates(p) {
		rate = *p.OutputTokensPerSec
		if p.EndToEnd != nil {
			latency = *p.EndToEnd
		}
	}
	switch o {
	case perf.ObjectiveLatency:
		return latency.Invert(1)
	case perf.ObjectiveCost:
		if c.PricePerHour <= 0 {
			return perf.Estimate{}
		}
		return rate.Scale(3600 / c.PricePerHour)
	}
	return rate
}

// generates reports whether what was asked for is text that a model writes, not
// a pass over text that there is.
func generates(p perf.Prediction) bool {
	return p.OutputTokensPerSec != nil && (p.OutputLength > 0 || p.Concurrency > 0)
}

// rank sorts candidates, best first and the ruled-out last, and fills in rank,
// score and reason.
func rank(cs []perf.Candidate, o perf.Objective) {
	stand(cs, o)
	slices.SortStableFunc(cs, func(x, y perf.Candidate) int {
		return cmp.Or(cmp.Compare(btoi(len(x.Violations) > 0), btoi(len(y.Violations) > 0)),
			cmp.Compare(y.Standing, x.Standing),
			cmp.Compare(x.Prediction.Platform, y.Prediction.Platform), cmp.Compare(x.Prediction.Device, y.Prediction.Device))
	})
	for i := range cs {
		c := &cs[i]
		if len(c.Violations) > 0 {
			c.Reason = "ruled out: " + strings.Join(c.Violations, "; ")
			continue
		}
		best, mine := worth(cs[0], o), worth(*c, o)
		c.Rank, c.Score = i+1, 1
		if best.Value > 0 {
			c.Score = math.Exp(c.Standing - cs[0].Standing)
		}
		if i > 0 && mine.High >= best.Low {
			c.Rank, c.Tied, cs[0].Tied = 1, true, true
		}
	}
	for i := range cs {
		if cs[i].Rank > 0 {
			cs[i].Reason = reason(cs[i], o)
		}
	}
}

// stand fills in by what candidates are ranked.
func stand(cs []perf.Candidate, o perf.Objective) {
	of := make([]predictor.Contender, len(cs))
	for i, c := range cs {
		w := worth(c, o)
		of[i] = predictor.Contender{Worth: w.Value, Low: w.Low, High: w.High, Peak: c.Peak, Known: c.Prediction.DeviceKnown}
		if o == perf.ObjectiveCost && c.PricePerHour > 0 {
			of[i].Peak /= c.PricePerHour
		}
	}
	for i, s := range predictor.Standings(of) {
		cs[i].Standing = s
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func reason(c perf.Candidate, o perf.Objective) string {
	p := c.Prediction
	what := fmt.Sprintf("%.4g samples/s, %.4g ms a step, %s bound, %.4g GB of memory", p.Throughput.Value, p.Latency.Value/perf.Millisecond, p.Bound(), p.Memory.Value/perf.GB)
	if generates(p) {
		what = fmt.Sprintf("%.4g output tokens/s, %.4g ms a token, %.4g GB of memory", p.OutputTokensPerSec.Value, p.TPOT.Value/perf.Millisecond, p.Memory.Value/perf.GB)
	}
	if o == perf.ObjectiveCost && c.CostPerMillion > 0 {
		what += fmt.Sprintf(", %.4g per million samples", c.CostPerMillion)
	}
	if !p.DeviceKnown {
		what += "; nobody measured it yet, so its peak has a say in its place"
	}
	switch {
	case c.Rank == 1 && !c.Tied:
		return "best by " + string(o) + ": " + what
	case c.Tied && c.Score == 1:
		return "best estimate, though not beyond the uncertainty: " + what
	case c.Tied:
		return fmt.Sprintf("tied with the best within the uncertainty (%.0f %% of it): %s", 100*c.Score, what)
	}
	return fmt.Sprintf("%.0f %% of the best: %s", 100*c.Score, what)
}

// conclude makes the first candidate the recommendation's choice and says why.
func conclude(r *perf.Recommendation) {
	best := r.Primary()
	if best == nil {
		why := make([]string, len(r.Candidates))
		for i, c := range r.Candidates {
			why[i] = c.Prediction.Device + ": " + strings.Join(c.Violations, "; ")
		}
		r.Reason = "no hardware qualifies. " + strings.Join(why, ". ")
		r.Warnings = append(r.Warnings, perf.Warning{Code: "NONE_QUALIFIES", Message: r.Reason})
		return
	}
	r.Platform, r.Device = best.Prediction.Platform, best.Prediction.Device
	r.Reason = fmt.Sprintf("%s (%s): %s", r.Device, r.Platform, best.Reason)
	r.Warnings = best.Prediction.Warnings
}

// HardwareRequest asks which hardware to take. Config's platform and device are
// not looked at.
type HardwareRequest struct {
	Config      perf.Config
	Available   []perf.Platform // empty with Devices empty: the fleet
	Devices     []string
	Predict     bool // also store and return the primary choice's prediction
	Constraints perf.Constraints
	Objective   perf.Objective
	UserID      string
}

func (HardwareRequest) kind() perf.TaskKind { return perf.TaskHardware }

func (r HardwareRequest) validate(a *App) error {
	for _, d := range r.Devices {
		if err := checkName("devices", d, true); err != nil {
			return err
		}
	}
	for _, v := range []struct {
		field string
		x     float64
	}{{"max_latency", r.Constraints.MaxLatency}, {"max_ttft", r.Constraints.MaxTTFT}, {"max_tpot", r.Constraints.MaxTPOT}, {"max_memory", r.Constraints.MaxMemory},
		{"min_throughput", r.Constraints.MinThroughput}, {"max_cost_per_hour", r.Constraints.MaxPricePerHour}} {
		if !perf.Finite(v.x) || v.x < 0 {
			return perf.Invalid(v.field, "must be a finite number that is not negative")
		}
	}
	switch r.Objective {
	case "", perf.ObjectiveThroughput, perf.ObjectiveLatency, perf.ObjectiveCost:
	default:
		return perf.Invalid("objective", "must be throughput, latency or cost")
	}
	if len(r.Devices)+len(r.Available) > MaxSweep {
		return &perf.Error{Code: perf.CodeTooLarge, Field: "available_hardware", Message: fmt.Sprintf("names more than %d devices", MaxSweep)}
	}
	_, _, err := a.Resolve(a.candidates(r)[0])
	return err
}

func (r HardwareRequest) run(_ context.Context, a *App, step step) (outcome, error) {
	step(0.1, "Initializing hardware prediction")
	step(0.3, "Predicting optimal hardware")
	rec, err := a.recommend(r)
	if err != nil {
		return outcome{}, err
	}
	rec.ID = db.NewID("rec")
	step(0.6, "Hardware prediction completed")
	var b db.Batch
	res := perf.HardwareResult{Request: r.Config, Recommendation: rec}
	if best := rec.Primary(); r.Predict && best != nil {
		step(0.7, "Predicting performance")
		p := best.Prediction
		p.ID, p.Source = db.NewID("pred"), "api"
		res.Performance, b.Predictions = &p, []perf.Prediction{p}
	}
	b.Recommendations = []perf.Recommendation{stored(rec)}
	return outcome{result: res, records: b}, nil
}

// stored is a recommendation as it is kept: without the evidence of each
// candidate, which is most of its bytes and follows from the configuration and
// the model version.
func stored(r perf.Recommendation) perf.Recommendation {
	r.Candidates = slices.Clone(r.Candidates)
	for i := range r.Candidates {
		r.Candidates[i].Prediction.Evidence = nil
	}
	return r
}
