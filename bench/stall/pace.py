"""What there is to hear: a runner in a process of its own tells a status at a steady pace, and bursts of lines."""

import asyncio
import contextlib
import multiprocessing
import time

from tests.unit.deck_house import a_status
from websockets.exceptions import ConnectionClosed

from bench.house.live import scripted_runner
from bench.house.stack import Stack

BOT = "paced"
PACE_S = 0.05
STATUS_BYTES = 2000
SENT_AT = "sent at "
LINES_EVERY = 20
LINES = 30
LINE_BYTES = 1000


def _run(stack: Stack) -> None:
    with contextlib.suppress(ConnectionClosed):  # the deck ends first
        asyncio.run(_tell(stack))


async def _tell(stack: Stack) -> None:
    async with scripted_runner(stack, BOT) as runner:
        number, at = 0, time.monotonic()
        while True:
            number += 1
            await runner.tell(
                a_status(BOT, restarts=number, reason=f"{SENT_AT}{time.monotonic():.6f} {'x' * STATUS_BYTES}")
            )
            if number % LINES_EVERY == 0:
                lines = "".join(f"{number} {n} {'y' * LINE_BYTES}\n" for n in range(LINES))
                await runner.send_data(f"{BOT}/r1/out", lines.encode())
            at += PACE_S
            await asyncio.sleep(at - time.monotonic())


class Pace:
    """Use: `with Pace(stack)`."""

    def __init__(self, stack: Stack) -> None:
        self._process = multiprocessing.get_context("fork").Process(target=_run, args=(stack,), daemon=True)

    def __enter__(self) -> "Pace":
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
