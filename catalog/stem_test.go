package catalog

import (
	"testing"

	"github.com/perfcast/perfcast/perf"
)

// Spellings of one design share a stem, and near names of other designs don't.
func TestStems(t *testing.T) {
	c := load(t)
	stem := func(name string) string {
		m, err := c.Model(name)
		if err != nil {
			t.Error(err)
			return ""
		}
		return m.Stem
	}
	for _, group := range [][]string{
		{"timm/resnet50", "torchvision/resnet50", "mlperf/resnet50", "mlperf/resnet", "ncnn/resnet50", "qai/resnet50", "hailo/resnet_v1_50", "paddleclas/ResNet50",
			"microsoft/resnet-50", "resnet50v1.5", "inc/ResNet50 v1.5", "ResNet-50", "dle/mxnet/Classification/RN50v1.5", "timm/gluon_resnet50_v1b", "timm/tv_resnet50", "ultralytics/ResNet50"},
		{"timm/resnet50d", "timm/gluon_resnet50_v1d", "paddleclas/ResNet50_vd", "paddleclas/ResNet50_vd_ssld"},
		{"timm/mobilenetv2_100", "torchvision/mobilenet_v2", "qai/mobilenet_v2", "hailo/mobilenet_v2_1.0", "paddleclas/MobileNetV2", "mlperf/mobilenet-v2-1.0-224-quantized", "google/mobilenet_v2_1.0_224", "ncnn/mobilenet_v2"},
		{"timm/vit_base_patch16_224", "timm/vit_base_patch16_384", "timm/deit_base_patch16_224", "paddleclas/ViT_base_patch16_224", "qai/vit", "google/vit-base-patch16-224", "hailo/vit_base"},
		{"timm/efficientnet_b0", "timm/tf_efficientnet_b0_ns", "paddleclas/EfficientNetB0", "ncnn/efficientnet_b0"},
		{"timm/swin_tiny_patch4_window7_224", "paddleclas/SwinTransformer_tiny_patch4_window7_224", "microsoft/swin-tiny-patch4-window7-224"},
		{"timm/convnext_tiny", "timm/convnext_tiny_384_in22ft1k", "facebook/convnext-tiny-224", "torchvision/convnext_tiny"},
		{"bert-base-uncased", "bert-base-cased", "BAAI/bge-base-en-v1.5", "inc/BERT base MRPC"},
		{"bert-large-uncased", "mlperf/bert-99", "mlperf/bert-99.9", "mlperf-training/bert-large"},
		{"meta-llama/Llama-2-7b-hf", "huggyllama/llama-7b", "lmsys/vicuna-7b-v1.5", "llama 7B Q4_0"},
		{"meta-llama/Llama-3.1-70B", "meta-llama/Meta-Llama-3-70B", "llama 70B Q4_K - Medium", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B"},
		{"deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-R1", "mlperf/deepseek-r1", "nvidia/DeepSeek-R1-NVFP4"},
		{"gemma3 27B Q4_K - Medium", "google/gemma-3-27b-it"},
		{"ultralytics/yolov5s", "hailo/yolov5s", "rknn/yolov5s", "ultralytics/YOLOv5s"},
	} {
		for _, name := range group[1:] {
			if a, b := stem(group[0]), stem(name); a != b {
				t.Errorf("%s is %q, %s is %q", group[0], a, name, b)
			}
		}
	}
	for _, two := range [][2]string{
		{"timm/resnet50", "timm/resnet50d"}, {"timm/resnet50", "timm/resnet50_clip"}, {"timm/resnet50", "timm/resnetv2_50"}, {"timm/regnetx_160", "timm/regnetx_016"},
		{"timm/levit_128", "timm/levit_256"}, {"mlperf/mobilenet-v1-0.25-224-quantized", "mlperf/mobilenet-v1-0.5-224-quantized"}, {"timm/swinv2_cr_small_224", "timm/swinv2_cr_small_ns_224"},
		{"meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-13b-hf"}, {"facebook/opt-1.3b", "facebook/opt-13b"}, {"ultralytics/yolov8n", "ultralytics/yolov8s"},
	} {
		if a, b := stem(two[0]), stem(two[1]); a == b {
			t.Errorf("%s and %s are both %q", two[0], two[1], a)
		}
	}
}

// A fact-only predictor cannot tell devices of one part apart; it can those of
// different parts.
func TestParts(t *testing.T) {
	c := load(t)
	part := func(name string, p perf.Platform) string {
		d, err := c.Device(name, p)
		if err != nil {
			t.Error(err)
			return ""
		}
		return Part(d)
	}
	if part("Samsung Galaxy S25", "qualcomm") != part("Snapdragon 8 Elite QRD", "qualcomm") {
		t.Error("a phone and the development kit of its chip are two parts")
	}
	if part("NVIDIA GeForce 4090", "cuda") != part("RTX 4090", "cuda") {
		t.Error("two spellings are two parts")
	}
	if part("RTX 4090", "cuda") == part("RTX 4080", "cuda") || part("NVIDIA A100 SXM 40GB", "cuda") == part("NVIDIA A100 SXM 80GB", "cuda") {
		t.Error("two parts are one")
	}
}
