"""The guide's examples with the synchronous client: sync_client.py BASE_URL"""

import statistics
import sys
import time

from clients import Client

client = Client(sys.argv[1])

# Predict optimal hardware, as the guide's first example.
result = client.post("predict-hardware", model_name="bert-base-uncased", batch_size=8,
                     available_hardware=["cpu", "cuda"], predict_performance=True, wait=True)
primary = result["result"]["primary_recommendation"]
assert primary in ("cpu", "cuda"), result
assert result["result"]["alternative_recommendations"] == result["result"]["fallback_options"]
performance = result["result"]["performance"]
for key in ("throughput", "latency", "memory_usage"):
    assert performance.get(key, "N/A") > 0, performance
print(f"Hardware recommendation: {primary}, {performance['throughput']:.2f} samples/sec")

# Record a measurement.
recorded = client.post("record-measurement", model_name="bert-base-uncased", hardware_platform="cuda", batch_size=8,
                       throughput=120.5, latency=8.3, memory_usage=1024.0, source="api", wait=True)
assert recorded["status"] == "completed" and recorded["result"]["measurement_id"].startswith("meas-"), recorded
assert 0 <= recorded["result"]["accuracy"] <= 100

# Batch size analysis: throughput of every batch, none waited for by a sleep.
times, results = [], {}
for batch in (1, 2, 4, 8, 16, 32):
    start = time.monotonic()
    result = client.post("predict-performance", model_name="bert-base-uncased", hardware="cuda", batch_size=batch, wait=True)
    times.append(time.monotonic() - start)
    results[batch] = result["result"]["predictions"]["cuda"]["throughput"]
for batch, throughput in results.items():
    print(f"Batch size {batch}: {throughput:.2f} samples/sec")
assert max(times) < 0.9, f"a caller was made to sleep: {times}"
print(f"median {1000 * statistics.median(times):.1f} ms a prediction")

# Lists and their filters.
recommendations = client.get("recommendations", limit=5)
assert recommendations["count"] == len(recommendations["recommendations"]) >= 1
measurements = client.get("measurements", model_name="bert-base-uncased", hardware="cuda", batch_size=8, days=1)
assert measurements["count"] == 1 and measurements["measurements"][0]["throughput"] == 120.5, measurements
assert client.get("predictions", hardware="toaster")["count"] == 0

# Feedback on a recommendation, twice: the last word counts.
rec_id = recommendations["recommendations"][0]["recommendation_id"]
for accepted in (False, True):
    said = client.post("record-feedback", recommendation_id=rec_id, accepted=accepted, feedback="as said", wait=True)
    assert said["result"] == {"success": True, "recommendation_id": rec_id}, said
assert client.get("recommendations", accepted=True)["count"] == 1
assert client.get("recommendations", accepted=False)["count"] == 0

# Analysis: every value is an object.
analysis = client.post("analyze-predictions", wait=True)["result"]
for metric, stats in analysis.items():
    assert stats.get("count") > 0, (metric, stats)

# Errors are dicts with the status; they change nothing.
error = client.post("predict-hardware", model_name="bert-base-uncased", precision="fp99", wait=True)
assert error["status_code"] == 422 and "fp99" in error["error"], error
assert client.get("task/unknown") == {"error": '{"detail":"Task not found"}', "status_code": 404}
assert client.wait_for_task("unknown", timeout=0)["error"] == "Timeout waiting for task completion"

sample = client.post("generate-sample-data", num_models=2, wait=True)
assert sample["result"] == {"num_models": 2}, sample
