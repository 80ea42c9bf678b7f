"""Progress over the WebSocket, as the guide shows it: websocket_client.py BASE_URL"""

import asyncio
import contextlib
import sys

import websockets

from clients import AsyncClient


async def main():
    client = AsyncClient(sys.argv[1])
    try:
        task = await client.post("predict-hardware", model_name="bert-base-uncased", predict_performance=True)
        seen = []
        last = await asyncio.wait_for(client.monitor_task(task["task_id"], seen.append), 10)
        assert last["status"] == "completed" and last["result"]["performance"]["throughput"] > 0, last
        assert [m["progress"] for m in seen] == [0, 0.1, 0.3, 0.6, 0.7, 1], seen
        for message in seen:
            assert set(message) - {"result"} == {"task_id", "status", "progress", "message", "timestamp"}, message
            print(f"{message['progress']:.0%} {message['message']}")

        # The connection closes by itself, with 1000; talk is ignored.
        url = client.url.replace("http", "ws", 1) + "ws/" + task["task_id"]
        async with websockets.connect(url) as socket:
            with contextlib.suppress(websockets.ConnectionClosedOK):  # it may be quicker than we are
                await socket.send("ping")
            async for _ in socket:
                pass
            assert socket.close_code == 1000, socket.close_code

        # An unknown task is an error, not a hang.
        unknown = await asyncio.wait_for(client.monitor_task("hardware-unknown"), 5)
        assert unknown == {"task_id": "hardware-unknown", "error": "Task not found"}, unknown
        async with websockets.connect(url[: url.rindex("/")] + "/hardware-unknown") as socket:
            with contextlib.suppress(websockets.ConnectionClosedError):
                async for _ in socket:
                    pass
            assert socket.close_code == 4404, socket.close_code
    finally:
        await client.close()


asyncio.run(main())
