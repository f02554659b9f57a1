"""The websockets library's own broadcast(), without compression."""

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.fan_out.message import text
from bench.fan_out.servers import orders


async def live(connection: ServerConnection) -> None:
    await connection.wait_closed()


async def main() -> None:
    async with serve(live, "127.0.0.1", int(sys.argv[1]), compression=None) as server:
        task = orders.obey(lambda number: broadcast(server.connections, text(number)))
        await server.serve_forever()
        task.cancel()


asyncio.run(main())
