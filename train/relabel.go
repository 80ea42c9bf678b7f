package train

import "strings"

// boards are those that submitters of MLPerf filed under another's name, or
// under one that two share. The name that they gave the system tells: it
// begins, and ends, so.
var boards = []struct {
	filed, begin, end string
	device, platform  string // what it is
}{
	{"NVIDIA Jetson AGX Xavier", "odroid-", "-opencl", "Arm Mali-G52 MP6 GPU", "opencl"}, // NVIDIA's has no OpenCL
	{"NVIDIA Carmel (ARMv8.2)", "odroid-", "", "Amlogic S922X (12nm): Arm Cortex-A73 MP4 (big); Arm Cortex-A53 MP2 (LITTLE)", "cpu"},
	{"BCM2835 Arm Cortex-A72 r0p3", "rpi3-", "", "BCM2837 Arm Cortex-A53 r0p4", "cpu"},
	{"Cortex-A72", "Raspberry_Pi_4-", "", "BCM2835 Arm Cortex-A72 r0p3", "cpu"},
	{"Cortex-A72", "raspberrypi4-", "", "BCM2835 Arm Cortex-A72 r0p3", "cpu"},
	{"Cortex-A72", "a1.", "", "AWS Graviton", "cpu"},
	{"Cortex-A72", "aws_a1.", "", "AWS Graviton", "cpu"},
}

// relabelled is the row with what its path and its system's name say, where it
// is filed under something that it cannot be: boards under another's name, and
// networks that a submission had searched among under that of the benchmark's
// reference.
func relabelled(r *Row) *Row {
	system := r.say("system")
	for _, b := range boards {
		if r.Device == b.filed && strings.HasPrefix(system, b.begin) && strings.HasSuffix(system, b.end) {
			right := *r
			right.Device, right.Platform = b.device, b.platform
			return &right
		}
	}
	if r.Model != "mlperf/resnet" {
		return r
	}
	for part := range strings.SplitSeq(r.say("location"), "/") {
		if strings.HasPrefix(part, "mobilenet-") || strings.HasPrefix(part, "efficientnet-") {
			right := *r
			right.Model, right.ImageSize, right.Params, right.MACs, right.Activations = "mlperf/"+part, "", 0, 0, 0
			return &right
		}
	}
	return r
}
