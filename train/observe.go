package train

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/perfcast/perfcast/catalog"
	"github.com/perfcast/perfcast/perf"
	"github.com/perfcast/perfcast/predictor"
	"github.com/perfcast/perfcast/predictor/ops"
	"github.com/perfcast/perfcast/predictor/serving"
)

// Case is a row understood: the workload it ran, and what its numbers mean.
type Case struct {
	Row    *Row
	W      perf.Workload
	Views  []View
	Manner predictor.Manner
	unit   unit
	Reason string // why it cannot be predicted; empty when it can
	Stem   string // design of the model, over all zoos
	Group  string // near-repeats share one
	Weight float64
}

// Observer understands rows with a catalogue's facts. Names are looked up
// once each.
type Observer struct {
	catalog *catalog.Catalog
	devices map[[2]string]*perf.Device
	models  map[hinted]*perf.Model
}

// NewObserver makes an observer.
func NewObserver(c *catalog.Catalog) *Observer {
	return &Observer{catalog: c, devices: map[[2]string]*perf.Device{}, models: map[hinted]*perf.Model{}}
}

func (o *Observer) device(name, platform string) *perf.Device {
	key := [2]string{name, platform}
	d, ok := o.devices[key]
	if !ok {
		d, _ = o.catalog.Device(name, perf.Platform(platform))
		o.devices[key] = d
	}
	return d
}

// hinted is a model's name with what a row says beside it.
type hinted struct {
	name string
	catalog.Hint
}

// model is the model that a row is of. Some sources call several sizes by one
// name, and say elsewhere in the row which one it was. Of a model that the
// catalogue lacks the row's own facts are taken, where it has any.
func (o *Observer) model(r *Row, size int) *perf.Model {
	key := hinted{r.Model, catalog.Hint{ImageSize: size, Params: r.Params, Variant: r.say("params"), Batch: int(r.Batch), Sequence: int(r.SequenceIn)}}
	m, ok := o.models[key]
	if !ok {
		if m, _ = o.catalog.ModelFor(key.name, key.Hint); m == nil {
			m = catalog.Described(perf.Model{Name: r.Model, Family: r.Family, Params: r.Params, MACs: r.MACs, Activations: r.Activations, ImageSize: size})
		}
		o.models[key] = m
	}
	return m
}

// Observe understands a row. One that cannot be predicted comes back with the
// reason.
func (o *Observer) Observe(r *Row) Case {
	r = relabelled(r)
	k := Case{Row: r, Weight: 1}
	if r.Fault != "" {
		k.Reason, k.Group = r.Fault, r.Fault
		return k
	}
	d := o.device(r.Device, r.Platform)
	if d == nil {
		k.Reason = "no facts of the device"
	}
	size := sizeOf(r)
	m := o.model(r, size)
	if m == nil || !m.Sized() {
		k.Reason = strings.TrimPrefix(k.Reason+"; no facts of the model", "; ")
	}
	k.Stem = strings.ToLower(r.Model)
	if m != nil && strings.HasPrefix(r.Model, "mlperf/3d-unet") && slices.Contains([]string{"v0.7", "v1.0", "v1.1"}, r.say("round")) {
		brats := *m // until v1.1 the name stood for BraTS at 224x224x160, later for windows of KiTS19
		brats.MACs, brats.Stem, brats.Activations, brats.Passes = 1629e9, "3d-unet-brats", 0, 0
		m = &brats
	}
	if m != nil {
		k.Stem = predictor.StemOf(m)
	}
	if k.Reason != "" {
		k.Group = groupOf(&k)
		return k
	}
	k.unit = unitOf(r)
	if k.unit.passes > 0 {
		several := *m
		several.Passes = k.unit.passes
		m = &several
	}
	k.W = perf.Workload{Facts: m, Hardware: d}
	k.workload(size)
	k.views()
	k.Views = k.unit.restate(k.Views)
	if len(k.Views) == 0 {
		k.Reason = "no number that can be compared"
	}
	k.Group = groupOf(&k)
	return k
}

// assumed are what the row leaves open, and a usual value stands for.
func (k *Case) assumed() (what []string) {
	for _, x := range []struct {
		unknown bool
		what    string
	}{{k.W.Unknown.Batch, "batch size"}, {k.W.Unknown.Precision, "precision"}, {k.W.Unknown.Sequence, "sequence length"}, {k.W.Unknown.Runtime, "runtime"}} {
		if x.unknown {
			what = append(what, x.what)
		}
	}
	return what
}

