package catalog

import (
	"strings"

	"github.com/perfcast/perfcast/perf"
)

// design says what the stems that begin with a prefix are sizes of: the
// design's name and its kind ("cnn", "vit", "swin", "mixer", "hybrid" of
// convolutions and attention, "detector", "unet").
type design struct{ prefix, architecture, kind string }

// designs are the naming schemes of timm's registry and of the other zoos,
// longer prefixes before shorter ones that they begin with.
var designs = []design{
	// attention
	{"vit_base_r", "vit_hybrid", "hybrid"}, {"vit_large_r", "vit_hybrid", "hybrid"}, {"vit_small_r", "vit_hybrid", "hybrid"}, {"vit_tiny_r", "vit_hybrid", "hybrid"},
	{"vit_relpos", "vit_relpos", "vit"}, {"vit_srelpos", "vit_relpos", "vit"}, {"vit_pe_", "vit_pe", "vit"}, {"vit_pose", "vit_pose", "vit"},
	{"vitamin", "vitamin", "hybrid"}, {"vit_", "vit", "vit"}, {"naflexvit", "naflexvit", "vit"}, {"flexivit", "flexivit", "vit"}, {"samvit", "samvit", "vit"},
	{"deit3", "deit3", "vit"}, {"beitv2", "beit", "vit"}, {"beit3", "beit3", "vit"}, {"beit", "beit", "vit"}, {"eva02", "eva02", "vit"}, {"eva", "eva", "vit"},
	{"aimv2", "aimv2", "vit"}, {"cait", "cait", "vit"}, {"xcit", "xcit", "vit"}, {"crossvit", "crossvit", "vit"}, {"pit_", "pit", "vit"}, {"tnt", "tnt", "vit"},
	{"twins", "twins", "vit"}, {"volo", "volo", "vit"}, {"pvt_v2", "pvt_v2", "vit"}, {"mvitv2", "mvitv2", "vit"}, {"sam2_hiera", "hiera", "vit"}, {"hieradet", "hiera", "vit"}, {"hiera", "hiera", "vit"},
	{"davit", "davit", "vit"}, {"nest", "nest", "vit"}, {"convit", "convit", "vit"}, {"visformer", "visformer", "hybrid"}, {"gcvit", "gcvit", "swin"}, {"sequencer2d", "sequencer2d", "mixer"},
	{"swinv2_cr", "swinv2_cr", "swin"}, {"swin_v2_cr", "swinv2_cr", "swin"}, {"swinv2", "swinv2", "swin"}, {"swin_s3", "swin_s3", "swin"}, {"swin", "swin", "swin"},
	{"focalnet", "focalnet", "cnn"}, {"clip_vit", "vit", "vit"}, {"tinyclip_vit", "vit", "vit"}, {"siglip", "siglip", "vit"}, {"depth_anything", "depth_anything", "vit"},
	// attention and convolutions
	{"coatnet", "coatnet", "hybrid"}, {"coatnext", "coatnet", "hybrid"}, {"coat_", "coat", "hybrid"}, {"maxvit", "maxvit", "hybrid"}, {"maxxvit", "maxvit", "hybrid"},
	{"caformer", "caformer", "hybrid"}, {"convformer", "convformer", "cnn"}, {"poolformer", "poolformer", "mixer"}, {"edgenext", "edgenext", "hybrid"}, {"efficientformerv2", "efficientformerv2", "hybrid"},
	{"efficientformer", "efficientformer", "hybrid"}, {"efficientvit_m", "efficientvit_msra", "hybrid"}, {"efficientvit", "efficientvit", "hybrid"}, {"fastvit", "fastvit", "hybrid"}, {"levit", "levit", "hybrid"},
	{"mobilevitv2", "mobilevitv2", "hybrid"}, {"mobilevit", "mobilevit", "hybrid"}, {"semobilevit", "mobilevit", "hybrid"}, {"nextvit", "nextvit", "hybrid"}, {"repvit", "repvit", "cnn"}, {"shvit", "shvit", "hybrid"},
	{"swiftformer", "swiftformer", "hybrid"}, {"tiny_vit", "tiny_vit", "hybrid"}, {"cas_vit", "cas_vit", "hybrid"}, {"csatv2", "csatv2", "hybrid"}, {"mambaout", "mambaout", "cnn"},
	{"bat_", "resnet_attention", "hybrid"}, {"botnet", "resnet_attention", "hybrid"}, {"eca_botnext", "resnet_attention", "hybrid"}, {"eca_halonext", "resnet_attention", "hybrid"}, {"halo", "resnet_attention", "hybrid"},
	{"lambda", "resnet_attention", "hybrid"}, {"lamhalo", "resnet_attention", "hybrid"}, {"sebotnet", "resnet_attention", "hybrid"}, {"sehalonet", "resnet_attention", "hybrid"},
	// mixers
	{"mixer", "mlp_mixer", "mixer"}, {"gmixer", "gmixer", "mixer"}, {"gmlp", "gmlp", "mixer"}, {"resmlp", "resmlp", "mixer"}, {"convmixer", "convmixer", "cnn"},
	// convolutions
	{"convnextv2", "convnextv2", "cnn"}, {"convnext", "convnext", "cnn"}, {"inception_next", "inception_next", "cnn"}, {"inception_resnet", "inception_resnet", "cnn"}, {"inception", "inception", "cnn"}, {"googlenet", "inception", "cnn"},
	{"efficientnetv2", "efficientnetv2", "cnn"}, {"gc_efficientnetv2", "efficientnetv2", "cnn"}, {"efficientnet_lite", "efficientnet_lite", "cnn"}, {"efficientnet_e", "efficientnet_edgetpu", "cnn"}, {"efficientnet", "efficientnet", "cnn"},
	{"mobilenetv1", "mobilenetv1", "cnn"}, {"mobilenetv2", "mobilenetv2", "cnn"}, {"mobilenetv3", "mobilenetv3", "cnn"}, {"mobilenetv4_hybrid", "mobilenetv4", "hybrid"}, {"mobilenetv4", "mobilenetv4", "cnn"}, {"mobilenetv5", "mobilenetv5", "hybrid"},
	{"mobilenet_edgetpu", "mobilenet_edgetpu", "cnn"}, {"mobilenetedgetpu", "mobilenet_edgetpu", "cnn"}, {"mobilenet_yolo", "yolo", "detector"}, {"mobilenet_ssd", "ssd", "detector"}, {"mobileone", "mobileone", "cnn"}, {"mobilesam", "sam", "vit"},
	{"mnasnet", "mnasnet", "cnn"}, {"semnasnet", "mnasnet", "cnn"}, {"proxylessnas", "mnasnet", "cnn"}, {"spnasnet", "mnasnet", "cnn"}, {"fbnet", "fbnet", "cnn"}, {"mixnet", "mixnet", "cnn"}, {"hardcorenas", "hardcorenas", "cnn"}, {"tinynet", "tinynet", "cnn"}, {"gpunet", "gpunet", "cnn"},
	{"lcnet", "lcnet", "cnn"}, {"pp_lcnet", "lcnet", "cnn"}, {"esnet", "esnet", "cnn"}, {"ghostnet", "ghostnet", "cnn"}, {"repghost", "ghostnet", "cnn"}, {"shufflenet", "shufflenet", "cnn"}, {"squeezenet", "squeezenet", "cnn"}, {"starnet", "starnet", "cnn"}, {"fasternet", "fasternet", "cnn"}, {"peleenet", "densenet", "cnn"},
	{"resnetv2", "resnetv2", "cnn"}, {"resnetrs", "resnet", "cnn"}, {"resnetaa", "resnet", "cnn"}, {"resnetblur", "resnet", "cnn"}, {"resnet", "resnet", "cnn"}, {"resnext", "resnext", "cnn"}, {"wide_resnet", "resnet", "cnn"}, {"ecaresnet", "resnet", "cnn"}, {"ecaresnext", "resnext", "cnn"},
	{"eca_resnet", "resnet", "cnn"}, {"eca_resnext", "resnext", "cnn"}, {"seresnext", "seresnext", "cnn"}, {"seresnet", "seresnet", "cnn"}, {"senet", "seresnet", "cnn"}, {"skresnext", "skresnet", "cnn"}, {"skresnet", "skresnet", "cnn"}, {"gcresne", "gcresnet", "cnn"}, {"rednet", "rednet", "cnn"},
	{"res2net", "res2net", "cnn"}, {"res2next", "res2net", "cnn"}, {"resnest", "resnest", "cnn"}, {"tresnet", "tresnet", "cnn"}, {"nf_", "nfnet", "cnn"}, {"nfnet", "nfnet", "cnn"}, {"dm_nfnet", "nfnet", "cnn"}, {"eca_nfnet", "nfnet", "cnn"}, {"rexnet", "rexnet", "cnn"},
	{"regnetx", "regnet", "cnn"}, {"regnety", "regnet", "cnn"}, {"regnetz", "regnetz", "cnn"}, {"regnetv", "regnet", "cnn"}, {"haloregnet", "resnet_attention", "hybrid"}, {"repvgg", "repvgg", "cnn"}, {"vgg", "vgg", "cnn"}, {"alexnet", "alexnet", "cnn"}, {"zfnet", "alexnet", "cnn"},
	{"densenet", "densenet", "cnn"}, {"rdnet", "rdnet", "cnn"}, {"dla", "dla", "cnn"}, {"dpn", "dpn", "cnn"}, {"hrnet", "hrnet", "cnn"}, {"se_hrnet", "hrnet", "cnn"}, {"litehrnet", "hrnet", "cnn"}, {"hardnet", "hardnet", "cnn"}, {"hgnetv2", "hgnetv2", "cnn"}, {"hgnet", "hgnet", "cnn"},
	{"darknet", "darknet", "cnn"}, {"cspdarknet", "cspnet", "cnn"}, {"cspresne", "cspnet", "cnn"}, {"cs3", "cspnet", "cnn"}, {"sedarknet", "darknet", "cnn"}, {"ese_vovnet", "vovnet", "cnn"}, {"eca_vovnet", "vovnet", "cnn"}, {"vovnet", "vovnet", "cnn"}, {"xception", "xception", "cnn"}, {"nasnet", "nasnet", "cnn"}, {"pnasnet", "nasnet", "cnn"},
	{"gernet", "gernet", "cnn"}, {"selecsls", "selecsls", "cnn"}, {"test_vit", "vit", "vit"}, {"test_", "test", "cnn"}, {"internimage", "internimage", "cnn"}, {"osnet", "osnet", "cnn"}, {"r3d", "resnet3d", "cnn"},
	// detection, segmentation, pose
	{"yolox", "yolox", "detector"}, {"yolov", "yolo", "detector"}, {"yolo", "yolo", "detector"}, {"tiny_yolo", "yolo", "detector"}, {"damoyolo", "yolo", "detector"}, {"pp_yoloe", "pp_yoloe", "detector"}, {"ppyoloe", "pp_yoloe", "detector"}, {"picodet", "picodet", "detector"}, {"nanodet", "nanodet", "detector"}, {"fastestdet", "yolo", "detector"},
	{"fastsam", "yolo", "detector"}, {"fast_sam", "yolo", "detector"}, {"rt_detr", "rt_detr", "detector"}, {"rtdetr", "rt_detr", "detector"}, {"mask_rt_detr", "rt_detr", "detector"}, {"detr", "detr", "detector"}, {"conditional_detr", "detr", "detector"}, {"rf_detr", "detr", "detector"}, {"rtmdet", "rtmdet", "detector"},
	{"ssdlite", "ssd", "detector"}, {"ssd", "ssd", "detector"}, {"efficientdet", "efficientdet", "detector"}, {"retinanet", "retinanet", "detector"}, {"retinaface", "retinaface", "detector"}, {"scrfd", "scrfd", "detector"}, {"centernet", "centernet", "detector"}, {"centerpose", "centernet", "detector"}, {"fcos", "fcos", "detector"}, {"fasterrcnn", "faster_rcnn", "detector"}, {"faster_r_cnn", "faster_rcnn", "detector"}, {"rcnn", "faster_rcnn", "detector"}, {"maskrcnn", "mask_rcnn", "detector"}, {"mask_r_cnn", "mask_rcnn", "detector"}, {"yolact", "yolact", "detector"},
	{"unet", "unet", "unet"}, {"nnunet", "nnunet", "unet"}, {"3d_unet", "unet3d", "unet"}, {"vnet", "unet3d", "unet"}, {"segformer", "segformer", "segformer"}, {"fcn", "fcn", "cnn"}, {"deeplab", "deeplab", "cnn"}, {"ffnet", "ffnet", "cnn"}, {"ddrnet", "ddrnet", "cnn"}, {"pidnet", "pidnet", "cnn"}, {"stdc", "stdc", "cnn"}, {"seaformer", "seaformer", "hybrid"},
	{"rrdbnet", "rrdbnet", "cnn"}, {"real_esrgan", "esrgan", "cnn"}, {"quicksrnet", "quicksrnet", "cnn"}, {"espcn", "espcn", "cnn"}, {"dncnn", "dncnn", "cnn"}, {"sd15_unet", "stable_diffusion", "diffusion"}, {"sd21_unet", "stable_diffusion", "diffusion"},
}

