"""The second client's habits, explicit nulls and :.2f: strict_client.py BASE_URL"""

import sys

import requests

from clients import StrictClient

client = StrictClient(sys.argv[1])

hardware = client.post("predict-hardware", model_name="gpt2", model_family=None, batch_size=1, sequence_length=128,
                       mode="inference", precision="fp32", available_hardware=None, predict_performance=True)
p = hardware["performance"]
print(f"{hardware['primary_recommendation']}: {p['throughput']:.2f}/s {p['latency']:.2f} ms {p['memory_usage']:.2f} MB")

performance = client.post("predict-performance", model_name="gpt2", hardware=["cuda", "rocm", "cpu"], model_family=None)
for platform, p in performance["predictions"].items():
    print(f"{platform}: {p['throughput']:.2f} {p['latency']:.2f} {p['memory_usage']:.2f}")
    for key, value in p.items():
        assert value is not None, key

for factor in (0.9, 1.0, 1.1):
    cuda = performance["predictions"]["cuda"]
    recorded = client.post("record-measurement", model_name="gpt2", hardware_platform="cuda", model_family=None,
                           throughput=factor * cuda["throughput"], latency=cuda["latency"] / factor,
                           memory_usage=cuda["memory_usage"], prediction_id=cuda["prediction_id"], source="api")
    assert recorded["prediction_id"] == cuda["prediction_id"], recorded
    for error in recorded["errors"]:
        print(f"{error['metric']}: {error['absolute_error']:.2f} {100 * error['relative_error']:.2f} %")

stats = client.post("analyze-predictions", model_name=None, hardware_platform=None, metric=None, days=None)
for metric, values in stats.items():
    print(metric, values.get("count"), f"{100 * values.get('mean_relative_error', 0):.2f} %", f"{values.get('std_absolute_error', 0):.2f}")

for path in ("recommendations", "predictions", "measurements", "models", "feature-importance"):
    rows = client.get(path, limit=3)
    assert rows["count"] == len(rows[path.replace("-", "_")]), rows
for platform in performance["predictions"]:  # the recommended one's performance was predicted with it, too
    stored = 2 if platform == hardware["primary_recommendation"] else 1
    assert client.get("predictions", model_name="gpt2", hardware=platform)["count"] == stored, platform

try:
    client.get("predictions", limit=-1)
    raise AssertionError("limit=-1 was accepted")
except requests.HTTPError as e:
    assert e.response.status_code == 422 and isinstance(e.response.json()["detail"], list)
