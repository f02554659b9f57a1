"""Publishing as ordered on the standard input: "FIRST COUNT", COUNT messages numbered from FIRST, at once."""

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable

Publish = Callable[[int], Awaitable[None] | None]


def obey(publish: Publish) -> "asyncio.Task[None]":
    """From now on, in the running loop, which has to hold the task."""
    loop = asyncio.get_running_loop()
    orders: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(orders.put_nowait, line)

    threading.Thread(target=read, daemon=True).start()
    return loop.create_task(_publish_all(orders, publish))


async def _publish_all(orders: asyncio.Queue[str], publish: Publish) -> None:
    while True:
        first, count = map(int, (await orders.get()).split())
        for number in range(first, first + count):
            waiting = publish(number)
            if waiting is not None:
                await waiting
