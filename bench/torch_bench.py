#!/usr/bin/env python3
"""Measures a model in PyTorch, built by transformers (or timm) from its shape.

Eager and compiled, inference and training; decoders as prefill and as one
decode step with its cache. Memory is the peak: the device's allocator on a
GPU, the process's resident set on a CPU.
"""

from perfbench import *  # inlined in generated scripts

import contextlib


def libraries():
    try:
        import torch
        import transformers
    except ImportError as e:
        raise Unusable("%s: pip install torch transformers" % e)
    transformers.logging.set_verbosity_error()
    return torch, transformers


def extend(p):
    p.add_argument("--mode", choices=["inference", "training"], default="inference")
    p.add_argument("--compile", choices=["no", "yes", "both"], default="no", help="measure with torch.compile")


def build(args, s, torch, tf):
    """The model with random weights, and the arguments of a forward pass."""
    b, t, arch = args.batch_size, args.sequence_length, s["arch"]
    size = s.get("image_size", 224)
    common = dict(hidden_size=s.get("hidden_size"), num_hidden_layers=s.get("num_hidden_layers"), num_attention_heads=s.get("num_attention_heads"), intermediate_size=s.get("intermediate_size"))
    text = dict(vocab_size=s.get("vocab_size"), max_position_embeddings=max(s.get("max_position_embeddings") or 0, t + args.output_length))
    if arch == "encoder":
        return tf.BertModel(tf.BertConfig(**common, **text), add_pooling_layer=False), dict(input_ids=torch.ones(b, t, dtype=torch.long))
    if arch == "decoder" and s.get("gated"):
        extra = {k: s[k] for k in ("head_dim",) if s.get(k)}
        return tf.LlamaForCausalLM(tf.LlamaConfig(**common, **text, num_key_value_heads=s["num_key_value_heads"], **extra)), dict(input_ids=torch.ones(b, t, dtype=torch.long))
    if arch == "decoder":
        c = tf.GPT2Config(vocab_size=s["vocab_size"], n_positions=text["max_position_embeddings"], n_embd=s["hidden_size"], n_layer=s["num_hidden_layers"],
                          n_head=s["num_attention_heads"], n_inner=s["intermediate_size"])
        return tf.GPT2LMHeadModel(c), dict(input_ids=torch.ones(b, t, dtype=torch.long))
    if arch == "vit":
        c = tf.ViTConfig(**common, image_size=size, patch_size=s["patch_size"], num_labels=s["num_labels"])
        return tf.ViTForImageClassification(c), dict(pixel_values=torch.randn(b, 3, size, size))
    if arch == "resnet":
        c = tf.ResNetConfig(depths=s["depths"], hidden_sizes=s["hidden_sizes"], layer_type=s["layer_type"], num_labels=s["num_labels"])
        return tf.ResNetForImageClassification(c), dict(pixel_values=torch.randn(b, 3, size, size))
    c = tf.WhisperConfig(d_model=s["hidden_size"], encoder_layers=s["num_hidden_layers"], decoder_layers=s["decoder_layers"], encoder_attention_heads=s["num_attention_heads"],
                         decoder_attention_heads=s["num_attention_heads"], encoder_ffn_dim=s["intermediate_size"], decoder_ffn_dim=s["intermediate_size"],
                         vocab_size=s["vocab_size"], num_mel_bins=s["num_mel_bins"], max_source_positions=s["max_source_positions"])
    from transformers.models.whisper.modeling_whisper import WhisperEncoder
    return WhisperEncoder(c), dict(input_features=torch.randn(b, s["num_mel_bins"], 2 * s["max_source_positions"]))


def timm_model(args, torch):
    """A model that timm knows by name; None if it doesn't."""
    try:
        import timm
    except ImportError:
        return None
    name = args.model.rsplit("/", 1)[-1]
    if name not in timm.list_models():
        return None
    m = timm.create_model(name, pretrained=False)
    size = m.default_cfg.get("input_size", (3, 224, 224))
    return m, dict(x=torch.randn(args.batch_size, *size)), size[-1]


