"""What perfcast's benchmark scripts have in common.

A script measures one model at one batch size and prints one JSON report, in
the form that perfcast's benchmark component reads (times in ms, memory in MB,
rates per second); lines of {"progress": ..., "message": ...} on standard error
tell how far it is. With --post URL the report is also sent to a perfcast
server. Weights are random and nothing is downloaded: speed does not depend on
what the weights are.
"""

import argparse
import json
import math
import os
import platform
import re
import resource
import sys
import time
import urllib.error
import urllib.request

# Arguments for when none are given: a generated script fills these in.
DEFAULTS = []

# Shapes of well-known models, as their published config.json have them.
# "arch" is how the scripts build them.
SHAPES = {
    "bert-base-uncased": dict(arch="encoder", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=30522, max_position_embeddings=512),
    "bert-large-uncased": dict(arch="encoder", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, vocab_size=30522, max_position_embeddings=512),
    "distilbert-base-uncased": dict(arch="encoder", hidden_size=768, num_hidden_layers=6, num_attention_heads=12, intermediate_size=3072, vocab_size=30522, max_position_embeddings=512),
    "roberta-base": dict(arch="encoder", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=50265, max_position_embeddings=514),
    "vit-base-patch16-224": dict(arch="vit", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, image_size=224, patch_size=16, num_labels=1000),
    "vit-large-patch16-224": dict(arch="vit", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, image_size=224, patch_size=16, num_labels=1000),
    "resnet-18": dict(arch="resnet", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], layer_type="basic", image_size=224, num_labels=1000),
    "resnet-50": dict(arch="resnet", depths=[3, 4, 6, 3], hidden_sizes=[256, 512, 1024, 2048], layer_type="bottleneck", image_size=224, num_labels=1000),
    "resnet-101": dict(arch="resnet", depths=[3, 4, 23, 3], hidden_sizes=[256, 512, 1024, 2048], layer_type="bottleneck", image_size=224, num_labels=1000),
    "gpt2": dict(arch="decoder", hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=50257, max_position_embeddings=1024),
    "gpt2-medium": dict(arch="decoder", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096, vocab_size=50257, max_position_embeddings=1024),
    "whisper-tiny": dict(arch="whisper", hidden_size=384, num_hidden_layers=4, decoder_layers=4, num_attention_heads=6, intermediate_size=1536, vocab_size=51865, num_mel_bins=80, max_source_positions=1500),
    "whisper-base": dict(arch="whisper", hidden_size=512, num_hidden_layers=6, decoder_layers=6, num_attention_heads=8, intermediate_size=2048, vocab_size=51865, num_mel_bins=80, max_source_positions=1500),
    "whisper-small": dict(arch="whisper", hidden_size=768, num_hidden_layers=12, decoder_layers=12, num_attention_heads=12, intermediate_size=3072, vocab_size=51865, num_mel_bins=80, max_source_positions=1500),
}

ALIASES = {"bert-base": "bert-base-uncased", "bert-large": "bert-large-uncased", "distilbert": "distilbert-base-uncased", "vit-base": "vit-base-patch16-224",
           "vit-large": "vit-large-patch16-224", "resnet18": "resnet-18", "resnet50": "resnet-50", "resnet101": "resnet-101"}

# The names that other families' config.json give to the same things.
SYNONYMS = {
    "hidden_size": ("n_embd", "d_model", "dim", "hidden_dim"),
    "num_hidden_layers": ("n_layer", "n_layers", "encoder_layers", "num_layers"),
    "num_attention_heads": ("n_head", "n_heads", "encoder_attention_heads", "num_heads"),
    "intermediate_size": ("n_inner", "encoder_ffn_dim", "hidden_dim", "ffn_dim", "d_ff"),
    "max_position_embeddings": ("n_positions", "n_ctx", "max_sequence_length"),
}

ARCH_OF_TYPE = {
    "bert": "encoder", "roberta": "encoder", "xlm-roberta": "encoder", "distilbert": "encoder", "electra": "encoder", "albert": "encoder", "deberta": "encoder", "deberta-v2": "encoder",
    "vit": "vit", "deit": "vit", "resnet": "resnet", "whisper": "whisper", "gpt2": "decoder", "opt": "decoder", "gpt_neox": "decoder", "gpt_neo": "decoder",
    "llama": "decoder", "mistral": "decoder", "qwen2": "decoder", "qwen3": "decoder", "phi": "decoder", "phi3": "decoder", "gemma": "decoder", "gemma2": "decoder", "falcon": "decoder",
}
GATED = {"llama", "mistral", "qwen2", "qwen3", "phi3", "gemma", "gemma2"}


