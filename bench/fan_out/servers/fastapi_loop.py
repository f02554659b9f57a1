"""What everybody begins with: FastAPI, and a loop that awaits each client."""

import contextlib
import sys
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from bench.fan_out.message import message
from bench.fan_out.servers import orders

connections: list[WebSocket] = []


async def broadcast(number: int) -> None:
    said = message(number)
    for websocket in connections:
        await websocket.send_json(said)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    task = orders.obey(broadcast)
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/ws")
async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    connections.append(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        connections.remove(websocket)


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
