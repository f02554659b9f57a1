"""A deck's two channels from the outside: pages on plain sockets, and a runner whose bots are names only."""

import asyncio
import contextlib
import json
import random
import socket
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

from websockets.asyncio.client import connect

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.unit.deck_house import ScriptedRunner
from tests.unit.live_page import LivePage
from tests.unit.live_wire import CLOSE, PING, TEXT, Frames

from bench.house.stack import Stack
from bench.house.waiting import wait_for
from botdeck.data_dir import running_deck

READ_BYTES = 64 * 1024
OPENING_PATIENCE_S = 15.0
_PONG = b"\x8a\x84\0\0\0\0deck"
_FORGET = struct.pack("ii", 1, 0)


class Cut(Exception):
    """The deck ended the connection, or never let it in."""


class SentAway(Exception):
    """By a deck that is busy: come back later."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"come back in {after_s:.1f} s")
        self.after_s = after_s


def start_deck(stack: Stack) -> None:
    stack.start_deck()
    wait_for(lambda: running_deck(stack.data_dir), "the deck")


def handshake(stack: Stack, query: dict[str, str]) -> bytes:
    """As a program of the deck's host asks for the live channel."""
    token = (stack.data_dir / "cli-token").read_text().strip()
    return (
        f"GET /ws/cli?{urlencode(query)} HTTP/1.1\r\nHost: 127.0.0.1:{stack.port}\r\nAuthorization: Bearer {token}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


class Channel:
    """One connection of a page, which it checks and folds as `live`. Reads only when it is told to."""

    def __init__(self, stack: Stack, live: LivePage, bot: str) -> None:
        self.live = live
        self.frames = Frames()
        self._stack = stack
        self._bot = bot
        self._loop = asyncio.get_running_loop()

    async def open(self, *, receives: int | None = None) -> None:
        """`receives` is the size of the kernel's buffer, for those who are slow. Raises Cut, SentAway."""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        if receives:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        query = {"bot": self._bot}
        if said := self.live.resume():
            query["resume"] = json.dumps(said)
        try:
            async with asyncio.timeout(OPENING_PATIENCE_S):
                await self._loop.sock_connect(self.socket, ("127.0.0.1", self._stack.port))
                await self._loop.sock_sendall(self.socket, handshake(self._stack, query))
                await self._read_answer()
        except (OSError, TimeoutError) as error:
            self.reset()
            raise Cut(repr(error)) from None

    async def _read_answer(self) -> None:
        answer = b""
        while b"\r\n\r\n" not in answer:
            data = await self._loop.sock_recv(self.socket, READ_BYTES)
            if not data:
                raise Cut(f"it answered {answer!r}")
            answer += data
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise Cut(f"it answered {head[:200]!r}")
        self.live.connected()
        self._take(rest)

    async def read(self, most: int = READ_BYTES) -> int:
        """Bytes that came. Raises Cut, SentAway, UntoldGap."""
        try:
            data = await self._loop.sock_recv(self.socket, most)
        except OSError as error:
            raise Cut(repr(error)) from None
        if not data:
            raise Cut("it is closed")
        self._take(data)
        return len(data)

    def _take(self, data: bytes) -> None:
        for kind, payload in self.frames.feed(data):
            if kind == TEXT:
                self._hear(json.loads(payload))
            elif kind == PING:
                self._send(_PONG)
            elif kind == CLOSE:
                raise Cut(f"it closed with {int.from_bytes(payload[:2])}")

    def _hear(self, message: dict[str, object]) -> None:
        self.live.hear(message)
        match message:
            case {"type": "goaway", "data": {"after_s": float(after_s), "spread_s": float(spread_s)}}:
                raise SentAway(after_s + random.random() * spread_s)

    def say(self, text: bytes) -> None:
        """At most 125 bytes."""
        self._send(bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text)

    def _send(self, frame: bytes) -> None:
        with contextlib.suppress(OSError):
            self.socket.send(frame)

    def reset(self) -> None:
        """Cut, whatever is on its way."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _FORGET)
        self.socket.close()


@contextlib.asynccontextmanager
async def scripted_runner(stack: Stack, *bots: str) -> AsyncIterator[ScriptedRunner]:
    headers = {"Authorization": f"Bearer {(stack.data_dir / 'runner-token').read_text().strip()}"}
    async with connect(f"ws://127.0.0.1:{stack.port}/api/runner/link", additional_headers=headers) as link:
        runner = ScriptedRunner(link, "local")
        await runner.greet()
        await runner.tell_fleet(*bots)
        listening = asyncio.create_task(runner.listen(obeys=True))
        try:
            yield runner
        finally:
            listening.cancel()
