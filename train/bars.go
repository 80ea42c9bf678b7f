package train

import (
	"fmt"
	"io"
	"slices"
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
	o.Brisk = true
	if err := writeBarHead(stdout); err != nil {
		return err
	}
	line := func(b Bar) error { return writeBar(stdout, b) }
	bar := progressBar(stderr)
	for _, split := range []string{"row", "model", "device", "model-device", "source", "time"} {
		results, err := CrossValidate(c, split, folds, 0, o, bar)
		if err != nil {
			return err
		}
		for _, b := range barsOfSplit(split, results) {
			if err := line(b); err != nil {
				return err
			}
		}
		if split != "device" {
			continue
		}
		if results, err = CrossValidate(c, split, folds, 10, o, bar); err != nil {
			return err
		}
		if err := line(Bar{"CPUs and mobile", "unseen device + 10 measurements", "<= 12 median", Summarise("", only(results, handheld))}); err != nil {
			return err
		}
		if err := line(Bar{"everything", "unseen device + 10 measurements", "", Summarise("", results)}); err != nil {
			return err
		}
	}
	for _, gpu := range judgedGPUs {
		for _, few := range []int{0, 10} {
			results, err := holdOutDevice(c, gpu, few, o)
			if err != nil {
				return err
			}
			b := Bar{"vision", "unseen " + gpu, "<= 12 mean, 8 median", Summarise("", only(results, visual))}
			if few > 0 {
				b.Split, b.Reach = b.Split+" + 10", "<= 8 mean, 5 median"
			}
			if err := line(b); err != nil {
				return err
			}
		}
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

// holdOutDevice judges one device after training without it.
func holdOutDevice(c *Corpus, device string, few int, o Options) ([]Result, error) {
	held := func(k Case) bool { return k.W.Hardware != nil && k.W.Hardware.Name == device }
	train := slices.DeleteFunc(slices.Clone(c.Cases), held)
	a, err := Train(&Corpus{Cases: train, Operations: c.Operations, Kernels: c.Kernels}, o)
	if err != nil {
		return nil, err
	}
	p, err := predictor.NewFrom(a, "without "+device)
	if err != nil {
		return nil, err
	}
	test := slices.DeleteFunc(slices.Clone(c.Cases), func(k Case) bool { return !held(k) || k.Reason != "" })
	if few > 0 {
		var shown []Case
		shown, test = choose(test, few)
		for _, k := range shown {
			for _, v := range primary(k.Views) {
				if err := p.Observe(k.W, v.Of, k.Manner, v.Latent(v.Actual), k.Group); err != nil {
					return nil, err
				}
			}
		}
	}
	return Evaluate(p, test, nil), nil
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
