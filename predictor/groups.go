package predictor

import "github.com/perfcast/perfcast/perf"

// Groups of shared effects, coarse first.
const (
	groupSoftware = iota
	groupRuntime
	groupRuntimePrecision
	groupThreads
	groupVersion
	groupManner
	groupMaker
	groupDevice
	groupDeviceRuntime
	groupDeviceVersion
	groupDevicePrecision
	groupDesign
	groupDesignRuntime
	groupDesignDevice
	groupStem
	groupStemPhase
	groupStemRuntime
	groupStemKind
	groupStemDevice
	groupCell
	numGroups
)

// SoftwareGroup is the kind of groups that are one runtime on one class of
// processor.
const SoftwareGroup = groupSoftware

// SoftwareGroups are the first kinds of groups: a runtime on a sort of
// processor.
const SoftwareGroups = groupRuntime + 1

// DesignGroups is the first kind of groups that a model's design is part of:
// those before it are of the software and hardware alone.
const DesignGroups = groupDesign

// DeviceGroup and LastDeviceGroup are the first and last kind of groups that
// are of one device.
const (
	DeviceGroup     = groupDevice
	LastDeviceGroup = groupDevicePrecision
)

// NumGroups is how many kinds of groups there are.
const NumGroups = numGroups

// GroupNames are the kinds of groups, in the order of Input.Groups.
var GroupNames = [numGroups]string{"runtime x class of device", "runtime x kind of device", "runtime x precision x mode", "runtime x threads", "runtime x version", "manner", "generation x runtime", "device", "device x runtime", "device x runtime x version",
	"device x runtime x precision x mode", "design", "design x runtime x class", "design x device", "model", "model x phase x precision", "model x runtime",
	"model x class of device", "model x device", "model x device x runtime x precision x mode"}

// hash is FNV-1a of the parts, each ended by a zero byte; never 0.
func hash(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h *= 1099511628211 // the zero byte
	}
	return h | 1
}

// precisionClass is the class of a precision that effects are shared over.
func precisionClass(p perf.Precision) string {
	switch p {
	case perf.FP64:
		return "64"
	case perf.FP32, perf.TF32:
		return "32"
	case perf.FP16, perf.BF16, perf.AMP, perf.AMPBF16:
		return "16"
	case perf.Int8, perf.FP8:
		return "8"
	}
	return "4"
}

// class is what sort of processor a device is: boards for desks and for racks
// run the same software.
func class(d *perf.Device) string {
	switch {
	case gpuBoard(d) || d.Kind == "datacenter-gpu-slice":
		return "gpu"
	case host(d):
		return "cpu"
	}
	return d.Kind
}

func groupsOf(w perf.Workload, rt *Runtime, q Quantity, m Manner) (g [numGroups]uint64) {
	dev := w.Hardware.Name + "@" + string(w.Platform)
	arch, stem := design(w.Facts), StemOf(w.Facts)
	prec, mode, kind := precisionClass(w.Precision), string(w.Mode), w.Hardware.Kind
	phase := string(rune('a' + int(q)))
	manner := string(rune('0' + int(m)))
	threads := ""
	if w.Threads > 0 {
		threads = string(rune('0' + min(w.Threads, 64)))
	}
	generation := w.Hardware.Vendor + string(rune('0'+w.Hardware.Year/3-670))
	if host(w.Hardware) && w.Hardware.Architecture != "" { // code is written for cores, whoever sells them
		generation = w.Hardware.Architecture
	}
	tokens := "" // language models run other kernels of a runtime
	if w.Facts.Text() {
		tokens = "t"
	}
	g[groupSoftware] = hash("w", rt.Name, class(w.Hardware), mode, tokens)
	g[groupRuntime] = hash("r", rt.Name, kind, tokens)
	g[groupRuntimePrecision] = hash("rp", rt.Name, kind, prec, mode, phase, tokens)
	g[groupThreads] = hash("rt", rt.Name, kind, threads, string(rune('0'+min(w.Devices, 64))), mode)
	g[groupMaker] = hash("g", generation, kind, string(w.Platform), rt.Name, mode, tokens)
	g[groupVersion] = hash("v", rt.Name, w.RuntimeVersion, mode, w.Layout)
	g[groupManner] = hash("m", manner, rt.Name, kind)
	g[groupDevice] = hash("d", dev)
	g[groupDeviceRuntime] = hash("dr", dev, rt.Name, mode, threads, tokens)
	g[groupDeviceVersion] = hash("dv", dev, rt.Name, w.RuntimeVersion, mode, w.Layout)
	g[groupDevicePrecision] = hash("dp", dev, rt.Name, prec, mode, manner, phase, threads, tokens)
	g[groupDesign] = hash("a", arch)
	g[groupDesignRuntime] = hash("ar", arch, rt.Name, class(w.Hardware), prec)
	g[groupDesignDevice] = hash("ad", arch, dev, rt.Name)
	g[groupStem] = hash("s", stem)
	g[groupStemPhase] = hash("sp", stem, phase, mode, prec)
	g[groupStemRuntime] = hash("sr", stem, rt.Name, w.Layout)
	g[groupStemKind] = hash("sk", stem, class(w.Hardware), rt.Name, mode)
	g[groupStemDevice] = hash("sd", stem, dev)
	g[groupCell] = hash("c", stem, dev, rt.Name, prec, mode, phase, manner, threads)
	return g
}

// Sloped reports whether the effects of a kind of groups work on the parts of a
// time too, not only on the whole.
func Sloped(t int) bool {
	switch t {
	case groupSoftware, groupRuntime, groupRuntimePrecision, groupThreads, groupMaker, groupDevice, groupDeviceRuntime, groupDevicePrecision, groupDesign, groupDesignRuntime, groupStem, groupStemKind:
		return true
	}
	return false
}

// Sort is a sort of work: effects of one kind scatter alike in groups of one
// sort. Phones differ more among each other than boards for racks do.
type Sort uint8

// The sorts.
const (
	Anything Sort = iota // of kinds of groups that are not of hardware
	OnBoards
	OnHosts
	OnOthers // phones, accelerators, microcontrollers
	OfText   // language models, on whatever
	NumSorts = 5
)

// SortNames are the sorts, in their order.
var SortNames = [NumSorts]string{"all", "graphics boards", "hosts", "other devices", "language models"}

// Sorts are those that groups of kind t may be of.
func Sorts(t int) []Sort {
	switch t {
	case groupThreads, groupVersion, groupManner, groupDevice, groupDeviceVersion: // of all that a device runs
		return []Sort{OnBoards, OnHosts, OnOthers}
	case groupDesign, groupStem, groupStemPhase, groupStemRuntime:
		return []Sort{Anything, OfText}
	}
	return []Sort{OnBoards, OnHosts, OnOthers, OfText}
}

// sortsOf are the sorts of a workload's groups, the last in Sorts that it is of.
// A group that spans several is of the one that it is asked for.
func sortsOf(w perf.Workload) (sorts [numGroups]Sort) {
	is := [NumSorts]bool{Anything: true, OfText: w.Facts.Text()}
	switch {
	case class(w.Hardware) == "gpu":
		is[OnBoards] = true
	case host(w.Hardware):
		is[OnHosts] = true
	default:
		is[OnOthers] = true
	}
	for t := range sorts {
		for _, s := range kindSorts[t] {
			if is[s] {
				sorts[t] = s
			}
		}
	}
	return sorts
}

var kindSorts = func() (of [numGroups][]Sort) {
	for t := range of {
		of[t] = Sorts(t)
	}
	return of
}()
