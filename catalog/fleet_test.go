package catalog

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/perfcast/perfcast/perf"
)

func TestFleet(t *testing.T) {
	c := load(t)
	for _, text := range []string{
		"devices:\n  - device: H100\n    platform: cuda\n    count: 8\n    price_per_hour: 2.49\n    aliases: [p5.48xlarge]\n  - device: Tesla T4\n",
		`{"devices":[{"device":"H100","platform":"cuda","count":8,"price_per_hour":2.49,"aliases":["p5.48xlarge"]},{"device":"Tesla T4"}]}`,
	} {
		fleet, err := c.Fleet([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(fleet) != 2 || fleet[0].Device != "NVIDIA H100 SXM 80GB" || fleet[0].Count != 8 || fleet[0].PricePerHour != 2.49 ||
			fleet[1].Device != "NVIDIA T4" || fleet[1].Platform != perf.CUDA || fleet[1].Count != 1 {
			t.Errorf("%+v", fleet)
		}
		if e := c.InFleet(fleet, "P5.48xlarge"); e == nil || e.Device != "NVIDIA H100 SXM 80GB" {
			t.Errorf("the instance name means %v", e)
		}
		if e := c.InFleet(fleet, "nvidia t4"); e == nil || e.Device != "NVIDIA T4" {
			t.Errorf("the device name means %v", e)
		}
		if e := c.InFleet(fleet, "A100"); e != nil {
			t.Errorf("a device that is not there means %v", e)
		}
	}
	if fleet, err := c.Fleet(nil); err != nil || len(fleet) != 0 {
		t.Errorf("an empty file: %v, %v", fleet, err)
	}
	for text, field := range map[string]string{
		"devices: [{device: H100, count: 0}]":                                   "devices[0].count",
		"devices: [{device: H100}, {device: H1000}]":                            "devices[1].device",
		"devices: [{device: H100, platform: rocm}]":                             "devices[0].device",
		"devices: [{device: H100, price_per_hour: -1}]":                         "devices[0].price_per_hour",
		"devices: [{device: H100, price_per_hour: .nan}]":                       "devices[0].price_per_hour",
		"devices: [{device: H100}, {device: NVIDIA H100 SXM 80GB}]":             "devices[1].device",
		"devices: [{device: H100, aliases: [x]}, {device: A100, aliases: [X]}]": "devices[1].aliases",
		"devices: [{device: ''}]":                                               "devices[0].device",
		"devices: [{gpu: H100}]":                                                "fleet",
		"devices: {":                                                            "fleet",
		"devices: [{device: H100, count: many}]":                                "fleet",
	} {
		if _, err := c.Fleet([]byte(text)); err == nil || perf.AsError(err).Field != field {
			t.Errorf("%s: %v, want a fault in %s", text, err, field)
		}
	}
}

func noTools(string, ...string) ([]byte, error) { return nil, errNoTool }

var errNoTool = perf.NotFound("no such tool")

func TestDetect(t *testing.T) {
	c := load(t)
	xeon := "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Unheard-of 1234 CPU @ 2.50GHz\ncpu MHz\t\t: 2500.000\nphysical id\t: 0\ncore id\t\t: 0\nflags\t\t: fpu avx2 fma avx512f avx512_vnni amx_tile amx_bf16\n" +
		"\nprocessor\t: 1\nphysical id\t: 0\ncore id\t\t: 1\n\nprocessor\t: 2\nphysical id\t: 0\ncore id\t\t: 0\n"
	found := c.Detect(Host{OS: "linux", Run: noTools, Root: fstest.MapFS{
		"proc/cpuinfo": {Data: []byte(xeon)},
		"proc/meminfo": {Data: []byte("MemTotal:       16000000 kB\nMemFree: 1 kB\n")},
		"proc/driver/nvidia/gpus/0000:01:00.0/information": {Data: []byte("Model: \t\t NVIDIA GeForce RTX 4090\nIRQ: 1\n")},
		"proc/driver/nvidia/gpus/0000:02:00.0/information": {Data: []byte("Model: \t\t NVIDIA GeForce RTX 4090\n")},
	}})
	if len(found) != 2 || found[0].Name != "NVIDIA GeForce RTX 4090" {
		t.Fatalf("found %v", found)
	}
	cpu := found[1]
	if cpu.Cores != 2 || cpu.FP32 != 2*2.5e9*64 || cpu.BF16 != 2*2.5e9*1024 || cpu.MemoryBytes != 16e6*1024 || !cpu.Custom {
		t.Errorf("the CPU is %+v", cpu)
	}
	if cpu.Name != "This machine: Intel Xeon Unheard-of 1234" {
		t.Errorf("the CPU is called %q", cpu.Name)
	}
	zen4 := "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel name\t: AMD EPYC Unheard-of\ncpu MHz\t\t: 2600\nflags\t\t: fpu avx2 fma avx512f\n"
	for family, flops := range map[string]float64{"25": 32, "26": 64} { // Zen 5 has units of the full width
		found := c.Detect(Host{OS: "linux", Run: noTools, Root: fstest.MapFS{"proc/cpuinfo": {Data: []byte(strings.Replace(zen4, "25", family, 1))}}})
		if len(found) != 1 || found[0].FP32 != 2.6e9*flops {
			t.Errorf("an AMD processor of family %s: %+v", family, found)
		}
	}
	found = c.Detect(Host{OS: "darwin", Root: fstest.MapFS{}, Run: func(name string, _ ...string) ([]byte, error) {
		if name == "sysctl" {
			return []byte("Apple M2 Max\n"), nil
		}
		return nil, errNoTool
	}})
	if len(found) == 0 || found[0].Name != "Apple M2 Max" || found[0].Platform != perf.MPS {
		t.Errorf("on a Mac: %v", found)
	}
	found = c.Detect(Host{OS: "linux", Root: fstest.MapFS{}, Run: func(string, ...string) ([]byte, error) {
		return []byte("NVIDIA A100-SXM4-80GB\nNVIDIA A100-SXM4-80GB\nQuantum GPU 9000\n"), nil
	}})
	if len(found) != 1 || found[0].Name != "NVIDIA A100 SXM 80GB" {
		t.Errorf("by nvidia-smi: %v", found)
	}
	for _, d := range c.Detect(ThisHost()) {
		if err := CheckDevice(*d); err != nil {
			t.Errorf("on this host: %v", err)
		}
	}
}
