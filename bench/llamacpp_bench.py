#!/usr/bin/env python3
"""Measures a GGUF file with llama.cpp's own llama-bench: prompt processing and
token generation. --model is the name to report; --gguf the file."""

from perfbench import *  # inlined in generated scripts

import shutil
import subprocess


def extend(p):
    p.add_argument("--gguf", default=os.environ.get("GGUF"), help="the model file; or the variable GGUF")
    p.add_argument("--llama-bench", default=os.environ.get("LLAMA_BENCH", "llama-bench"))


def run(args):
    tool = shutil.which(args.llama_bench)
    if tool is None:
        raise Unusable("%s is not there: build llama.cpp and set LLAMA_BENCH" % args.llama_bench)
    if not args.gguf or not os.path.isfile(args.gguf):
        raise Unusable("give the model file with --gguf or the variable GGUF")
    if args.batch_size != 1:
        raise Unusable("llama-bench measures one sequence at a time: --batch-size 1")
    argv = [tool, "-m", args.gguf, "-p", str(args.sequence_length), "-n", str(args.output_length), "-r", str(args.repeats), "-o", "json"]
    if args.device == "cpu":
        argv += ["-ngl", "0"]
    if args.threads:
        argv += ["-t", str(args.threads)]
    progress(0.1, "llama-bench")
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unusable("llama-bench failed: %s" % done.stderr.strip()[-1000:])
    results = []
    for row in json.loads(done.stdout):
        rates = sorted(row.get("samples_ts") or [row["avg_ts"]])
        env = environment(llama_cpp=row.get("build_commit", ""), file=os.path.basename(args.gguf), type=row.get("model_type", ""), parameters=row.get("model_n_params", ""))
        if row.get("n_gen"):
            results.append(dict(case="decode", sequence_length=max(row.get("n_prompt", 0), 1), output_length=row["n_gen"], tpot_ms=1e3 / quantile(rates, 0.5),
                                output_tokens_per_second=quantile(rates, 0.5), repeats=len(rates), environment=env))
        elif row.get("n_prompt"):
            ms = [1e3 * row["n_prompt"] / quantile(rates, q) for q in (0.5, 0.75, 0.25)]
            results.append(dict(case="prefill", sequence_length=row["n_prompt"], latency_ms=ms[0], latency_ms_low=ms[1], latency_ms_high=ms[2], ttft_ms=ms[0],
                                throughput=1e3 / ms[0], repeats=len(rates), environment=env))
    if not results:
        raise Unusable("llama-bench reported nothing")
    return dict(model=args.model, platform=args.device, runtime="llama.cpp", precision=args.precision, mode="inference", batch_size=1, threads=args.threads, results=results)


if __name__ == "__main__":
    sys.exit(main(__doc__, run, extend))
