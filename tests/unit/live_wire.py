"""Pages on plain sockets: what comes over the wire, byte by byte, so that a test can read as slowly as it likes."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

from botdeck.deck.audience import LiveClient
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.models import Operator, Role

from .live_page import LivePage

TEXT, CLOSE, PING = 0x81, 0x88, 0x89
ANN = Operator(user_id="1", name="ann", role=Role.ADMIN)


def flush(hub: ConnectionManager) -> None:
    """All that is due has been written when this returns, at once."""
    _write_all(hub)
    hub._encode_due()
    _write_all(hub)


def _write_all(hub: ConnectionManager) -> None:
    for shard in [write.shard for write in hub._writes]:
        hub._finish(shard)


class Frames:
    """Cuts what a server sends into frames. Whatever is no whole, unmasked frame of a kind that we send is a fault."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Kind and payload of each frame that is whole now."""
        self._rest += data
        at = 0
        while (found := self._frame(at)) is not None:
            kind, begins, at = found
            yield kind, bytes(self._rest[begins:at])
        del self._rest[:at]

    @property
    def unfinished(self) -> int:
        return len(self._rest)

    def _frame(self, at: int) -> tuple[int, int, int] | None:
        rest = self._rest
        if len(rest) < at + 2:
            return None
        kind, length, begins = rest[at], rest[at + 1], at + 2
        assert kind in (TEXT, CLOSE, PING), f"no frame begins with {bytes(rest[at : at + 20])!r}"
        if length >= 126:
            begins += 2 if length == 126 else 8
            length = int.from_bytes(rest[at + 2 : begins])
        return (kind, begins, begins + length) if len(rest) >= begins + length else None


class PlainConnection(asyncio.Protocol):
    """A connection of the hub over a bare socket, with the buffers of the kernel and of asyncio as a real one has."""

    def __init__(self) -> None:
        self.client: LiveClient | None = None
        self.woken = 0
        self.writes: list[int] = []
        """Bytes of each write that went through the transport, not those past it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.descriptor: int = transport.get_extra_info("socket").fileno()
        transport.set_write_buffer_limits(high=0)

    @property
    def waiting_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        self.writes.append(len(data))
        self.transport.write(data)

    def wake(self) -> None:
        self.woken += 1

    def part(self, code: int, reason: str, *, last: bytes = b"") -> None:
        client, self.client = self.client, None
        if client is None:
            return
        client.lost()
        payload = code.to_bytes(2) + reason.encode()
        self.transport.write(last + bytes([CLOSE, len(payload)]) + payload)

    def abort(self) -> None:
        self._lost()
        self.transport.abort()

    def pause_writing(self) -> None:
        if self.client:
            self.client.full()

    def resume_writing(self) -> None:
        if self.client:
            self.client.drained()

    def connection_lost(self, _: Exception | None) -> None:
        self._lost()

    def _lost(self) -> None:
        client, self.client = self.client, None
        if client:
            client.lost()


class PlainPage:
    """One that follows a bot of a hub and reads when it is told to."""

    def __init__(self, hub: ConnectionManager, *, sends: int, live: LivePage | None = None) -> None:
        self.hub = hub
        self.page = live or LivePage()
        self.messages: list[dict[str, Any]] = []
        self.kinds: list[int] = []
        self.frames = Frames()
        self.ended = False
        self._sends = sends

    async def connect(self) -> "PlainPage":
        theirs, self.socket = socket.socketpair()
        self.socket.setblocking(False)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._sends)
        loop = asyncio.get_running_loop()
        _, self.connection = await loop.connect_accepted_socket(PlainConnection, theirs)
        self.client = self.hub.connect(self.connection, ANN, None)
        self.connection.client = self.client
        self.page.connected()
        return self

    def read(self, most: int = 1 << 20) -> int:
        """What is there, up to so many bytes."""
        data = b""
        if self.socket.fileno() < 0:
            return 0
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            data = self.socket.recv(most)
            self.ended = self.ended or not data
        for kind, payload in self.frames.feed(data):
            assert CLOSE not in self.kinds, "nothing follows a close frame"
            self.kinds.append(kind)
            if kind == TEXT:
                self.messages.append(json.loads(payload))
                self.page.hear(self.messages[-1])
        return len(data)

    async def read_all(self) -> "PlainPage":
        """Until nothing waits for it any more, nor is due."""
        while self.read() or self.connection.waiting_bytes or self.hub_is_busy:
            await asyncio.sleep(0)
        return self

    @property
    def hub_is_busy(self) -> bool:
        return bool(self.hub._due or self.hub._writes)

    def leave(self) -> None:
        self.socket.close()
