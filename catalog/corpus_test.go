package catalog

import (
	"cmp"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// corpus opens the public measurements; without them the test is skipped, as
// they are no part of the product.
func corpus(t *testing.T) *csv.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join(cmp.Or(os.Getenv("PERFCAST_CORPUS"), "../../shared/corpus"), "measurements.csv.gz"))
	if err != nil {
		t.Skipf("no corpus: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return csv.NewReader(z)
}

// At least 95 % of the corpus' rows resolve to facts of model and device.
func TestCorpusResolves(t *testing.T) {
	r := corpus(t)
	c := load(t)
	header, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, h := range header {
		at[h] = i
	}
	var all, ok, noModel, noDevice, thin int
	missing := map[string]int{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all++
		m, merr := c.ModelFor(row[at["model_name"]], corpusHint(t, row, at))
		d, derr := c.Device(row[at["hardware_name"]], perf.Platform(row[at["hardware_platform"]]))
		switch {
		case merr != nil || !m.Sized():
			noModel++
			missing["model "+row[at["model_name"]]]++
		case derr != nil || d.MemoryBandwidth == 0:
			noDevice++
			missing["device "+row[at["hardware_platform"]]+" "+row[at["hardware_name"]]]++
		default:
			ok++
			if m.MACs == 0 && (m.Layers == 0 || m.Hidden == 0) {
				thin++
			}
		}
	}
	share := float64(ok) / float64(all)
	t.Logf("%d of %d rows resolve: %.2f %% (no model %d, no device %d); with parameters only %.2f %%",
		ok, all, 100*share, noModel, noDevice, 100*float64(thin)/float64(all))
	names := make([]string, 0, len(missing))
	for n := range missing {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(missing[b]-missing[a], cmp.Compare(a, b)) })
	for _, n := range names[:min(len(names), 30)] {
		t.Logf("%6d %s", missing[n], n)
	}
	if share < 0.95 {
		t.Errorf("only %.2f %% of the rows resolve", 100*share)
	}
}

func corpusHint(t *testing.T, row []string, at map[string]int) Hint {
	t.Helper()
	number := func(name string) float64 {
		v, _ := strconv.ParseFloat(row[at[name]], 64)
		return v
	}
	size, err := ParseImageSize(row[at["image_size"]])
	if err != nil {
		t.Log(err)
	}
	var extra struct {
		Params string `json:"params"`
	}
	_ = json.Unmarshal([]byte(row[at["extra"]]), &extra) // params is a number elsewhere: no variant then
	return Hint{ImageSize: size, Params: 1e6 * number("params_m"), Variant: extra.Params,
		Batch: int(number("batch_size")), Sequence: int(number("sequence_length_in"))}
}
