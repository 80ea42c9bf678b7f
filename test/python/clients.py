"""Clients that behave as the existing ones of the documented API do.

They are written from the description of that behaviour: which requests go out,
how a task is waited for, what is taken for an error, which keys are read.
"""

import asyncio
import json
import time

import aiohttp
import requests
import websockets

PREFIX = "/api/predictive-performance/"


class Client:
    """Polls first and sleeps a second after; HTTP errors become a dict."""

    def __init__(self, base_url, api_key=None):
        self.url = base_url.rstrip("/") + PREFIX
        self.session = requests.Session()
        self.session.headers["Content-Type"] = "application/json"
        if api_key:
            self.session.headers["X-API-Key"] = api_key

    def _read(self, response):
        if response.status_code != 200:
            return {"error": response.text, "status_code": response.status_code}
        return response.json()

    def get(self, path, **params):
        params = {k: v for k, v in params.items() if v or v is False}
        if "accepted" in params:
            params["accepted"] = "true" if params["accepted"] else "false"
        return self._read(self.session.get(self.url + path, params=params))

    def post(self, path, wait=False, timeout=60, **body):
        body = {k: v for k, v in body.items() if v is not None}
        answer = self._read(self.session.post(self.url + path, json=body))
        if wait and "task_id" in answer:
            return self.wait_for_task(answer["task_id"], timeout)
        return answer

    def wait_for_task(self, task_id, timeout=60):
        start = time.monotonic()
        while time.monotonic() - start < timeout:
            status = self.get("task/" + task_id)
            if "error" in status or status["status"] in ("completed", "failed"):
                return status
            time.sleep(1.0)
        return {"error": "Timeout waiting for task completion", "task_id": task_id}


class StrictClient:
    """Sends explicit nulls, raises for every status but 2xx, polls every 0.5 s."""

    def __init__(self, base_url):
        self.url = base_url.rstrip("/") + PREFIX

    def post(self, path, timeout=60, **body):
        response = requests.post(self.url + path, json=body)
        response.raise_for_status()
        task_id = response.json()["task_id"]
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            response = requests.get(self.url + "task/" + task_id)
            response.raise_for_status()
            status = response.json()
            if status["status"] == "completed":
                return status["result"]
            if status["status"] == "failed":
                raise RuntimeError(status["message"])
            time.sleep(0.5)
        raise TimeoutError(task_id)

    def get(self, path, **params):
        response = requests.get(self.url + path, params=params)
        response.raise_for_status()
        return response.json()


class AsyncClient:
    """The same as Client, on one aiohttp session, and a WebSocket monitor."""

    def __init__(self, base_url):
        self.url = base_url.rstrip("/") + PREFIX
        self.session = None

    async def _request(self, method, path, **kwargs):
        if self.session is None:
            self.session = aiohttp.ClientSession(headers={"Content-Type": "application/json"})
        async with self.session.request(method, self.url + path, **kwargs) as response:
            if response.status != 200:
                return {"error": await response.text(), "status_code": response.status}
            return await response.json()  # demands application/json

    async def post(self, path, wait=False, timeout=60, **body):
        answer = await self._request("POST", path, json=body)
        if not wait or "task_id" not in answer:
            return answer
        start = time.monotonic()
        while time.monotonic() - start < timeout:
            status = await self._request("GET", "task/" + answer["task_id"])
            if "error" in status or status["status"] in ("completed", "failed"):
                return status
            await asyncio.sleep(1.0)
        return {"error": "Timeout waiting for task completion", "task_id": answer["task_id"]}

    async def monitor_task(self, task_id, callback=None):
        try:
            async with websockets.connect(self.url.replace("http", "ws", 1) + "ws/" + task_id) as socket:
                while True:
                    data = json.loads(await socket.recv())
                    if callback:
                        callback(data)
                    if data.get("status") in ("completed", "failed"):
                        return data
                    if "error" in data:
                        return data
        except Exception as e:  # as the existing client does
            return {"error": str(e), "task_id": task_id}

    async def close(self):
        if self.session is not None:
            await self.session.close()
            self.session = None