class Bench:
    """One model on one device, in one precision."""

    def __init__(self, args):
        self.args = args
        self.torch, tf = libraries()
        torch = self.torch
        kinds = dict(cpu="cpu", cuda="cuda", rocm="cuda", mps="mps", xpu="xpu")
        if args.device not in kinds:
            raise Unusable("device %s is not one of %s" % (args.device, ", ".join(kinds)))
        self.device = torch.device(kinds[args.device])
        if self.device.type == "cuda" and not torch.cuda.is_available() or self.device.type == "mps" and not torch.backends.mps.is_available():
            raise Unusable("this PyTorch sees no %s device" % args.device)
        if args.threads:
            torch.set_num_threads(args.threads)
        torch.manual_seed(0)
        dtypes = dict(fp32=torch.float32, tf32=torch.float32, fp16=torch.float16, bf16=torch.bfloat16, amp=torch.float32, amp_bf16=torch.float32)
        if args.precision not in dtypes:
            raise Unusable("precision %s is not one of %s" % (args.precision, ", ".join(dtypes)))
        torch.set_float32_matmul_precision("high" if args.precision == "tf32" else "highest")
        self.auto = dict(amp=torch.float16, amp_bf16=torch.bfloat16).get(args.precision)
        self.fields = {}
        try:
            s = shape(args)
            self.arch = s["arch"]
            model, inputs = build(args, s, torch, tf)
            if self.arch in ("vit", "resnet"):
                self.fields = dict(image_size=s["image_size"], layout="nchw")
        except Unusable:
            found = timm_model(args, torch)
            if found is None or args.config or args.config_json:
                raise
            model, inputs, size = found
            self.arch, self.fields = "timm", dict(image_size=size, layout="nchw")
        dtype = dtypes[args.precision]
        self.model = model.to(self.device, dtype)
        self.inputs = {k: v.to(self.device, dtype if v.is_floating_point() else None) for k, v in inputs.items()}
        self.params = sum(p.numel() for p in model.parameters())

    def cast(self):
        return self.torch.autocast(self.device.type, self.auto) if self.auto else contextlib.nullcontext()

    def synchronize(self):
        if self.device.type in ("cuda", "mps", "xpu"):
            getattr(self.torch, self.device.type).synchronize()

    def peak(self):
        if self.device.type == "cuda":
            return self.torch.cuda.max_memory_allocated() / 1e6
        return peak_memory_mb()

    def case(self, name, step, runtime, tokens=True, **fields):
        if self.device.type == "cuda":
            self.torch.cuda.reset_peak_memory_stats()
        m = measure(step, self.args, "%s, %s" % (name, runtime), self.synchronize)
        m.update(case=name, runtime=runtime, throughput=1e3 * self.args.batch_size / m["latency_ms"], memory_mb=self.peak(), **self.fields, **fields)
        m["environment"] = environment(torch=self.torch.__version__, parameters=self.params, **self.gpu())
        return m

    def gpu(self):
        if self.device.type != "cuda":
            return {}
        return dict(gpu=self.torch.cuda.get_device_name(), cuda=self.torch.version.cuda or self.torch.version.hip)

    def inference(self, compiled):
        torch, args = self.torch, self.args
        runtime = "torch-compile" if compiled else "pytorch-eager"
        model = self.model.eval()
        call = torch.compile(model) if compiled else model
        with torch.inference_mode(), self.cast():
            if self.arch != "decoder":
                return [self.case("forward", lambda: call(**self.inputs), runtime, **self.length())]
            first = self.case("prefill", lambda: call(**self.inputs, use_cache=True, logits_to_keep=1), runtime, **self.length())
            first["ttft_ms"] = first["latency_ms"]
            cache = model(**self.inputs, use_cache=True).past_key_values
            token = self.inputs["input_ids"][:, :1]

            def decode():
                call(input_ids=token, past_key_values=cache, use_cache=True)
                cache.crop(-1)  # take the new token out again

            step = self.case("decode", decode, runtime, sequence_length=args.sequence_length, output_length=1)
            step["tpot_ms"] = step.pop("latency_ms")  # of a cache of that many tokens
            step["output_tokens_per_second"] = step.pop("throughput")
            for k in ("latency_ms_low", "latency_ms_high"):
                step["environment"][k.replace("latency", "tpot")] = str(step.pop(k))
            return [first, step]

    def length(self):
        return dict(sequence_length=self.args.sequence_length) if self.arch in ("encoder", "decoder") else {}

    def training(self, compiled):
        torch = self.torch
        runtime = "torch-compile" if compiled else "pytorch-eager"
        model = self.model.train()
        call = torch.compile(model) if compiled else model
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)

        def step():
            optimizer.zero_grad(set_to_none=True)
            with self.cast():
                out = call(**self.inputs)
                out = out if torch.is_tensor(out) else out[0]
                loss = out.float().square().mean()
            loss.backward()
            optimizer.step()

        return [self.case("training step", step, runtime, **self.length())]


def run(args):
    bench = Bench(args)
    results, skipped = [], None
    for compiled in {"no": [False], "yes": [True], "both": [False, True]}[args.compile]:
        try:
            results += bench.training(compiled) if args.mode == "training" else bench.inference(compiled)
        except RuntimeError as e:
            if not compiled or not results:
                raise Unusable("PyTorch cannot run this: %s" % str(e).splitlines()[0])
            skipped = "compiled: %s" % str(e).splitlines()[0]
    if skipped:
        print(skipped, file=sys.stderr)
    device = bench.torch.cuda.get_device_name() if bench.device.type == "cuda" else None
    report = dict(model=args.model, platform=args.device, runtime_version=bench.torch.__version__.split("+")[0], precision=args.precision, mode=args.mode,
                  batch_size=args.batch_size, threads=args.threads, results=results)
    if device:
        report["device"] = device
    return report


if __name__ == "__main__":
    sys.exit(main(__doc__, run, extend))