// sizeOf is the side of a row's images; 0 where it states none. Exported graphs
// may state the first two numbers of their input's shape, which are no size:
// "1x384" is a sequence, "1x3" the channels of an image.
func sizeOf(r *Row) int {
	size, err := catalog.ParseImageSize(r.ImageSize)
	if _, ok := strings.CutPrefix(r.ImageSize, "1x"); ok || err != nil || size < smallest {
		return 0
	}
	return size
}

// smallest side of an image that a network takes.
const smallest = 16

// workload fills in the configuration from what a request could carry.
func (k *Case) workload(size int) {
	r, w := k.Row, &k.W
	w.Model, w.Family, w.Device, w.ImageSize = w.Facts.Name, w.Facts.Family, w.Hardware.Name, size
	w.Platform = perf.Platform(r.Platform)
	w.Mode = perf.Inference
	if strings.HasPrefix(r.Mode, "train") {
		w.Mode = perf.Training
	}
	w.Devices = max(1, r.Devices) // of all nodes together
	generates := w.Facts.Generates() && w.Facts.Text()
	w.Runtime, w.RuntimeVersion = software(k.words(), &w.Config, generates)
	if w.Platform == perf.CPU && (w.Runtime == "tflite" || w.Runtime == "armnn") {
		w.Devices = 1 // one process, however many clusters of cores the host has
	}
	if w.Runtime == "pytorch-eager" && w.Mode == perf.Training && w.Facts.Text() && strings.HasPrefix(r.Model, "mlperf-training/") {
		w.Runtime = "megatron" // their kernels are fused and their steps captured, whatever the name of what is below
	}
	k.computeUnit()
	w.Unknown.Runtime = w.Runtime == ""
	w.Precision = format(r)
	w.Layout = r.say("layout")
	w.Threads = int(r.num("threads"))
	switch r.say("threads") {
	case "single":
		w.Threads = 1
	case "multi": // as many as there are big cores
		w.Threads = w.Hardware.Cores
		if c := w.Hardware.Clusters; len(c) > 0 {
			w.Threads = c[0].Cores
		}
	}
	if w.Platform != perf.CPU || w.Runtime == "whisper.cpp" {
		w.Threads = 0
	}
	w.SequenceLength, w.OutputLength = int(r.SequenceIn), int(r.SequenceOut)
	if k.unit.sequence > 0 {
		w.SequenceLength = k.unit.sequence
	}
	w.TensorParallel, w.PipelineParallel, w.ExpertParallel = 1, 1, 1
	parallel := func(p *int, keys ...string) {
		for _, key := range keys {
			if n := int(r.num(key)); n > 1 {
				*p = n
			}
		}
	}
	parallel(&w.TensorParallel, "tp", "TP")
	parallel(&w.PipelineParallel, "pp", "PP")
	parallel(&w.ExpertParallel, "moe_ep", "EP")
	if _, ok := r.Extra["attention_dp"]; ok {
		serving.Layout{Devices: r.Devices, Tensor: w.TensorParallel, Pipeline: w.PipelineParallel, ExpertTensor: int(r.num("moe_tp")),
			Expert: int(r.num("moe_ep")), Attention: int(r.num("attention_dp"))}.Apply(&w.Config)
	}
	k.manner()
	k.batch()
	k.sequence(generates)
	if w.Precision == "" {
		w.Unknown.Precision = true
		w.Precision = predictor.UsualPrecision(*w)
		if p := submitted(w); p != "" && (k.Manner&^predictor.Live != predictor.Plain || strings.HasPrefix(r.Model, "mlperf")) {
			w.Precision = p
		}
	}
	if w.Devices > 1 && w.TensorParallel == 1 && w.PipelineParallel == 1 && generates && w.Mode == perf.Inference {
		k.spread()
	}
}

// submitted is the precision that submitters to MLPerf, in whose scenarios a row
// was timed or whose model it is of, are known to use where the tables of results
// leave it out. Many times do not admit of any other: a tenth of what fp32 takes at
// its peak. Empty is the usual one.
func submitted(w *perf.Workload) perf.Precision {
	d := w.Hardware
	text := w.Facts.Text()
	switch {
	case w.Mode == perf.Training && text && d.FP8 > d.FP16:
		return perf.FP8
	case w.Mode == perf.Training && d.FP16 > 2*d.FP32:
		return perf.AMP
	case w.Mode == perf.Training:
		return ""
	case text && w.Facts.Generates() && d.FP8 > d.FP16 && (w.Runtime == "tensorrt-llm" || w.Runtime == "vllm"):
		return perf.FP8
	case w.Runtime == "tensorrt", d.Platform == perf.CPU && d.Kind == "cpu" && d.Int8 > 4*d.FP32 && (w.Runtime == "pytorch-eager" || w.Runtime == "openvino"):
		return perf.Int8
	}
	return ""
}

