package train

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/predictor"
)

// Answers are within a factor of two of most real measurements of well-known
// models on well-known devices. PERFCAST_CORPUS names the folder of
// measurements; they are no part of the repository.
func TestWithinTwiceOfMeasurements(t *testing.T) {
	dir := os.Getenv("PERFCAST_CORPUS")
	if dir == "" {
		t.Skip("PERFCAST_CORPUS names no corpus")
	}
	corpus, err := Load(mustCatalog(t), filepath.Join(dir, "measurements.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := predictor.Default()
	if err != nil {
		t.Fatal(err)
	}
	c := mustCatalog(t)
	for _, name := range []string{"bert-base-uncased", "resnet50", "vit-base-patch16-224", "meta-llama/Meta-Llama-3-8B", "openai/whisper-small"} {
		m, err := c.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, device := range []string{"NVIDIA A100", "NVIDIA H100", "NVIDIA GeForce RTX 4090", "server CPU"} {
			var set []Case
			for _, k := range corpus.Cases {
				if k.Reason != "" || k.Stem != predictor.StemOf(m) {
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
				t.Logf("%-28s %-24s no measurements", name, device)
				continue
			}
			share := float64(near) / float64(n)
			t.Logf("%-28s %-24s %5.1f %% of %d within a factor of two", name, device, 100*share, n)
			if share < 0.6 {
				t.Errorf("%s on %s: only %.0f %% of %d measurements are within a factor of two", name, device, 100*share, n)
			}
		}
	}
}
