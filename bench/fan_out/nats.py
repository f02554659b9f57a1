"""nats-server: its clients speak NATS over a WebSocket, and somebody else publishes over TCP."""

import json
import socket
from typing import Self

from bench.fan_out.candidate import Candidate
from bench.fan_out.load import Speech, frame
from bench.fan_out.message import text
from bench.house.packages import debian, output
from bench.house.world import free_port

BINARY = 2
PING, PONG = b"PING\r\n", b"PONG\r\n"
CONNECT = b'CONNECT {"verbose":false}\r\nSUB fan 1\r\n' + PING
"""The answer to the ping says that the subscription counts."""


class Nats(Candidate):
    name, label = "nats", "nats-server"
    speech = Speech(
        path="/",
        hello=frame(CONNECT, opcode=BINARY),
        ready=PONG,
        ping=PING,
        pong=frame(PONG, opcode=BINARY),
    )

    @classmethod
    def install(cls) -> str:
        debian("nats-server", "nats-server")
        return output("nats-server", "--version").rpartition("v")[2]

    def command(self) -> list[str]:
        self._publishers_port = free_port()
        config = self.world.folder / "nats.conf"
        websocket = {"listen": f"127.0.0.1:{self.port}", "no_tls": True, "compression": False}
        config.write_text(f'listen: "127.0.0.1:{self._publishers_port}"\nwebsocket: {json.dumps(websocket)}\n')
        return ["nats-server", "--config", str(config)]

    def __enter__(self) -> Self:
        super().__enter__()
        self._publisher = socket.create_connection(("127.0.0.1", self._publishers_port))
        self._publisher.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._publisher.sendall(b'CONNECT {"verbose":false}\r\n')
        return self

    def __exit__(self, *_: object) -> None:
        self._publisher.close()
        super().__exit__()

    def publish(self, first: int, count: int) -> None:
        payloads = [text(number).encode() for number in range(first, first + count)]
        self._publisher.sendall(b"".join(b"PUB fan %d\r\n%s\r\n" % (len(one), one) for one in payloads))
