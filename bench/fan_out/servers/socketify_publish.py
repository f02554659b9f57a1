"""socketify: uWebSockets from Python; publish() to a topic that all are subscribed to.

Its asyncio loop hardly ever sleeps (app.run() takes a whole core at 40 messages a second), and that would be counted as
the cost of the messages. So it is driven by its libuv loop, which sleeps, and by timers of that.
"""

import queue
import sys
import threading
import time
from typing import Any

from socketify import App, AppListenOptions, OpCode

from bench.fan_out.message import text

LOOK_FOR_ORDERS_MS = 20
app = App()
orders: "queue.SimpleQueue[list[int]]" = queue.SimpleQueue()
timers: dict[str, Any] = {}
"""Kept, for one that is collected never fires."""


def opened(websocket: Any) -> None:
    websocket.subscribe("fan")


def read_orders() -> None:
    for line in sys.stdin:
        orders.put([int(word) for word in line.split()])


def look_for_orders(_: None) -> None:
    if not orders.empty():
        first, count, pace_us, burst = orders.get()
        publish((first, first + count, pace_us, burst, time.monotonic()))


def publish(order: tuple[int, int, int, int, float]) -> None:
    first, end, pace_us, burst, due = order
    for number in range(first, min(first + burst, end)):
        app.publish("fan", text(number), OpCode.TEXT)
    due = max(due + pace_us / 1e6, time.monotonic())
    if first + burst < end:
        rest = (first + burst, end, pace_us, burst, due)
        wait_ms = round(1000 * (due - time.monotonic()))
        timers["next"] = app.loop.uv_loop.create_timer(wait_ms, 0, publish, rest)


app.ws("/ws", {"open": opened, "idle_timeout": 0})
app.listen(AppListenOptions(host="127.0.0.1", port=int(sys.argv[1])))
threading.Thread(target=read_orders, daemon=True).start()
timers["orders"] = app.loop.uv_loop.create_timer(LOOK_FOR_ORDERS_MS, LOOK_FOR_ORDERS_MS, look_for_orders, None)
app.loop.uv_loop.run()
