package train

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/predictor"
)

// Bar is one line of the accuracy table.
type Bar struct {
	Work, Split, Reach string
	Summary
}

// judged GPUs are held out one after the other.
var judgedGPUs = []string{"NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 4090", "NVIDIA RTX PRO 6000 Blackwell Max-Q"}

// barSplits are the splits of the table, in order.
var barSplits = []string{"row", "model", "device", "curve", "served-device", "served-model", "model-device", "source", "time"}

// barsOf cross-validates by all that is to be judged and prints the table; with
// the name of a split, its lines alone.
func barsOf(in Inputs, one string, folds int, stdout, stderr io.Writer) error {
	cat, err := catalog.Load()
	if err != nil {
		return err
	}
	c, err := in.Corpus(context.Background(), cat)
	if err != nil {
		return err
	}
	if err := writeBarHead(stdout); err != nil {
		return err
	}
	o := DefaultOptions()
	bar := progressBar(stderr)
	splits := barSplits
	if one != "" {
		splits = []string{one}
	}
	var notes []string
	for _, split := range splits {
		more, err := splitBars(c, split, folds, o, stdout, bar)
		if err != nil {
			return err
		}
		notes = append(notes, more...)
	}
	if one == "" {
		if err := boardBars(c, o, stdout, bar); err != nil {
			return err
		}
		kernels, err := kernelBar(in, bar)
		if err != nil {
			return err
		}
		note, err := fitting(c)
		if err != nil {
			return err
		}
		notes = append(notes, kernels, note)
	}
	for _, note := range notes {
		if note == "" {
			continue
		}
		if _, err := fmt.Fprintf(stdout, "\n%s\n", note); err != nil {
			return err
		}
	}
	return nil
}

// splitBars judges one split and writes its lines; what it has to say besides
// comes back.
func splitBars(c *Corpus, split string, folds int, o Options, w io.Writer, progress func(string, int, int)) (notes []string, err error) {
	holdouts, err := Split(c.Cases, split, folds)
	if err != nil {
		return nil, err
	}
	fews := []int{0}
	if split == "device" {
		fews = []int{0, 10}
	}
	o.Served = served(split)
	results, err := judge(c, holdouts, fews, o, progress)
	if err != nil {
		return nil, err
	}
	if !served(split) { // their splits are of rows that can be answered
		results[0] = withRest(results[0], c.Cases, 0)
	}
	bars := barsOfSplit(split, results[0])
	if split == "device" {
		notes = []string{"Recommendation, by throughput: " + Recommend(results[0], Choice{}).String() + ".",
			"Recommendation, by throughput per watt: " + Recommend(results[0], Choice{Worth: perWatt}).String() + ".",
			"The same where each candidate may be answered by another fold's model, whose levels differ: by throughput " + Recommend(results[0], Choice{Across: true}).String() +
				"; per watt " + Recommend(results[0], Choice{Worth: perWatt, Across: true}).String() + "."}
		bars = append(bars, Bar{"CPUs and mobile", "unseen device + 10 measurements", "<= 12 median", Summarise("", only(results[1], handheld))},
			Bar{"everything, pooled", "unseen device + 10 measurements", "", Summarise("", results[1])})
	}
	return notes, writeBars(w, bars)
}

// boardBars holds each of the judged GPUs out and writes its lines.
func boardBars(c *Corpus, o Options, w io.Writer, progress func(string, int, int)) error {
	for _, gpu := range judgedGPUs {
		results, err := judge(c, []Holdout{withoutDevice(c.Cases, gpu)}, []int{0, 10}, o, progress)
		if err != nil {
			return err
		}
		err = writeBars(w, []Bar{{"vision", "unseen " + gpu, "<= 12 mean, 8 median", Summarise("", only(results[0], visual))},
			{"vision", "unseen " + gpu + " + 10", "<= 8 mean, 5 median", Summarise("", only(results[1], visual))}})
		if err != nil {
			return err
		}
	}
	return nil
}

// fitting says of how many rows that ran the embedded model says that they fit.
func fitting(c *Corpus) (string, error) {
	p, err := predictor.Default()
	if err != nil {
		return "", err
	}
	fit, asked := Fitting(p, c.Cases)
	return fmt.Sprintf("Of %d rows that ran (every row with a memory figure, every row of a language model) %.1f %% are said to fit or to be tight (>= 99).",
		asked, 100*float64(fit)/float64(max(1, asked))), nil
}