// words are what a row says of its software. Automated submissions name their
// systems after it ("...-armnn_tflite-v22.11-using_neon", "...-tflite-vmaster-..."),
// which holds where the framework's column was filled in for another run.
func (k *Case) words() string {
	system := k.Row.say("system")
	if i := strings.Index(system, "armnn_tflite-v"); i >= 0 {
		return "armnn " + system[i+len("armnn_tflite-"):]
	}
	if i := strings.Index(system, "-cpu-tflite-v"); i >= 0 {
		return "tflite " + system[i+len("-cpu-tflite-"):]
	}
	return k.Row.Framework
}

// computeUnit tells runs on the CPU or GPU of a mobile chip from those on its
// neural processor: they are other runtimes.
func (k *Case) computeUnit() {
	w := &k.W
	switch k.Row.say("compute_unit") {
	case "CPU":
		w.Runtime = strings.TrimSuffix(w.Runtime, "-qnn") + "-cpu"
	case "GPU":
		w.Runtime += "-gpu"
	}
}

func (k *Case) manner() {
	r := k.Row
	switch strings.ToLower(r.say("scenario")) {
	case "offline":
		k.Manner = predictor.Offline
	case "server", "interactive":
		k.Manner = predictor.Server
	case "singlestream":
		k.Manner = predictor.Single
	case "multistream":
		k.Manner = predictor.Multi
	}
	switch {
	case k.Manner == predictor.Plain && r.num("concurrency") > 0 && strings.HasPrefix(r.Framework, "Triton"):
		k.Manner = predictor.Clients
	case k.Manner == predictor.Plain && strings.Contains(r.say("latency_is"), "host-to-device"):
		k.Manner = predictor.Copied
	}
	if strings.Contains(r.Framework, "live preprocessing") || strings.Contains(r.say("system"), "with_live_preproc") {
		k.Manner |= predictor.Live
	}
}

// batch finds how many samples one device has in a step. A batch over several
// devices is stated for all of them.
func (k *Case) batch() {
	r, w := k.Row, &k.W
	b := cmp.Or(int(r.Batch), k.unit.batch)
	switch {
	case r.num("batch_per_gpu") > 0:
		b = int(r.num("batch_per_gpu"))
	case b > 0 && w.Devices > 1 && k.Manner != predictor.Single && k.Manner != predictor.Multi && k.splitBatch():
		b = max(1, b/w.Devices)
	}
	if n := int(r.num("instances")); n > 1 && b > 0 { // processes side by side, each on its share of the cores, whose rates are added up
		b *= n
	}
	if r.num("tpot_ms") > 0 { // a serving engine's batch is what is in flight
		w.Concurrency = b
	}
	if c := int(r.num("concurrency")); c > 0 && (w.Facts.Text() || k.Manner == predictor.Clients) {
		w.Concurrency = c
	}
	if k.unit.tokens {
		b = max(1, b/k.unit.sequence)
	}
	if b == 0 {
		w.Unknown.Batch = true
		b = usualBatch(w, k.Manner&^predictor.Live)
	}
	w.BatchSize = b
}

// splitBatch reports whether a stated batch is over all devices: that of data
// parallel work is, that of one model spread over the devices is not.
func (k *Case) splitBatch() bool {
	return k.W.Mode == perf.Training || !k.W.Facts.Generates()
}

// usualBatch is what a run that does not state its batch is likely to have.
func usualBatch(w *perf.Workload, m predictor.Manner) int {
	accelerator := w.Hardware.Kind == "datacenter-gpu" || w.Hardware.Kind == "accelerator" || w.Hardware.Kind == "datacenter-gpu-slice" ||
		w.Hardware.Kind == "workstation-gpu" || w.Hardware.Kind == "consumer-gpu"
	switch {
	case m == predictor.Multi:
		return 8
	case m == predictor.Single:
		return 1
	case w.Hardware.Kind == "cpu" && w.Facts.Generates() && w.Facts.Text() && (m == predictor.Offline || m == predictor.Server):
		return 64
	case w.Runtime == "tflite" || w.Runtime == "armnn":
		return 1
	case accelerator && w.Facts.Generates() && w.Facts.Text() && (m == predictor.Offline || m == predictor.Server):
		return 512
	case accelerator && (m == predictor.Offline || m == predictor.Server):
		return 64
	case w.Facts.Generates() && w.Facts.Text() && w.Mode == perf.Inference: // as scripts of text generation do
		return 1
	case accelerator || w.Mode == perf.Training:
		return 32
	}
	return 1
}

