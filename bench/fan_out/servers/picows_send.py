"""picows: a WebSocket transport in Cython; send() to each client, on uvloop as its authors measure it."""

import sys

import uvloop
from picows import WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from bench.fan_out.message import text
from bench.fan_out.servers import orders

clients: set[WSTransport] = set()


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        clients.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        clients.discard(transport)


def broadcast(number: int) -> None:
    said = text(number).encode()
    for transport in clients:
        transport.send(WSMsgType.TEXT, said)


def client(_: WSUpgradeRequest) -> WSListener:
    return Client()


async def main() -> None:
    server = await ws_create_server(client, "127.0.0.1", int(sys.argv[1]))
    task = orders.obey(broadcast)
    await server.serve_forever()
    task.cancel()


uvloop.run(main())