class Unusable(Exception):
    """What was asked for cannot be measured; the message says why."""


def parser(description):
    """The arguments that all scripts take."""
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--model", required=True, help="name of a known shape (%s), or a label for --config" % ", ".join(sorted(SHAPES)))
    p.add_argument("--config", help="a config.json whose shape to take")
    p.add_argument("--config-json", help="the same as text")
    p.add_argument("--batch-size", type=int, default=1)
    p.add_argument("--sequence-length", type=int, default=128, help="input tokens of one sample")
    p.add_argument("--output-length", type=int, default=32, help="tokens to generate; decoders")
    p.add_argument("--precision", default="fp32")
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=0, help="CPU threads; 0 = all")
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--repeats", type=int, default=20)
    p.add_argument("--budget", type=float, default=120.0, help="seconds after which repeats stop (at least 3 are made)")
    p.add_argument("--post", metavar="URL", help="perfcast server to send the report to")
    p.add_argument("--key", default=os.environ.get("PERFCAST_API_KEY"), help="its API key, if it wants one")
    return p


def shape(args):
    """The shape to build, from --config, --config-json or the model's name."""
    if args.config or args.config_json:
        try:
            if args.config:
                with open(args.config, encoding="utf-8") as f:
                    raw = json.load(f)
            else:
                raw = json.loads(args.config_json)
        except (OSError, ValueError) as e:
            raise Unusable("the config cannot be read: %s" % e)
        if not isinstance(raw, dict):
            raise Unusable("the config is not a JSON object")
        return from_config(raw)
    name = args.model.rsplit("/", 1)[-1].lower()
    name = ALIASES.get(name, name)
    if name not in SHAPES:
        raise Unusable("the shape of %r is not known: give its config.json with --config (known: %s)" % (args.model, ", ".join(sorted(SHAPES))))
    return dict(SHAPES[name])


def from_config(raw):
    """A shape from the fields of a config.json, whatever its family calls them."""
    s = dict(raw)
    for name, others in SYNONYMS.items():
        for other in others:
            if s.get(name) is None and s.get(other) is not None:
                s[name] = s[other]
    kind = raw.get("model_type", "")
    s.setdefault("arch", ARCH_OF_TYPE.get(kind) or ("resnet" if "depths" in raw else None))
    if s["arch"] is None:
        names = " ".join(raw.get("architectures") or [])
        s["arch"] = "decoder" if "CausalLM" in names or "LMHead" in names else "encoder" if "hidden_size" in s else None
    if s["arch"] not in ("encoder", "decoder", "vit", "resnet", "whisper"):
        raise Unusable("model_type %r cannot be built" % kind)
    if s["arch"] == "resnet":
        need = ("depths", "hidden_sizes")
    else:
        if s.get("intermediate_size") is None and s.get("hidden_size"):
            s["intermediate_size"] = 4 * s["hidden_size"]
        need = ("hidden_size", "num_hidden_layers", "num_attention_heads")
    for name in need:
        values = s.get(name) if isinstance(s.get(name), list) else [s.get(name)]
        if not all(isinstance(v, int) and 0 < v < 1 << 24 for v in values):
            raise Unusable("the config's %s is not a whole number that can be built" % name)
    s.setdefault("gated", kind in GATED)
    s["num_key_value_heads"] = s.get("num_key_value_heads") or s.get("num_attention_heads")
    defaults = dict(vocab_size=32000, max_position_embeddings=4096, image_size=224, patch_size=16, num_labels=1000, num_mel_bins=80,
                    max_source_positions=1500, decoder_layers=s.get("num_hidden_layers"), layer_type="bottleneck")
    for name, value in defaults.items():
        if s.get(name) is None:
            s[name] = value
    return s


def progress(fraction, message):
    print(json.dumps({"progress": round(min(max(fraction, 0.0), 1.0), 3), "message": message}), file=sys.stderr, flush=True)


