package train

import (
	"context"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/predictor"
)

// measured are rows and what answers for them: the corpus and the embedded
// artefact where PERFCAST_CORPUS names a folder of measurements, which are no
// part of the repository; else half of a synthetic set, by a model trained on
// the other half.
func measured(t *testing.T) ([]Case, *predictor.Predictor) {
	t.Helper()
	if dir := os.Getenv("PERFCAST_CORPUS"); dir != "" {
		in, err := InputsOf([]string{dir})
		if err != nil {
			t.Fatal(err)
		}
		corpus, err := in.Corpus(context.Background(), mustCatalog(t))
		if err != nil {
			t.Fatal(err)
		}
		p, err := predictor.Default()
		if err != nil {
			t.Fatal(err)
		}
		return corpus.Cases, p
	}
	cases := synthetic(t, 11, 3000)
	a, err := Train(&Corpus{Cases: cases[:1500]}, quick())
	if err != nil {
		t.Fatal(err)
	}
	p, err := predictor.NewFrom(a, "half of the set")
	if err != nil {
		t.Fatal(err)
	}
	return cases[1500:], p
}

// Answers are within a factor of two of most real measurements of well-known
// models on well-known devices.
func TestWithinTwiceOfMeasurements(t *testing.T) {
	cases, p := measured(t)
	c := mustCatalog(t)
	judged := 0
	for _, name := range []string{"", "bert-base-uncased", "resnet50", "vit-base-patch16-224", "meta-llama/Meta-Llama-3-8B", "openai/whisper-small"} {
		stem := ""
		if name != "" {
			m, err := c.Model(name)
			if err != nil {
				t.Fatal(err)
			}
			stem = predictor.StemOf(m)
		}
		for _, device := range []string{"NVIDIA A100", "NVIDIA H100", "NVIDIA GeForce RTX 4090", "server CPU"} {
			var set []Case
			for _, k := range cases {
				if k.Reason != "" || stem != "" && k.Stem != stem {
					continue
				}
				d := k.W.Hardware
				if strings.HasPrefix(d.Name, device) || device == "server CPU" && d.Kind == "cpu" && d.Cores >= 16 {
					set = append(set, k)
				}
			}
			near, n := 0, 0
			for _, r := range Evaluate(p, set, nil) {
				if r.Answered && r.Of != predictor.Memory {
					n++
					if math.Abs(r.LogError()) <= math.Ln2 {
						near++
					}
				}
			}
			if n == 0 {
				continue
			}
			judged++
			share := float64(near) / float64(n)
			t.Logf("%-28s %-24s %5.1f %% of %d within a factor of two", name, device, 100*share, n)
			if share < 0.6 {
				t.Errorf("%s on %s: only %.0f %% of %d measurements are within a factor of two", name, device, 100*share, n)
			}
		}
	}
	if judged < 3 {
		t.Errorf("only %d pairs have measurements", judged)
	}
}
