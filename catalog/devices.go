package catalog

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/perfcast/perfcast/perf"
)

//go:embed devices.csv
var devicesCSV []byte

// loadDevices parses the embedded table. Units: TFLOP/s, TOP/s, GiB of memory
// (what is sold as a GB is 2^30 bytes), GB/s (links in one direction), MB, MHz,
// W; peaks are dense.
func loadDevices() ([]*perf.Device, error) {
	var all []*perf.Device
	err := rows("devices.csv", bytes.NewReader(devicesCSV), func(r *row) error {
		d := &perf.Device{
			Name:     r.text("name"),
			Platform: perf.Platform(r.text("platform")),
			Vendor:   r.text("vendor"),
			Kind:     r.text("kind"),
			Year:     r.integer("year"),
			Aliases:  r.list("aliases"),

			FP64:       r.number("fp64_tflops", 1e12),
			FP32:       r.number("fp32_tflops", 1e12),
			FP32Matrix: r.number("fp32_matrix_tflops", 1e12),
			TF32:       r.number("tf32_tflops", 1e12),
			FP16:       r.number("fp16_tflops", 1e12),
			BF16:       r.number("bf16_tflops", 1e12),
			FP8:        r.number("fp8_tflops", 1e12),
			FP4:        r.number("fp4_tflops", 1e12),
			Int8:       r.number("int8_tops", 1e12),
			Int4:       r.number("int4_tops", 1e12),

			MemoryBytes:     r.number("memory_gib", 1<<30),
			MemoryBandwidth: r.number("memory_bw_gbps", 1e9),
			CacheBytes:      r.number("llc_mb", 1e6),
			Cores:           r.integer("cores"),
			ClockHz:         r.number("clock_mhz", 1e6),
			PowerW:          r.number("tdp_w", 1),
			LinkBandwidth:   r.number("link_gbps", 1e9),

			Architecture: r.text("architecture"),
			Clusters:     r.clusters("clusters"),

			Notes:  r.text("notes"),
			Source: r.text("source"),
		}
		all = append(all, d)
		return nil
	})
	return all, err
}

// drivenAs lists, for a platform, the other platforms whose devices can be
// driven through it as well, in the order in which they are looked up: a
// GeForce is a cuda device and answers to webgpu and vulkan too.
var drivenAs = map[perf.Platform][]perf.Platform{
	perf.WebGPU:   {perf.CUDA, "vulkan", "xpu", perf.ROCm, perf.MPS},
	perf.WebNN:    {perf.CPU, "xpu", perf.CUDA, perf.ROCm, perf.MPS, "npu", perf.QNN, "qualcomm"},
	perf.OpenVINO: {perf.CPU, "xpu", "npu"},
	perf.QNN:      {"qualcomm"},
	"qualcomm":    {perf.QNN},
	"vulkan":      {perf.CUDA, perf.ROCm, "xpu", perf.MPS},
	"opencl":      {perf.CUDA, perf.ROCm, "xpu", "vulkan"},
	"directml":    {perf.CUDA, perf.ROCm, "xpu"},
	"coreml":      {perf.MPS},
}

// deviceIndex finds devices by every name they have.
type deviceIndex struct {
	all  []*perf.Device // sorted by platform, then name
	name map[string][]*perf.Device
}

// indexDevices indexes devices by name and alias; with short, by the name
// without the vendor's words as well. Users' devices have no short forms: a
// name that they did not choose must not come to mean their device.
func indexDevices(all []*perf.Device, short bool) (*deviceIndex, error) {
	x := &deviceIndex{all: slices.Clone(all), name: map[string][]*perf.Device{}}
	slices.SortStableFunc(x.all, byPlatformAndName)
	for i, d := range x.all {
		if i > 0 && d.Name == x.all[i-1].Name && d.Platform == x.all[i-1].Platform {
			return nil, fmt.Errorf("device %q is there twice for platform %q", d.Name, d.Platform)
		}
		x.name[normalise(d.Name)] = append(x.name[normalise(d.Name)], d)
	}
	for _, d := range x.all {
		for _, alias := range d.Aliases {
			x.addAlias(alias, d)
		}
		if short {
			x.addAlias(withoutVendor(d.Name), d)
		}
	}
	return x, nil
}

