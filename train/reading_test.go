package train

import (
	"bytes"
	"compress/gzip"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
)

const table = `source,source_path,source_commit,license,model_name,model_family,task,hardware_platform,hardware_name,num_devices,framework,precision,mode,batch_size,sequence_length_in,sequence_length_out,image_size,params_m,gmacs,macts_m,throughput,throughput_unit,latency_ms,memory_mb,extra
lab,a.csv,1,MIT,timm/resnet50,vision,,cuda,NVIDIA A100 SXM 80GB,1,pytorch 2.4.0 eager,amp,inference,256,,,224,,,,2500,samples/s,102.4,,"{""layout"": ""nhwc""}"
lab,a.csv,1,MIT,no such model,vision,,cuda,NVIDIA A100 SXM 80GB,1,pytorch 2.4.0 eager,amp,inference,256,,,224,,,,2500,samples/s,102.4,,
lab,a.csv,1,MIT,timm/resnet50,vision,,cuda,no such device,1,pytorch 2.4.0 eager,,inference,,,,224,,,,2500,samples/s,102.4,,
`

func TestReadAndObserve(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(table)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"plain": []byte(table), "gzip": zipped.Bytes()} {
		f, err := Read(bytes.NewReader(b))
		if err != nil || len(f.Rows) != 3 {
			t.Fatalf("%s: %d rows, %v", name, len(f.Rows), err)
		}
		o := NewObserver(mustCatalog(t))
		k := o.Observe(f.Rows[0])
		if k.Reason != "" || k.W.Runtime != "pytorch-eager" || k.W.RuntimeVersion != "2.4.0" || k.W.Layout != "nhwc" || k.W.BatchSize != 256 {
			t.Errorf("%s: %q %+v", name, k.Reason, k.W.Config)
		}
		if len(k.Views) != 2 || math.Abs(k.Views[0].Latent(2500)-0.1024) > 1e-9 || math.Abs(k.Views[1].Latent(102.4)-0.1024) > 1e-9 {
			t.Errorf("%s: views %+v", name, k.Views)
		}
		for i, want := range []string{"no facts of the model", "no facts of the device"} {
			if got := o.Observe(f.Rows[i+1]).Reason; got != want {
				t.Errorf("%s: reason %q, want %q", name, got, want)
			}
		}
	}
}

// Rows filed under what they cannot be are understood as what their path and
// their system's name say; others stay as they are.
func TestRelabelled(t *testing.T) {
	path := func(model, location string) *Row {
		return &Row{Model: model, Platform: "cpu", Device: "Intel Core i9-13900K", ImageSize: "224", Params: 25.6, Extra: map[string]any{"location": location}}
	}
	small := relabelled(path("mlperf/resnet", "closed/A/results/x-tflite/mobilenet-v1-precision_float-0.25-192/offline"))
	if small.Model != "mlperf/mobilenet-v1-precision_float-0.25-192" || small.ImageSize != "" || small.Params != 0 {
		t.Errorf("%+v", small)
	}
	for _, same := range []*Row{path("mlperf/resnet", "closed/A/results/x/resnet50/offline"), path("mlperf/bert", "closed/A/results/x/mobilenet-v1/offline")} {
		if relabelled(same) != same {
			t.Errorf("%s became another", same.Model)
		}
	}
	for _, c := range []struct{ filed, system, want string }{
		{"NVIDIA Jetson AGX Xavier", "odroid-armnn-v21.11-opencl", "Arm Mali-G52 MP6 GPU"},
		{"NVIDIA Jetson AGX Xavier", "xavier-armnn-v20.08-opencl", "NVIDIA Jetson AGX Xavier"},
		{"Cortex-A72", "a1.metal-tflite_cpp-cpu-tflite-vmaster-default_config", "AWS Graviton"},
		{"Cortex-A72", "raspberrypi4-tflite_armnn_cpp-cpu-armnn_tflite-v22.11-using_neon", "BCM2835 Arm Cortex-A72 r0p3"},
		{"BCM2835 Arm Cortex-A72 r0p3", "rpi3-tflite-v2.7.1-ruy", "BCM2837 Arm Cortex-A53 r0p4"},
	} {
		if got := relabelled(&Row{Platform: "cuda", Device: c.filed, Extra: map[string]any{"system": c.system}}); got.Device != c.want {
			t.Errorf("%s of %s is taken for %s, want %s", c.system, c.filed, got.Device, c.want)
		}
	}
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boards {
		if d, err := cat.Device(b.device, perf.Platform(b.platform)); err != nil || d.Name != b.device {
			t.Errorf("%s on %s: %v", b.device, b.platform, err)
		}
	}
}

