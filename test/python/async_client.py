"""The guide's examples with the asynchronous client: async_client.py BASE_URL"""

import asyncio
import sys
import time

from clients import AsyncClient


async def main():
    client = AsyncClient(sys.argv[1])
    try:
        result = await client.post("predict-hardware", model_name="bert-base-uncased", batch_size=8, wait=True)
        assert result["status"] == "completed" and result["result"]["primary_recommendation"], result

        start = time.monotonic()
        many = await asyncio.gather(*(
            client.post("predict-performance", model_name="bert-base-uncased", hardware=["cuda", "cpu"], batch_size=1 + i, wait=True)
            for i in range(32)))
        assert all(r["status"] == "completed" for r in many), many
        assert time.monotonic() - start < 5
        ids = {p["prediction_id"] for r in many for p in r["result"]["predictions"].values()}
        assert len(ids) == 64, "ids are unique"

        error = await client.post("predict-hardware", wait=True)
        assert error["status_code"] == 422, error
    finally:
        await client.close()


asyncio.run(main())
