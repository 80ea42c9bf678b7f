package catalog

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perfcast/perfcast/perf"
)

// Host is what Detect looks at: the file system's root and a way to run the
// vendors' tools. Tests put their own in its place.
type Host struct {
	Root fs.FS                                             // of /proc and /sys
	Run  func(name string, args ...string) ([]byte, error) // stdout of a command
	OS   string
}

// ThisHost is the machine the program runs on.
func ThisHost() Host {
	return Host{Root: os.DirFS("/"), OS: runtime.GOOS, Run: func(name string, args ...string) ([]byte, error) {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return exec.CommandContext(ctx, path, args...).Output()
	}}
}

// Detect lists the devices of a host, accelerators first: each the catalogue's
// where it knows the name, else, for a CPU, one made from its cores, clock and
// vector units (Custom, "This machine: ..."). What cannot be read is left out;
// an accelerator that the catalogue does not know is left out too.
func (c *Catalog) Detect(h Host) []*perf.Device {
	var found []*perf.Device
	add := func(name string, p perf.Platform) {
		d, err := c.Device(name, p)
		if err == nil && !slices.ContainsFunc(found, func(e *perf.Device) bool { return e.Name == d.Name && e.Platform == d.Platform }) {
			found = append(found, d)
		}
	}
	for _, name := range h.nvidia() {
		add(name, perf.CUDA)
	}
	for _, name := range h.amd() {
		add(name, perf.ROCm)
	}
	if h.OS == "darwin" {
		if out, err := h.Run("sysctl", "-n", "machdep.cpu.brand_string"); err == nil {
			chip := strings.TrimSpace(string(out))
			add(chip, perf.MPS)
			add(chip+" (CPU)", perf.CPU)
			add(chip, perf.CPU)
		}
	}
	if cpu := h.cpu(); cpu.name != "" {
		before := len(found)
		add(cpu.name, perf.CPU)
		if len(found) > before && found[before].Cores == cpu.cores {
			return found
		}
		found = found[:before] // a slice of a known chip is not that chip
		if d := cpu.device(); CheckDevice(d) == nil {
			found = append(found, &d)
		}
	}
	return found
}

// nvidia lists the names of NVIDIA's GPUs from the driver's files, else from
// nvidia-smi.
func (h Host) nvidia() []string {
	var names []string
	files, _ := fs.Glob(h.Root, "proc/driver/nvidia/gpus/*/information")
	for _, f := range files {
		text, err := fs.ReadFile(h.Root, f)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if model, ok := strings.CutPrefix(line, "Model:"); ok {
				names = append(names, strings.TrimSpace(model))
			}
		}
	}
	if len(names) > 0 {
		return names
	}
	out, err := h.Run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			names = append(names, line)
		}
	}
	return names
}

// amd lists the names that the amdgpu driver gives its cards.
func (h Host) amd() []string {
	var names []string
	files, _ := fs.Glob(h.Root, "sys/class/drm/card*/device/product_name")
	for _, f := range files {
		if text, err := fs.ReadFile(h.Root, f); err == nil {
			names = append(names, strings.TrimSpace(string(text)))
		}
	}
	return names
}

// cpuInfo is what /proc says of the processor.
type cpuInfo struct {
	name   string
	vendor string
	cores  int // physical
	mhz    float64
	flags  []string
	memory float64 // bytes
	arm    bool
	family string // of x86 processors
}

// halved reports whether AVX-512 instructions go through units of half their
// width: those of Zen 4 (AMD's family 25) do.
func (c cpuInfo) halved() bool { return c.vendor == "AuthenticAMD" && c.family == "25" }

var atClock = regexp.MustCompile(`\s*(@\s*[\d.]+\s*GHz|\d+-Core Processor|with Radeon.*|CPU\b)`)

func (h Host) cpu() cpuInfo {
	var c cpuInfo
	text, err := fs.ReadFile(h.Root, "proc/cpuinfo")
	if err != nil {
		return c
	}
	threads := 0
	ids := map[string]bool{}
	var physical string
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		key, value, ok := strings.Cut(s.Text(), ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			threads++
		case "model name":
			c.name = cmp.Or(c.name, value)
		case "Model", "Hardware":
			c.name = cmp.Or(c.name, value)
		case "vendor_id":
			c.vendor = value
		case "cpu family":
			c.family = value
		case "physical id":
			physical = value
		case "core id":
			ids[physical+"/"+value] = true
		case "cpu MHz":
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				c.mhz = max(c.mhz, v)
			}
		case "flags", "Features":
			if c.flags == nil {
				c.flags = strings.Fields(value)
			}
		case "CPU implementer":
			c.arm = true
		}
	}
	if c.name == "" && c.arm {
		c.name = "Arm CPU"
	}
	c.name = strings.TrimSpace(strings.NewReplacer("(R)", "", "(TM)", "", "(tm)", "").Replace(atClock.ReplaceAllString(c.name, "")))
	c.cores = cmp.Or(len(ids), threads)
	if khz, err := fs.ReadFile(h.Root, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"); err == nil {
		if v, err := strconv.ParseFloat(strings.TrimSpace(string(khz)), 64); err == nil {
			c.mhz = max(c.mhz, 0.85*v/1000) // all cores together run below the single-core maximum
		}
	}
	c.memory = h.memory()
	return c
}

func (h Host) memory() float64 {
	text, err := fs.ReadFile(h.Root, "proc/meminfo")
	if err != nil {
		return 0
	}
	var kib float64
	for line := range strings.Lines(string(text)) {
		if n, err := fmt.Sscanf(line, "MemTotal: %f kB", &kib); n == 1 && err == nil {
			return 1024 * kib
		}
	}
	return 0
}

// device makes the facts of a CPU that the catalogue does not have. Widths are
// those of two fused multiply-add units of the widest vectors it has; its
// memory bandwidth, which the system does not tell, is taken as 5 GB/s a core
// for few cores up to 300 GB/s, which is what recent servers have.
func (c cpuInfo) device() perf.Device {
	has := func(f string) bool { return slices.Contains(c.flags, f) }
	lanes, int8 := 4.0, 1.0 // 128-bit vectors
	switch {
	case has("avx512f") && !c.halved():
		lanes = 16
	case has("avx2") && has("fma"), has("sve"):
		lanes = 8
	}
	ghz := c.mhz / 1000
	if ghz == 0 {
		ghz = 2
	}
	d := perf.Device{
		Name: "This machine: " + c.name, Vendor: c.vendor, Platform: perf.CPU, Kind: "cpu",
		Cores: max(1, c.cores), ClockHz: ghz * 1e9, MemoryBytes: c.memory,
		Notes:  "detected; peaks = cores x clock x two multiply-add units of the widest vectors; bandwidth assumed",
		Source: "detected on this host", Custom: true,
	}
	rate := float64(d.Cores) * d.ClockHz
	d.FP32 = rate * lanes * 4
	d.MemoryBandwidth = min(300e9, max(20e9, 5e9*float64(d.Cores)))
	if has("avx512_vnni") || has("avx_vnni") || has("asimddp") {
		int8 = 4
	}
	d.Int8 = d.FP32 * int8
	if has("asimdhp") || has("avx512_fp16") {
		d.FP16 = 2 * d.FP32
	}
	if has("avx512_bf16") || has("bf16") {
		d.BF16 = 2 * d.FP32
	}
	if has("amx_tile") && has("amx_bf16") {
		d.BF16, d.Int8 = rate*1024, rate*2048
	}
	return d
}
