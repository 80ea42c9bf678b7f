#!/usr/bin/env python3
"""Measures a model with vLLM's own "vllm bench latency": a batch of requests
of given input and output lengths, with dummy weights."""

from perfbench import *  # inlined in generated scripts

import shutil
import subprocess
import tempfile


def run(args):
    tool = shutil.which("vllm")
    if tool is None:
        raise Unusable("vllm is not there: pip install vllm")
    dtypes = dict(fp32="float32", fp16="float16", bf16="bfloat16")
    if args.precision not in dtypes:
        raise Unusable("precision %s is not one of %s" % (args.precision, ", ".join(dtypes)))
    tokens = {}
    with tempfile.TemporaryDirectory(prefix="perfcast-") as folder:
        for i, length in enumerate(sorted({1, max(args.output_length, 2)})):
            progress(0.1 + 0.45 * i, "%d output tokens" % length)
            out = os.path.join(folder, "%d.json" % length)
            done = subprocess.run([tool, "bench", "latency", "--model", args.model, "--load-format", "dummy", "--dtype", dtypes[args.precision],
                                   "--batch-size", str(args.batch_size), "--input-len", str(args.sequence_length), "--output-len", str(length),
                                   "--num-iters-warmup", str(args.warmup), "--num-iters", str(args.repeats), "--output-json", out], capture_output=True, text=True)
            if done.returncode != 0:
                raise Unusable("vllm bench failed: %s" % done.stderr.strip()[-1000:])
            with open(out, encoding="utf-8") as f:
                tokens[length] = sorted(json.load(f)["latencies"])
    first, whole = tokens[1], tokens[max(tokens)]
    more = max(tokens) - 1
    ms = [1e3 * quantile(first, q) for q in (0.5, 0.25, 0.75)]
    tpot = 1e3 * (quantile(whole, 0.5) - quantile(first, 0.5)) / more
    version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout.split()
    env = environment(vllm=version[-1] if version else "")
    return dict(model=args.model, platform=args.device, runtime="vllm", runtime_version=version[-1] if version else "", precision=args.precision, mode="inference",
                batch_size=args.batch_size, sequence_length=args.sequence_length, environment=env, results=[
                    dict(case="prefill", latency_ms=ms[0], latency_ms_low=ms[1], latency_ms_high=ms[2], ttft_ms=ms[0], throughput=1e3 * args.batch_size / ms[0], repeats=len(first), warmup=args.warmup),
                    dict(case="decode", output_length=max(tokens), tpot_ms=tpot, output_tokens_per_second=1e3 * args.batch_size / tpot, repeats=len(whole), warmup=args.warmup)])


if __name__ == "__main__":
    sys.exit(main(__doc__, run))
