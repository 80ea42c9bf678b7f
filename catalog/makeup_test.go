package catalog

import (
	"math"
	"testing"

	"github.com/perfcast/perfcast/perf"
)

func TestMakeup(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string) *perf.Model {
		m, err := c.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	// He et al. 2015, table 1: 53 convolutions and a classifier, each
	// convolution followed by a batch normalisation.
	for _, name := range []string{"timm/resnet50", "torchvision/resnet50", "mlperf/resnet50"} {
		m := of(name).Makeup
		if m.Kernels[perf.ProductKernel] != 54 || m.Kernels[perf.BatchNormKernel] != 53 || m.Works[perf.DepthwiseWork] != 0 {
			t.Errorf("%s is made of %+v", name, m)
		}
	}
	// Sandler et al. 2018, table 2: 17 blocks with a depthwise convolution each.
	if m := of("timm/mobilenetv2_100").Makeup; m.Kernels[perf.DepthwiseKernel] != 17 || m.Works[perf.SpatialWork] > 0.2 {
		t.Errorf("MobileNetV2 is made of %+v", m)
	}
	if m := of("timm/vit_base_patch16_224").Makeup; m.Kernels[perf.LayerNormKernel] != 25 || m.Kernels[perf.SoftmaxKernel] != 12 {
		t.Errorf("ViT-B/16 is made of %+v", m)
	}
	if m := of("bert-base-uncased").Makeup; m.Known() {
		t.Errorf("a model that is listed layer by layer has a makeup: %+v", m)
	}
}

func TestMakeupsAddUp(t *testing.T) {
	all, err := loadMakeups()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.stem) < 500 {
		t.Fatalf("%d networks", len(all.stem))
	}
	for stem, c := range all.stem {
		sum := 0.0
		for _, w := range c.makeup.Works {
			sum += float64(w)
		}
		if math.Abs(sum-1) > 1e-4 || !c.makeup.Known() || c.macs < 1e6 {
			t.Errorf("%s: shares add up to %v of %v multiply-accumulates", stem, sum, c.macs)
		}
	}
}