def quantile(xs, q):
    """Linear between the two nearest of the sorted xs."""
    at = q * (len(xs) - 1)
    i = int(at)
    j = min(i + 1, len(xs) - 1)
    return xs[i] + (at - i) * (xs[j] - xs[i])


def measure(run, args, label, synchronize=lambda: None):
    """Times run(): warm-up first, then repeats until there are enough or the
    budget is spent. Returns the report's latency fields, in ms; cpu_ms is the
    processor time of all threads, their waiting for each other included."""
    for i in range(args.warmup):
        progress(0.3 * i / max(args.warmup, 1), label + ": warm-up")
        run()
    synchronize()
    times, used, began = [], [], time.perf_counter()
    for i in range(args.repeats):
        start, cpu = time.perf_counter(), time.process_time()
        run()
        synchronize()
        times.append(time.perf_counter() - start)
        used.append(time.process_time() - cpu)
        progress(0.3 + 0.7 * (i + 1) / args.repeats, label)
        if len(times) >= 3 and time.perf_counter() - began > args.budget:
            break
    times.sort()
    ms = [1e3 * quantile(times, q) for q in (0.5, 0.25, 0.75)]
    return dict(latency_ms=ms[0], latency_ms_low=ms[1], latency_ms_high=ms[2], cpu_ms=1e3 * quantile(sorted(used), 0.5), warmup=args.warmup, repeats=len(times))


def peak_memory_mb():
    """Peak resident memory of this process, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def cpu_name():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            m = re.search(r"^model name\s*:\s*(.+)$", f.read(), re.M)
        if m:
            return m.group(1).strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def environment(**more):
    env = dict(cpu=cpu_name(), cores=str(os.cpu_count()), system=platform.platform(), python=platform.python_version())
    env.update({k: str(v) for k, v in more.items()})
    return env


def post(url, report, key=None):
    """Sends a report to a perfcast server: whole to its benchmark component, or
    where there is none one measurement at a time. Returns what was answered."""
    def send(path, body):
        request = urllib.request.Request(url.rstrip("/") + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        if key:
            request.add_header("X-API-Key", key)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    try:
        return send("/api/benchmark/report", report)
    except urllib.error.HTTPError as e:
        if e.code not in (404, 405):
            raise
    shared = {k: v for k, v in report.items() if k != "results"}
    answers = []
    for result in report["results"]:
        r = {**shared, **result}
        answers.append(send("/api/predictive-performance/record-measurement", {
            "model_name": r["model"], "hardware_platform": r["platform"], "batch_size": r["batch_size"], "sequence_length": r.get("sequence_length") or 128,
            "precision": r["precision"], "mode": r.get("mode", "inference"), "throughput": r.get("throughput"), "latency": r.get("latency_ms"),
            "memory_usage": r.get("memory_mb"), "ttft_ms": r.get("ttft_ms"), "tpot_ms": r.get("tpot_ms"), "source": "benchmark",
            "output_tokens_per_second": r.get("output_tokens_per_second"), "runtime": r.get("runtime"), "runtime_version": r.get("runtime_version"),
            "output_length": r.get("output_length") or 0, "threads": r.get("threads") or 0,
            "environment": dict(r.get("environment", {}), case=r.get("case", ""))}))
    return answers


def main(description, run, extend=None):
    """Parses the arguments, measures, prints the report and posts it. A script
    that cannot measure prints {"error": ...} and ends with status 1."""
    p = parser(description)
    if extend:
        extend(p)
    args = p.parse_args(sys.argv[1:] or DEFAULTS or None)
    try:
        for name in ("batch_size", "sequence_length", "repeats"):
            if getattr(args, name) < 1:
                raise Unusable("--%s must be at least 1" % name.replace("_", "-"))
        report = run(args)
        if any(isinstance(v, float) and not math.isfinite(v) for r in report["results"] for v in r.values()):
            raise Unusable("a measurement is not finite")
    except Unusable as e:
        print(json.dumps({"error": str(e)}))
        return 1
    print(json.dumps(report))
    if args.post:
        try:
            print("posted: %s" % json.dumps(post(args.post, report, args.key)), file=sys.stderr)
        except (urllib.error.URLError, OSError, ValueError) as e:
            print("cannot post to %s: %s" % (args.post, e), file=sys.stderr)
            return 1
    return 0
