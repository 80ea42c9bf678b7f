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
	"strings"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// corpus opens the public measurements; without them, which are no part of the
// product, names as the field writes them stand for them.
func corpus(t *testing.T) *csv.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join(cmp.Or(os.Getenv("PERFCAST_CORPUS"), "../../shared/corpus"), "measurements.csv.gz"))
	if err != nil {
		return csv.NewReader(strings.NewReader(asWritten))
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return csv.NewReader(z)
}

const asWritten = `model_name,hardware_platform,hardware_name,batch_size,sequence_length_in,image_size,params_m,extra
timm/resnet50,cuda,NVIDIA A100 SXM 80GB,256,,224,25.6,
timm/vit_base_patch16_224,cuda,RTX 4090,256,,224,,
resnet50,cpu,Intel Xeon Platinum 8480+,1,,,,
bert-base-uncased,cuda,h100,8,128,,,
BERT base uncased,cuda,H100 SXM,8,128,,,
google-bert/bert-large-uncased,cuda,V100,8,384,,,
meta-llama/Meta-Llama-3-8B,cuda,NVIDIA L40S,1,512,,,
meta-llama/Llama,cuda,A100 SXM 80GB,1,512,,,"{""params"": ""2-70b-hf-8-1""}"
llama-3.1-8b-instruct,mps,Apple M2 Max,1,512,,,
mistralai/Mixtral-8x7B-v0.1,rocm,MI300X,1,512,,,
openai/whisper-small,cpu,Raspberry Pi 5,1,,,,
mlperf/mobilenet,mcu,NUCLEO_L4R5ZI,1,,,,
hailo/yolov8m,hailo,Hailo-8,1,,640x640,,
qai/mobilenet_v2,qnn,Qualcomm Snapdragon 8 Gen 3 (SM8650),1,,224,,
efficientnet_b0,cuda,NVIDIA T4,64,,256,,
gpt2,cuda,Tesla P100,4,1024,,,
facebook/opt-13b,cuda,A100 SXM 40GB,4,1024,,,
ultralytics/yolov8n,cuda,Jetson Orin Nano,1,,640,,
stable-diffusion-xl,cuda,RTX 3090,1,,,,
distilbert-base-uncased,cpu,AMD EPYC 9654,1,128,,,
`

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