// complete fills in the architecture and kind that a model's name states under
// its zoo's naming scheme, where the table leaves them open.
func complete(m *perf.Model, stem string) {
	switch m.Family {
	case "vision", "detection", "diffusion", "multimodal":
	default:
		return
	}
	if m.Architecture != "" && m.Kind != "" {
		return
	}
	if architecture, kind, ok := designOf(stem); ok {
		if m.Architecture == "" {
			m.Architecture = architecture
		}
		if m.Kind == "" {
			m.Kind = kind
		}
		return
	}
	if m.Architecture == "" {
		m.Architecture = stem
	}
	if m.Kind == "" && m.Family == "detection" {
		m.Kind = "detector"
	} else if m.Kind == "" && m.Family == "vision" {
		m.Kind = "cnn"
	}
}

// Described is a model that is not in the catalogue, with what its name and the
// facts at hand say: parameters, multiply-accumulates and activations of one
// sample. It has its own design. nil when the facts do not size it, or cannot
// be.
func Described(m perf.Model) *perf.Model {
	m.Family = Family(m)
	if !m.Sized() || CheckModel(m) != nil {
		return nil
	}
	m.Stem = nameStem(m.Name)
	complete(&m, m.Stem)
	return &m
}

// designOf is the architecture that a stem is a size of, and its kind.
func designOf(stem string) (architecture, kind string, ok bool) {
	for _, d := range designs {
		if strings.HasPrefix(stem, d.prefix) {
			return d.architecture, d.kind, true
		}
	}
	return stem, "", false
}