// kernelBar judges the operations, where there are any.
func kernelBar(in Inputs, progress func(stage string, done, total int)) (string, error) {
	if len(in.Operations) == 0 {
		return "", nil
	}
	scores, err := operationScores(in, progress)
	return kernelNote(scores), err
}

func barsOfSplit(split string, results []Result) []Bar {
	pooled := map[string]string{"row": "<= 6 median", "model": "<= 10 median", "device": "<= 12 median", "source": "<= 20 median"}
	bars := []Bar{{"everything, pooled", "unseen " + split, pooled[split], Summarise("", results)}}
	add := func(work, split, reach string, keep func(*Result) bool) {
		if set := only(results, keep); len(set) > 0 {
			bars = append(bars, Bar{work, "unseen " + split, reach, Summarise("", set)})
		}
	}
	underLoad := func(split, tpot, ttft string) {
		add("LLM serving, TPOT", split, tpot, func(r *Result) bool { return r.Metric == "tpot" })
		add("LLM serving, TTFT", split, ttft, func(r *Result) bool { return r.Metric == "ttft" })
	}
	if served(split) {
		bars = nil
	}
	switch split {
	case "model":
		add("vision, one device each", split, "<= 9 mean, 5.5 median", visual)
	case "device":
		add("CPUs and mobile", split, "<= 25 median", handheld)
		underLoad(split, "<= 20 mean, 13 median", "<= 45 mean, 25 median")
	case "curve":
		underLoad(split, "<= 11 mean, 5.5 median", "<= 27 mean, 14 median")
	case "served-device":
		underLoad("device, each by itself", "<= 20 mean, 13 median", "<= 45 mean, 25 median")
	case "served-model":
		underLoad("model, each by itself", "", "")
	}
	return bars
}

func only(results []Result, keep func(*Result) bool) []Result {
	var out []Result
	for i := range results {
		if results[i].Case.Reason == "" && keep(&results[i]) {
			out = append(out, results[i])
		}
	}
	return out
}

// visual are image models on one device, timed step by step.
func visual(r *Result) bool {
	return r.Case.Row.Family == "vision" && r.Case.W.Devices == 1 && strings.HasPrefix(r.Case.Row.Source, "huggingface/pytorch-image-models")
}

// handheld are the CPUs, phones and boards.
func handheld(r *Result) bool {
	kind := r.Case.W.Hardware.Kind
	return kind == "cpu" || strings.HasPrefix(kind, "mobile") || strings.HasPrefix(kind, "edge") || kind == "mcu"
}

// withoutDevice holds one device out, under all its names.
func withoutDevice(cases []Case, device string) Holdout {
	h := Holdout{Name: "without " + device}
	part := ""
	for i := range cases {
		if k := &cases[i]; k.Reason == "" && k.W.Hardware.Name == device {
			part = deviceKey(k)
			break
		}
	}
	for i := range cases {
		switch k := &cases[i]; {
		case k.Reason != "":
		case deviceKey(k) == part:
			h.Test = append(h.Test, i)
		default:
			h.Train = append(h.Train, i)
		}
	}
	return h
}

func writeBarHead(w io.Writer) error {
	_, err := fmt.Fprint(w, "| work | split | n | groups | answered | mean % | median % | p90 % | in 2x | covered | width | vs oracle | bound alone: median | reach |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	return err
}

func writeBars(w io.Writer, bars []Bar) error {
	for _, b := range bars {
		if err := writeBar(w, b); err != nil {
			return err
		}
	}
	return nil
}

func writeBar(w io.Writer, b Bar) error {
	_, err := fmt.Fprintf(w, "| %s | %s | %d | %d | %.1f %% | %.1f | %.1f | %.0f | %.0f %% | %.0f %% | %.1fx | %.1f | %.0f | %s |\n",
		b.Work, b.Split, b.Rows, b.Groups, 100*b.Answered, b.Mean, b.Median, b.P90, 100*b.Within2x, 100*b.Coverage, b.Width, b.Excess, b.BoundMedian, b.Reach)
	return err
}