// sequence fills in the tokens of a sample where a row leaves them out: the
// public definition of the benchmark's sample.
func (k *Case) sequence(generates bool) {
	w := &k.W
	if w.SequenceLength > 0 || w.OutputLength > 0 || !(w.Facts.Text() || w.Facts.Generates()) {
		return
	}
	if n, ok := strings.CutPrefix(k.Row.ImageSize, "1x"); ok { // the shape of an exported graph's input
		if n, err := strconv.Atoi(n); err == nil {
			w.SequenceLength = n
			return
		}
	}
	name := strings.ToLower(k.Row.Model)
	for _, s := range samples {
		if strings.HasPrefix(name, s.zoo) && strings.Contains(name, s.name) {
			w.SequenceLength, w.OutputLength = s.in, s.out
			return
		}
	}
	if w.Facts.Windowed() {
		w.SequenceLength = perf.AudioFrames
		return
	}
	w.Unknown.Sequence = true
	w.SequenceLength = 128
	if generates {
		w.SequenceLength = 512
	}
}

// samples are the mean lengths of MLPerf's text samples: SQuAD (at most 384,
// 178 in the mean, which engines without padding compute), CNN/DailyMail,
// OpenOrca, and the mixed set of Mixtral; the lengths that exported graphs of
// Marian's and CLIP's encoders were made for; and SQuAD padded.
var samples = []struct {
	zoo, name string
	in, out   int
}{
	{"mlperf", "bert", 178, 0}, {"mlperf", "gptj", 1919, 69}, {"mlperf", "gpt-j", 1919, 69}, {"mlperf", "llama2-70b", 294, 294},
	{"mlperf", "mixtral", 330, 145}, {"mlperf", "llama3.1-405b", 9428, 684}, {"mlperf", "llama3.1-8b", 778, 73},
	{"qai/opus_mt", "encoder", 256, 0}, {"qai", "text_encoder", 77, 0}, {"inc", "squad", 384, 0},
}

// spread deals a language model over the devices the way its engines do: as
// many ways of tensor parallelism as its weights need, the rest as replicas.
func (k *Case) spread() {
	w := &k.W
	switch {
	case w.Runtime == "llama.cpp": // deals out whole layers, which wait for each other
		w.PipelineParallel = w.Devices
		return
	case k.Manner == predictor.Plain:
		w.TensorParallel = w.Devices
		return
	}
	need := ops.Params(w.Facts) * ops.Widths(w.Precision).Weight * 1.3
	tp := 1
	for tp < w.Devices && need > float64(tp)*w.Hardware.UsableMemoryBytes() {
		tp *= 2
	}
	for w.Devices%tp != 0 {
		tp++
	}
	w.TensorParallel = tp
}

// groupOf names what near-repeats share: the same design on the same device
// in the same configuration, whatever the software's version, the submitter
// and the round.
func groupOf(k *Case) string {
	device := k.Row.Device
	if k.W.Hardware != nil {
		device = k.W.Hardware.Name
	}
	return groupOn(k, device)
}

// groupOn is groupOf with the device called so.
func groupOn(k *Case, device string) string {
	r, w := k.Row, &k.W
	runtime := w.Runtime
	work := "" // one design has several input sizes
	if m := w.Facts; m != nil {
		work = strconv.FormatFloat(m.MACs, 'g', 3, 64) + " " + strconv.FormatFloat(m.Params, 'g', 2, 64)
	}
	parts := []string{k.Stem, work, device, r.Platform, runtime, string(w.Precision), r.Mode, strconv.Itoa(int(r.Batch)),
		strconv.Itoa(int(r.SequenceIn)), strconv.Itoa(int(r.SequenceOut)), r.ImageSize, r.say("phase"), strconv.Itoa(int(k.Manner)),
		strconv.Itoa(int(r.num("concurrency"))), strconv.Itoa(w.TensorParallel)}
	return strings.Join(parts, "|")
}
