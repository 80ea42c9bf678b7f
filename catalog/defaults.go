package catalog

import "github.com/perfcast/perfcast/perf"

// standard is the device that stands behind a platform's bare name when
// neither the fleet nor the host says which: the documented default, used with
// the warning DEVICE_ASSUMED. The choice is the device of the platform that
// people most often rent or own for this work, not the fastest.
var standard = []struct {
	platform perf.Platform
	device   string
	why      string
}{
	{perf.CPU, "Intel Xeon Platinum 8480+", "the server CPU behind most cloud instances of its generation, with AMX"},
	{perf.CUDA, "NVIDIA A100 SXM 80GB", "the reference of most published measurements, offered by every cloud"},
	{perf.ROCm, "AMD Instinct MI300X", "the Instinct that clouds rent out"},
	{perf.MPS, "Apple M2 Max", "the middle of the range of machines in use"},
	{perf.OpenVINO, "Intel Xeon Platinum 8480+", "OpenVINO's home is the Intel CPU"},
	{perf.WebGPU, "NVIDIA GeForce RTX 3060", "a browser runs on a consumer's GPU; this is among the most used"},
	{perf.WebNN, "Intel Core Ultra 7 155H", "a browser on a recent laptop"},
	{perf.QNN, "Qualcomm Snapdragon 8 Gen 3 (SM8650)", "the NPU of a recent high-end phone"},
	{"qualcomm", "Qualcomm Snapdragon 8 Gen 3 (SM8650)", "as qnn"},
	{"tpu", "Google TPU v5e", "the TPU sold for inference"},
	{"neuron", "AWS Inferentia2", "the AWS chip sold for inference"},
	{"hpu", "Intel Gaudi 2", "the Gaudi with published measurements"},
	{"vulkan", "NVIDIA GeForce RTX 3060", "as webgpu, which runs on it"},
	{"opencl", "Qualcomm Adreno 750 (Snapdragon 8 Gen 3)", "the GPU beside qnn's default"},
	{"mcu", "NUCLEO_L4R5ZI", "the reference board of MLPerf Tiny"},
	{"hailo", "Hailo-8", "the part on most boards"},
	{"rknn", "Rockchip RK3588 NPU", "the part on most boards"},
	{"npu", "Intel Lunar Lake NPU 4 (Core Ultra 200V)", "the NPU of a recent laptop"},
	{"mediatek", "MediaTek Dimensity 9300 NPU (APU 790)", "as qnn's default, the year's high-end phone"},
	{"samsung", "exynos2400", "as qnn's default, the year's high-end phone"},
	{"gpu", "Framework Mainboard (128GB)", "the only device measured without a stated backend"},
	{"mobile-gpu", "Samsung S24 (Ultra)", "the only device measured without a stated backend"},
	{"other-accelerator", "Xilinx VCK5000", "a card with stated peaks that can be bought"},
	{"coreml", "Apple iPhone 15 Pro (A17 Pro)", "Core ML's home is the phone"},
	{"xpu", "Intel Arc A770 16GB", "Intel's card with the most use"},
	{"cann", "Huawei Ascend 910B", "the Ascend that clouds rent out"},
	{"mlu", "Cambricon MLU370-X8", "the only one with facts here"},
}

// DefaultDevice is the documented default of a platform, or nil when the
// platform has no devices at all. A platform without an entry of its own takes
// its first device by name.
func (c *Catalog) DefaultDevice(p perf.Platform) *perf.Device {
	for _, s := range standard {
		if s.platform == p {
			if d, err := c.Device(s.device, p); err == nil {
				return d
			}
		}
	}
	for _, d := range c.allDevices() {
		if d.Platform == p {
			return d
		}
	}
	return nil
}

// DefaultReason is why a platform's default device was chosen; empty for a
// platform without an entry of its own.
func DefaultReason(p perf.Platform) string {
	for _, s := range standard {
		if s.platform == p {
			return s.why
		}
	}
	return ""
}
