"""socketify: uWebSockets from Python; publish() to a topic that all are subscribed to.

Its asyncio loop hardly ever sleeps (app.run() takes a whole core at 40 messages a second), and that would be counted as
the cost of the messages. So it is driven by its libuv loop, which sleeps, and by timers of that.
"""

import queue
import sys
import threading
from typing import Any

from socketify import App, AppListenOptions, OpCode

from bench.fan_out.message import text

LOOK_FOR_ORDERS_MS = 2
app = App()
orders: "queue.SimpleQueue[list[int]]" = queue.SimpleQueue()


def opened(websocket: Any) -> None:
    websocket.subscribe("fan")


def read_orders() -> None:
    for line in sys.stdin:
        orders.put([int(word) for word in line.split()])


def publish_all(_: None) -> None:
    while not orders.empty():
        first, count = orders.get()
        for number in range(first, first + count):
            app.publish("fan", text(number), OpCode.TEXT)


app.ws("/ws", {"open": opened, "idle_timeout": 0})
app.listen(AppListenOptions(host="127.0.0.1", port=int(sys.argv[1])))
threading.Thread(target=read_orders, daemon=True).start()
timer = app.loop.uv_loop.create_timer(LOOK_FOR_ORDERS_MS, LOOK_FOR_ORDERS_MS, publish_all, None)
app.loop.uv_loop.run()
