"""The clients: load.c, compiled, on a core of its own, and asked for what it counted."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.fan_out.install import compiled
from bench.fan_out.places import FOLDER, on_core

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass(frozen=True)
class Speech:
    """What a client says, and what it is ready by."""

    path: str = "/ws"
    headers: tuple[str, ...] = ()
    hello: bytes = b""
    """Frames, sent once the connection is a WebSocket."""
    ready: bytes = b""
    """What must have come before the client counts as ready; nothing: the upgrade."""
    ping: bytes = b""
    """A message that is answered with the frame `pong`."""
    pong: bytes = b""

    def request(self, port: int) -> bytes:
        lines = [
            f"GET {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {KEY}",
            "Sec-WebSocket-Version: 13",
            *self.headers,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(payload: bytes, *, opcode: int = 1) -> bytes:
    """Of a client: masked, with zeros."""
    if len(payload) < 126:
        length = bytes((0x80 | len(payload),))
    else:
        length = bytes((0x80 | 126,)) + len(payload).to_bytes(2, "big")
    return bytes((0x80 | opcode,)) + length + bytes(4) + payload


def install_clients() -> Path:
    """The program. Raises NotToBeHad."""
    return compiled(FOLDER / "load.c", "-lz")


class Load:
    """Use: `with Load(port, speech, core) as load`."""

    def __init__(self, port: int, speech: Speech, core: int) -> None:
        parts = (speech.request(port), speech.hello, speech.ready, speech.ping, speech.pong)
        command = [str(install_clients()), str(port), *(part.hex() for part in parts)]
        self._process = subprocess.Popen(
            on_core(core, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self, clients: int) -> dict[str, Any]:
        """So many more; returns when they are ready, or when none has got any further for a minute."""
        return self._ask(f"open {clients}")

    def expect(self, first: int, count: int, timeout_s: float) -> None:
        """Returns before they come, so that they can be published now."""
        self._ask(f"expect {first} {count} {timeout_s * 1000:.0f}")

    def came(self) -> dict[str, Any]:
        """After `expect`: waits until all has come, or its time is over."""
        return self._answer()

    def counted(self) -> dict[str, Any]:
        return self._ask("counted")

    def _ask(self, order: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the clients' program ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
