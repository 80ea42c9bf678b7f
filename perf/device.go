package perf

// Device holds the datasheet facts of one piece of hardware. Peaks are dense
// (no structured sparsity) and in FLOP/s (OP/s for integers); 0 means the
// datasheet does not state one or the device lacks the unit.
type Device struct {
	Name     string // canonical, unique within a platform: "NVIDIA A100 SXM 80GB"
	Vendor   string
	Platform Platform
	Kind     string // "datacenter-gpu", "consumer-gpu", "cpu", "edge-npu", "mcu", ...
	Year     int
	Aliases  []string // other names, matched without regard to case and punctuation

	FP64, FP32, FP32Matrix, TF32, FP16, BF16, FP8, FP4, Int8, Int4 float64

	MemoryBytes     float64 // marketing capacity; UsableMemoryBytes is what a job can have
	MemoryBandwidth float64 // B/s
	CacheBytes      float64 // last-level cache
	Cores           int     // streaming multiprocessors, compute units or CPU cores
	ClockHz         float64 // boost (GPU) or sustained all-core (CPU) clock
	PowerW          float64
	LinkBandwidth   float64 // B/s to a neighbouring device, one direction

	Architecture string    // microarchitecture of the cores: "cortex-a76", "ampere", "hexagon-v75"
	Clusters     []Cluster // of a processor whose cores are not all alike, fastest first

	Notes  string
	Source string // where the facts come from
	Custom bool   // added or corrected by a user
}

// Cluster is a set of a processor's cores that are alike.
type Cluster struct {
	Cores    int
	ClockHz  float64
	PerCycle float64 // FLOP of one core in a cycle, fp32
}

// ShareOf is the part of the processor's arithmetic that n threads on its fastest
// cores have, in (0, 1].
func (d *Device) ShareOf(n int) float64 {
	if n <= 0 || d.Cores <= 0 || n >= d.Cores {
		return 1
	}
	var all, part float64
	left := n
	for _, c := range d.Clusters {
		one := c.ClockHz * c.PerCycle
		all += float64(c.Cores) * one
		part += float64(min(left, c.Cores)) * one
		left -= min(left, c.Cores)
	}
	if all == 0 {
		return float64(n) / float64(d.Cores)
	}
	return part / all
}

// UsableMemoryBytes is the memory a job can really take: the marketing figure
// less what the driver, firmware and context keep. Discrete GPUs report 96 to
// 98 % of it free on an idle device (torch.cuda.mem_get_info); a host shares
// its memory with the operating system.
func (d *Device) UsableMemoryBytes() float64 {
	switch d.Kind {
	case "cpu", "edge-cpu", "apple-silicon", "integrated-gpu", "edge-soc", "mobile-soc":
		return 0.75 * d.MemoryBytes // macOS lets the GPU wire 75 %; Linux hosts are alike in practice
	}
	return 0.96 * d.MemoryBytes
}

// MemoryMb is the capacity in MB (10^6 bytes).
func (d *Device) MemoryMb() float64 { return d.MemoryBytes / MB }

// UsableMemoryMb is UsableMemoryBytes in MB (10^6 bytes).
func (d *Device) UsableMemoryMb() float64 { return d.UsableMemoryBytes() / MB }

// FleetEntry is one kind of device the operator has or can rent.
type FleetEntry struct {
	Device       string   // canonical device name
	Platform     Platform // the device's platform
	Count        int      // how many can be had at once, at least 1
	PricePerHour float64  // of one device, in the operator's currency; 0 = not stated
	Aliases      []string // cloud-instance names: "p5.48xlarge"
}
