#!/usr/bin/env python3
"""What the networks of timm and torchvision are made of, counted from their definitions.

    python3 catalog/makeup.py > catalog/makeup.csv      # needs torch, timm, torchvision; some ten minutes on one core

Each network is built without weights (on PyTorch's meta device, where tensors have shapes and no data) and run forward on
one sample of its usual size. A dispatch mode sees every kernel that would run and adds up, for each class of kernel, how
many there are, their multiply-accumulates, and the elements they read and write; parameters are not counted as read.
Nothing is timed: these are facts of the architectures.

Columns: name, image_size, macs_CLASS (multiply-accumulates), group_width (channels a grouped convolution sees, geometric mean
weighted by work), io_CLASS (elements), n_CLASS (kernels).
"""
import csv
import math
import sys
import warnings

import torch
from torch.utils._python_dispatch import TorchDispatchMode

MACS = ["spatial", "pointwise", "grouped", "depthwise", "attention"]
KERNELS = ["conv", "depthwise", "batchnorm", "layernorm", "groupnorm", "activation", "softmax", "concat", "pool", "copy", "other"]

VIEWS = set("""view _unsafe_view reshape permute transpose expand slice select unsqueeze squeeze split split_with_sizes chunk detach t
as_strided unbind alias _reshape_alias lift_fresh unfold diagonal movedim view_as_real view_as_complex unsafe_split unsafe_chunk
empty empty_like new_empty narrow""".split())
CLASS = {}
for kernel_class, names in {
    "batchnorm": "native_batch_norm _native_batch_norm_legit_no_training cudnn_batch_norm",
    "layernorm": "native_layer_norm rms_norm _fused_rms_norm",
    "groupnorm": "native_group_norm",
    "activation": "relu silu gelu hardswish hardsigmoid sigmoid hardtanh leaky_relu elu tanh mish prelu _prelu_kernel softplus relu6 clamp clamp_min",
    "softmax": "_softmax _safe_softmax softmax",
    "concat": "cat stack",
    "pool": "max_pool2d_with_indices avg_pool2d _adaptive_avg_pool2d mean adaptive_max_pool2d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d max_pool3d_with_indices sum",
    "copy": "clone copy_ _to_copy constant_pad_nd roll flip index im2col contiguous repeat reflection_pad2d",
}.items():
    CLASS.update(dict.fromkeys(names.split(), kernel_class))


def tensors(values):
    """All tensors among nested arguments."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from tensors(value)


class Count(TorchDispatchMode):
    """Adds up the kernels that run under it."""

    def __init__(self):
        super().__init__()
        self.macs = dict.fromkeys(MACS, 0)
        self.io = dict.fromkeys(KERNELS, 0)
        self.n = dict.fromkeys(KERNELS, 0)
        self.widths = []
        self.paused = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if self.paused:
            return out
        name = func.overloadpacket.__name__.rstrip("_")
        if name in VIEWS or func.overloadpacket.__name__ in VIEWS:
            return out
        results = list(tensors([out]))
        read = [x for x in tensors([args, list((kwargs or {}).values())]) if not isinstance(x, torch.nn.Parameter)]
        io = sum(x.numel() for x in read) + sum(x.numel() for x in results)
        if name == "convolution":
            kind = self.convolution(args, results[0])
            io = args[0].numel() + results[0].numel()
        elif name in ("mm", "addmm", "linear"):
            a, b = args[1:3] if name == "addmm" else args[:2]
            kind, io = "conv", a.numel() + results[0].numel()
            self.macs["pointwise"] += a.numel() * (b.shape[0] if name == "linear" else b.shape[-1])
        elif name in ("bmm", "baddbmm"):
            a, b = args[1:3] if name == "baddbmm" else args[:2]
            kind = "conv"
            self.macs["attention"] += a.numel() * b.shape[-1]
        else:
            kind = CLASS.get(name, CLASS.get(func.overloadpacket.__name__, "other"))
            if kind.endswith("norm"):
                io = 2 * args[0].numel()
        self.n[kind] += 1
        self.io[kind] += io
        return out

    def convolution(self, args, y):
        x, w, transposed, groups = args[0], args[1], args[6], args[8]
        positions = (x if transposed else y).numel()
        macs = positions * w.shape[1] * math.prod(w.shape[2:])
        if groups > 1 and w.shape[1] == 1:
            self.macs["depthwise"] += macs
            return "depthwise"
        if groups > 1:
            self.macs["grouped"] += macs
            self.widths.append((macs, w.shape[1]))
        else:
            self.macs["pointwise" if math.prod(w.shape[2:]) == 1 else "spatial"] += macs
        return "conv"

    def recurrent(self, layer, x, y):
        """A recurrent layer: libraries run all its steps at once, the inputs' product and the recurrence."""
        runs = layer.num_layers * (2 if layer.bidirectional else 1)
        steps = x.numel() // x.shape[-1]
        weights = sum(w.numel() for name, w in layer.named_parameters() if name.startswith("weight"))
        self.macs["pointwise"] += steps * weights
        self.n["conv"] += 2 * runs
        self.io["conv"] += x.numel() + 2 * y.numel()

    def row(self):
        total = sum(m for m, _ in self.widths)
        width = math.exp(sum(m * math.log(g) for m, g in self.widths) / total) if total else 0
        return [self.macs[k] for k in MACS] + [round(width, 1)] + [self.io[k] for k in KERNELS] + [self.n[k] for k in KERNELS]


