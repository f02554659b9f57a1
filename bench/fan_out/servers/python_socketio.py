"""python-socketio on uvicorn."""

import sys
from typing import Any

import socketio
import uvicorn

from bench.fan_out.message import message
from bench.fan_out.servers import orders

server = socketio.AsyncServer(async_mode="asgi")


async def broadcast(number: int) -> None:
    await server.emit("bot_status", message(number))


async def begin(*_: Any) -> None:
    server.publishing = orders.obey(broadcast)


app = socketio.ASGIApp(server, on_startup=begin)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