// Who published a row says nothing of what ran.
func TestSourcesAreNoFeatures(t *testing.T) {
	f, err := Read(strings.NewReader(table + `mlcommons/inference_results_v4.0,closed/Intel/results,1,Apache-2.0,mlperf/resnet50,vision,,cpu,Intel Xeon Platinum 8480+,2,PyTorch,,inference,,,,224,,,,20000,samples/s,,,"{""scenario"": ""Offline""}"
mlcommons/training_results_v4.0,NVIDIA/results,1,Apache-2.0,mlperf-training/bert-large,text_generation,,cuda,NVIDIA H100 SXM 80GB,8,PyTorch NVIDIA Release 23.09,,training,,512,,,,,,9000,samples/s,,,
`))
	if err != nil {
		t.Fatal(err)
	}
	o := NewObserver(mustCatalog(t))
	for _, r := range f.Rows {
		anonymous := *r
		anonymous.Source, anonymous.Path, anonymous.Commit, anonymous.License = "", "", "", ""
		a, b := o.Observe(r), o.Observe(&anonymous)
		if !reflect.DeepEqual(a.W, b.W) || !reflect.DeepEqual(a.Views, b.Views) || a.Manner != b.Manner {
			t.Errorf("%s of %s is %+v, of nobody %+v", r.Model, r.Source, a.W.Config, b.W.Config)
		}
	}
	if k := o.Observe(f.Rows[3]); k.W.Precision != perf.Int8 || !k.W.Unknown.Precision {
		t.Errorf("a submission to MLPerf on a Xeon is taken to run in %s", k.W.Precision)
	}
}

// What rows leave open is counted.
func TestAssumedIsCounted(t *testing.T) {
	f, err := Read(strings.NewReader(strings.Replace(table, "eager,amp,inference,256,", "eager,,inference,,", 1)))
	if err != nil {
		t.Fatal(err)
	}
	o := NewObserver(mustCatalog(t))
	p, err := predictor.Default()
	if err != nil {
		t.Fatal(err)
	}
	rep := NewReport(Evaluate(p, []Case{o.Observe(f.Rows[0])}, nil), "")
	if rep.Assumed["batch size"] != 2 || rep.Assumed["precision"] != 2 || len(rep.Assumed) != 2 {
		t.Errorf("%v", rep.Assumed)
	}
	var b strings.Builder
	rep.Write(&b, 0)
	if !strings.Contains(b.String(), "leaves open") {
		t.Error(b.String())
	}
}

func TestReadRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"empty":      "",
		"no columns": "a,b\n1,2\n",
	} {
		if _, err := Read(strings.NewReader(s)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

// A cell that is not what its column holds costs its row, which says so, and no
// other.
func TestBadCells(t *testing.T) {
	for name, s := range map[string]string{
		"throughput": strings.Replace(table, ",2500,", ",fast,", 1),
		"extra":      strings.Replace(table, `"{""layout"": ""nhwc""}"`, "{", 1),
	} {
		f, err := Read(strings.NewReader(s))
		if err != nil || len(f.Rows) != 3 {
			t.Fatalf("%s: %v", name, err)
		}
		o := NewObserver(mustCatalog(t))
		if k := o.Observe(f.Rows[0]); !strings.HasPrefix(k.Reason, "row 2 cannot be read: column "+name) {
			t.Errorf("%s: %q", name, k.Reason)
		}
		if f.Rows[1].Fault != "" {
			t.Errorf("%s: the next row cannot be read either: %s", name, f.Rows[1].Fault)
		}
	}
}

// A model that the catalogue lacks is predicted from the row's own facts.
func TestRowsOwnFacts(t *testing.T) {
	f, err := Read(strings.NewReader(strings.Replace(table, "no such model,vision,,cuda,NVIDIA A100 SXM 80GB,1,pytorch 2.4.0 eager,amp,inference,256,,,224,,,,",
		"no such model,vision,,cuda,NVIDIA A100 SXM 80GB,1,pytorch 2.4.0 eager,amp,inference,256,,,224,25,4.1,11.1,", 1)))
	if err != nil {
		t.Fatal(err)
	}
	k := NewObserver(mustCatalog(t)).Observe(f.Rows[1])
	if k.Reason != "" || math.Abs(k.W.Facts.MACs/4.1e9-1) > 1e-9 || k.W.Facts.Params != 25e6 || k.W.Facts.Activations != 11.1e6 || k.W.Facts.Kind != "cnn" {
		t.Errorf("%q %+v", k.Reason, k.W.Facts)
	}
}

// Every row of a file comes back, answered or with a reason.
func TestWriteRows(t *testing.T) {
	f, err := Read(strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	o := NewObserver(mustCatalog(t))
	var cases []Case
	for _, r := range f.Rows {
		cases = append(cases, o.Observe(r))
	}
	p, err := predictor.Default()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteRows(&out, f.Columns, Evaluate(p, cases, nil)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1+2+1+1 || !strings.HasSuffix(lines[0], "extra,metric,actual,predicted,low,high,answered,reason,model_version,basis") {
		t.Fatalf("%s", out.String())
	}
	if !strings.Contains(lines[1], ",throughput,2500,") || !strings.Contains(lines[1], ",true,,"+p.Version()+",learned") {
		t.Errorf("%s", lines[1])
	}
	if !strings.Contains(lines[3], ",false,no facts of the model,") {
		t.Errorf("%s", lines[3])
	}
}