def count(make, shape):
    """Counts one forward pass; shape is that of one sample."""
    with torch.device("meta"):
        model = make().eval()
        sample = torch.empty(1, *shape)
        counter = Count()
        watch(model, counter)
        with torch.no_grad(), counter:
            model(sample)
    return counter.row()


def watch(model, counter):
    """Lets recurrent layers be counted as layers: on the meta device they are taken apart into steps, as no library does."""

    def enter(layer, args):
        counter.paused = True

    def leave(layer, args, out):
        counter.paused = False
        counter.recurrent(layer, args[0], out[0])

    for layer in model.modules():
        if isinstance(layer, torch.nn.RNNBase):
            layer.register_forward_pre_hook(enter)
            layer.register_forward_hook(leave)


def networks():
    """Yields name, builder, sample shape."""
    import timm
    import timm.layers
    import torchvision

    timm.layers.set_fused_attn(False)
    for name in timm.list_models():
        with torch.device("meta"):
            shape = timm.create_model(name).default_cfg["input_size"]
        yield "timm/" + name, lambda: timm.create_model(name), shape
    for name in torchvision.models.list_models():
        if name.startswith(("quantized", "raft")) or any(k in name for k in ("rcnn", "retinanet", "ssd", "fcos")):
            continue  # their work depends on the picture
        options = {"weights": None}
        shape = (3, 224, 224)
        if name.startswith(("deeplab", "fcn", "lraspp")):
            options["weights_backbone"] = None
            shape = (3, 520, 520)
        if name in ("googlenet", "inception_v3"):
            options["init_weights"] = False
            shape = (3, 299, 299) if name == "inception_v3" else shape
        if name in ("mc3_18", "r2plus1d_18", "r3d_18", "s3d") or name.startswith(("mvit", "swin3d")):
            shape = (3, 16, 224, 224)
        yield "torchvision/" + name, lambda: torchvision.models.get_model(name, **options), shape


def main():
    warnings.filterwarnings("ignore")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["name", "image_size"] + ["macs_" + k for k in MACS] + ["group_width"] + ["io_" + k for k in KERNELS] + ["n_" + k for k in KERNELS])
    for name, make, shape in networks():
        try:
            out.writerow([name, shape[-1]] + count(make, shape))
        except Exception as error:  # a network that does not run on meta tensors has no row
            print(name, type(error).__name__, str(error)[:120], file=sys.stderr)


if __name__ == "__main__":
    main()
