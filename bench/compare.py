#!/usr/bin/env python3
"""Compares predicted with measured times on this machine's CPU, before and
after calibration, and prints a table in Markdown.

Start perfcast on an empty database, on a quiet machine, and run this:

    python3 bench/compare.py --url http://127.0.0.1:8080

1. It asks for predictions: nothing has been measured here yet.
2. It lets perfcast run its own CPU benchmarks, which give the device its
   measured peak and bandwidth, and asks again.
3. It measures every model with onnx_bench.py, and leaves out no result: with
   all threads by the clock, and with one thread by the processor time that it
   used. The latter over the number of cores ("alone") is what the model would
   take if it had the machine for itself and scaled perfectly; other programs
   hardly change it, so it is what predictions are held against where the
   machine is not quiet.
4. It records one model in two (those marked), and asks a last time: the others
   show what measurements of other models are worth.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request

CASES = [("bert-base-uncased", 1), ("bert-base-uncased", 8), ("distilbert-base-uncased", 1), ("vit-base-patch16-224", 1), ("resnet-18", 1), ("resnet-50", 1), ("resnet-50", 8), ("gpt2", 1)]
QUERY = """query($i: PredictInput!) { predict(input: $i) { device latencyMs { value low high } } }"""


def call(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def predict(url, model, batch):
    answer = call(url + "/graphql", dict(query=QUERY, variables=dict(i=dict(model=model, platform="cpu", runtime="onnxruntime", precision="fp32", batchSize=batch))))
    if answer.get("errors"):
        sys.exit("%s: %s" % (model, answer["errors"][0]["message"]))
    return answer["data"]["predict"]


def calibrate(url):
    run = call(url + "/api/benchmark/run", {})["run_id"]
    while True:
        status = call(url + "/api/benchmark/status/" + run)
        print("\r%-60s" % status["current_step"], end="", file=sys.stderr)
        if status["status"] not in ("initializing", "running"):
            break
        time.sleep(0.5)
    if status["status"] != "completed":
        sys.exit("calibration: %s" % status["error"])
    return call(url + "/api/benchmark/results/" + run)["machine"]


def measure(model, batch, repeats, threads=0):
    here = os.path.dirname(os.path.abspath(__file__))
    argv = [sys.executable, os.path.join(here, "onnx_bench.py"), "--model", model, "--batch-size", str(batch), "--repeats", str(repeats), "--threads", str(threads)]
    done = subprocess.run(argv, capture_output=True, text=True)
    report = json.loads(done.stdout)
    if "error" in report:
        sys.exit("%s: %s" % (model, report["error"]))
    return report


def estimate(p):
    e = p["latencyMs"]
    return "%.1f (%.1f to %.1f)" % (e["value"], e["low"], e["high"])


def median_off(predictions, times):
    factors = sorted(map(off, predictions, times))
    return factors[len(factors) // 2]


def off(p, ms):
    """By which factor a prediction is off, at least 1."""
    f = p["latencyMs"]["value"] / ms
    return max(f, 1 / f)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--url", default="http://127.0.0.1:8080")
    p.add_argument("--repeats", type=int, default=20)
    args = p.parse_args()
    before = [predict(args.url, *c) for c in CASES]
    machine = calibrate(args.url)
    calibrated = [predict(args.url, *c) for c in CASES]
    reports = [measure(*c, args.repeats) for c in CASES]
    alone = [measure(*c, args.repeats, threads=1)["results"][0]["cpu_ms"] / machine["cores"] for c in CASES]
    for (model, _), report in zip(CASES, reports):
        if recorded(model):
            call(args.url + "/api/benchmark/report", report)
    learned = [predict(args.url, *c) for c in CASES]
    print("%s, %d cores: %.0f GFLOP/s in fp32, %.1f GB/s, by perfcast's own benchmarks. ONNX Runtime %s, fp32, 128 tokens; load average %.1f.\n" % (
        machine["cpu"], machine["cores"], machine["peak_fp32_gflops"], machine["memory_bandwidth_gb_s"], reports[0]["runtime_version"], os.getloadavg()[0]))
    print("| model | batch | measured, ms (quartiles) | alone, ms | predicted before (90 %) | after calibration | after recording * |\n|---|---|---|---|---|---|---|")
    for (model, batch), report, ms, *predictions in zip(CASES, reports, alone, before, calibrated, learned):
        m = report["results"][0]
        print("| %s%s | %d | %.1f (%.1f to %.1f) | %.1f | %s | %s | %s |" % (
            model, " *" if recorded(model) else "", batch, m["latency_ms"], m["latency_ms_low"], m["latency_ms_high"], ms, *map(estimate, predictions)))
    measured = [r["results"][0]["latency_ms"] for r in reports]
    for what, times in ("measured", measured), ("alone", alone):
        print("| median factor off from %s | | | | %.2f | %.2f | %.2f |" % (what, *(median_off(p, times) for p in (before, calibrated, learned))))


def recorded(model):
    return [c[0] for c in CASES].index(model) % 2 == 0


if __name__ == "__main__":
    main()