// addAlias gives d a further name, unless a device of its platform has it.
func (x *deviceIndex) addAlias(alias string, d *perf.Device) {
	k := normalise(alias)
	if k == "" || slices.ContainsFunc(x.name[k], func(e *perf.Device) bool { return e.Platform == d.Platform }) {
		return
	}
	x.name[k] = append(x.name[k], d)
}

// vendorWords are left out of the short form of a device's name: nobody types
// "NVIDIA GeForce" before "RTX 4090".
var vendorWords = []string{"nvidia", "geforce", "tesla", "amd", "instinct", "radeon", "intel", "apple", "google", "aws", "qualcomm", "habana"}

func withoutVendor(name string) string {
	var keep []string
	for w := range strings.FieldsSeq(name) {
		if !slices.Contains(vendorWords, strings.ToLower(w)) {
			keep = append(keep, w)
		}
	}
	short := strings.Join(keep, " ")
	if len(short) < 2 {
		return ""
	}
	return short
}

// find is the device of that name on that platform ("" = any), as it is in the
// table: nil when there is none. Where spellings differ only in punctuation,
// the exact one wins.
func (x *deviceIndex) find(name string, p perf.Platform) *perf.Device {
	var best *perf.Device
	for _, d := range x.name[normalise(name)] {
		if p != "" && d.Platform != p {
			continue
		}
		if best == nil || rank(d, name) < rank(best, name) {
			best = d
		}
	}
	return best
}

// rank orders devices that answer to one name: exact spelling first, then by
// the platform that people mean when they name none.
func rank(d *perf.Device, name string) int {
	r := slices.Index(platformOrder, d.Platform)
	if r < 0 {
		r = len(platformOrder)
	}
	if d.Name != name {
		r += 100
	}
	return r
}

// lookup is find, and where the platform's own devices lack the name, those of
// the platforms that can also be driven through it.
func (x *deviceIndex) lookup(name string, p perf.Platform) *perf.Device {
	if d := x.find(name, p); d != nil {
		return d
	}
	if short := withoutVendor(name); short != name && short != "" { // "NVIDIA V100 SXM2 16GB" for a Tesla
		if d := x.find(short, p); d != nil {
			return d
		}
	}
	for _, q := range drivenAs[p] {
		if d := x.find(name, q); d != nil && drivable(d, p) {
			return through(d, p)
		}
	}
	return nil
}

// through is a device of one platform as another drives it. WebGPU reaches no
// matrix units: what is left are vectors at fp32's rate, twice that in fp16
// except on NVIDIA's GPUs, and four 8-bit products packed in one operation
// (WGSL's dot4I8Packed).
func through(d *perf.Device, p perf.Platform) *perf.Device {
	c := *d
	c.Platform = p
	if p == perf.WebGPU && c.FP32 > 0 {
		packed := 2.0
		if c.Vendor == "NVIDIA" {
			packed = 1
		}
		c.FP32Matrix, c.TF32, c.BF16, c.FP8, c.FP4, c.Int4 = 0, 0, 0, 0, 0, 0
		c.FP16 = min(c.FP16, packed*c.FP32)
		c.Int8 = min(c.Int8, 4*c.FP32)
		c.Notes = strings.TrimPrefix(c.Notes+"; vector units only: WebGPU reaches no matrix units", "; ")
	}
	return &c
}

// drivable says whether a device of another platform really works through p.
// OpenVINO runs on Intel's hardware and on other makers' CPUs alike.
func drivable(d *perf.Device, p perf.Platform) bool {
	return p != perf.OpenVINO || d.Platform != "npu" || d.Vendor == "Intel"
}

// platformOrder is the order in which a name without a platform is looked up.
var platformOrder = []perf.Platform{perf.CUDA, perf.ROCm, perf.MPS, "xpu", "tpu", "neuron", "hpu", perf.CPU}

// Part names the silicon behind a device over boards, phones and spellings: a
// Galaxy S24 and a Snapdragon 8 Gen 3 development kit are one part. It is made
// of the facts that set the speed, so two devices of one part are one to a
// predictor that sees facts only; splits that hold devices out hold parts out.
func Part(d *perf.Device) string {
	return fmt.Sprintf("%s %.3g %.3g %.3g %.3g %.3g %d", strings.ToLower(d.Vendor), d.FP32/1e9, d.FP16/1e9, d.BF16/1e9, d.Int8/1e9, d.MemoryBandwidth/1e9, d.Cores)
}
