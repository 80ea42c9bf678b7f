"""Keyed database calls through the gateway: database_client.py GATEWAY_URL API_KEY"""

import sys

import requests

from clients import Client

gateway, key = sys.argv[1], sys.argv[2]
client = Client(gateway)
client.post("record-measurement", model_name="bert-base-uncased", hardware_platform="cuda", throughput=250.0, wait=True)
client.post("predict-performance", model_name="bert-base-uncased", hardware="cpu", wait=True)

for table in ("measurements", "predictions", "recommendations", "models"):
    url = f"{gateway}/api/db/predictive-performance/{table}"
    for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": "your-api-key"}):
        refused = requests.get(url, headers=headers)
        assert refused.status_code in (401, 403) and "detail" in refused.json(), (table, headers, refused.text)
    response = requests.get(url, headers={"X-API-Key": key}, params={"limit": 5})
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["count"] == len(body[table]), body

# The guide's cross-component query, as printed.
response = requests.get(f"{gateway}/api/db/model/bert-base-uncased", headers={"X-API-Key": key})
assert response.status_code == 200, response.text
data = response.json()
test_data = data["recent_test_runs"]
benchmark_data = data["recent_benchmark_runs"]
prediction_data = data["recent_predictions"]
print(f"Test success rate: {data['overview']['test_success_rate']:.2f}")
print(f"Benchmark performance: {benchmark_data[0]['throughput'] if benchmark_data else 'N/A'}")
print(f"Predicted performance: {prediction_data[0]['throughput'] if prediction_data else 'N/A'}")
assert prediction_data, data

overview = requests.get(f"{gateway}/api/db/overview", headers={"X-API-Key": key})
assert overview.status_code == 200 and "predictive_stats" in overview.json(), overview.text
