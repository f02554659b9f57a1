"""Publishing as ordered on the standard input, "FIRST COUNT PACE_US BURST": COUNT messages numbered from FIRST, a burst
at a time. Who cannot keep the pace goes on without a pause, and does not try to catch up."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable

Publish = Callable[[int], Awaitable[None] | None]


def obey(publish: Publish) -> None:
    """From now on, in the running loop."""
    loop = asyncio.get_running_loop()
    orders: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(orders.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    obey.task = loop.create_task(_publish_all(orders, publish))  # type: ignore[attr-defined]


async def _publish_all(orders: asyncio.Queue[str], publish: Publish) -> None:
    while True:
        first, count, pace_us, burst = map(int, (await orders.get()).split())
        due = asyncio.get_running_loop().time()
        for begin in range(first, first + count, burst):
            for number in range(begin, min(begin + burst, first + count)):
                waiting = publish(number)
                if waiting is not None:
                    await waiting
            due = max(due + pace_us / 1e6, asyncio.get_running_loop().time())
            await asyncio.sleep(due - asyncio.get_running_loop().time())
