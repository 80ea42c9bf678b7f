package train

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// barsOf cross-validates by all that is to be judged and prints the table.
func barsOf(paths []string, folds int, stdout, stderr io.Writer) error {
	cat, err := catalog.Load()
	if err != nil {
		return err
	}
	c, err := Load(cat, paths...)
	if err != nil {
		return err
	}
	o := DefaultOptions()
	if err := writeBarHead(stdout); err != nil {
		return err
	}
	line := func(b Bar) error { return writeBar(stdout, b) }
	bar := progressBar(stderr)
	var recommended []string
	for _, split := range []string{"row", "model", "device", "model-device", "source", "time"} {
		holdouts, err := Split(c.Cases, split, folds)
		if err != nil {
			return err
		}
		fews := []int{0}
		if split == "device" {
			fews = []int{0, 10}
		}
		results, err := judge(c, holdouts, fews, o, bar)
		if err != nil {
			return err
		}
		bars := barsOfSplit(split, results[0])
		if split == "device" {
			recommended = append(recommended, "Recommendation, by throughput: "+Recommend(results[0], Choice{}).String()+".",
				"Recommendation, by throughput per watt: "+Recommend(results[0], Choice{Worth: perWatt}).String()+".",
				"The same where each candidate may be answered by another fold's model, whose levels differ: by throughput "+Recommend(results[0], Choice{Across: true}).String()+
					"; per watt "+Recommend(results[0], Choice{Worth: perWatt, Across: true}).String()+".")
			bars = append(bars, Bar{"CPUs and mobile", "unseen device + 10 measurements", "<= 12 median", Summarise("", only(results[1], handheld))},
				Bar{"everything, pooled", "unseen device + 10 measurements", "", Summarise("", results[1])})
		}
		for _, b := range bars {
			if err := line(b); err != nil {
				return err
			}
		}
	}
	for _, gpu := range judgedGPUs {
		results, err := judge(c, []Holdout{withoutDevice(c.Cases, gpu)}, []int{0, 10}, o, bar)
		if err != nil {
			return err
		}
		for i, b := range []Bar{{Work: "vision", Split: "unseen " + gpu, Reach: "<= 12 mean, 8 median"},
			{Work: "vision", Split: "unseen " + gpu + " + 10", Reach: "<= 8 mean, 5 median"}} {
			b.Summary = Summarise("", only(results[i], visual))
			if err := line(b); err != nil {
				return err
			}
		}
	}
	for _, line := range recommended {
		if _, err := fmt.Fprintf(stdout, "\n%s\n", line); err != nil {
			return err
		}
	}
	if err := kernelBar(filepath.Dir(paths[0]), stdout, bar); err != nil {
		return err
	}
	p, err := predictor.Default()
	if err != nil {
		return err
	}
	fit, asked := Fitting(p, c.Cases)
	_, err = fmt.Fprintf(stdout, "\nOf %d rows that ran (every row with a memory figure, every row of a language model) %.1f %% are said to fit or to be tight (>= 99).\n",
		asked, 100*float64(fit)/float64(max(1, asked)))
	return err
}

// kernelBar judges the operations that lie beside the measurements, if any do.
func kernelBar(dir string, stdout io.Writer, progress func(stage string, done, total int)) error {
	if _, err := os.Stat(filepath.Join(dir, "operations.csv.gz")); err != nil {
		return nil
	}
	scores, err := operationScores(dir, progress)
	if err != nil {
		return err
	}
	return writeKernelBar(stdout, scores)
}

func barsOfSplit(split string, results []Result) []Bar {
	pooled := map[string]string{"row": "<= 6 median", "model": "<= 10 median", "device": "<= 12 median", "source": "<= 20 median"}
	bars := []Bar{{"everything, pooled", "unseen " + split, pooled[split], Summarise("", results)}}
	add := func(work, reach string, keep func(*Result) bool) {
		if set := only(results, keep); len(set) > 0 {
			bars = append(bars, Bar{work, "unseen " + split, reach, Summarise("", set)})
		}
	}
	serving := func(metric string) func(r *Result) bool {
		return func(r *Result) bool { return r.Metric == metric }
	}
	switch split {
	case "model":
		add("vision, one device each", "<= 9 mean, 5.5 median", visual)
	case "device":
		add("CPUs and mobile", "<= 25 median", handheld)
		add("LLM serving, TPOT", "<= 20 mean, 13 median", serving("tpot"))
		add("LLM serving, TTFT", "<= 45 mean, 25 median", serving("ttft"))
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

func writeBar(w io.Writer, b Bar) error {
	_, err := fmt.Fprintf(w, "| %s | %s | %d | %d | %.1f %% | %.1f | %.1f | %.0f | %.0f %% | %.0f %% | %.1fx | %.1f | %.0f | %s |\n",
		b.Work, b.Split, b.Rows, b.Groups, 100*b.Answered, b.Mean, b.Median, b.P90, 100*b.Within2x, 100*b.Coverage, b.Width, b.Excess, b.BoundMedian, b.Reach)
	return err
}
