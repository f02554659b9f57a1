"""WebSockets as this server has them: uvicorn's own, with what ASGI lacks: to write finished frames without waiting,
to be told when a connection is full or has drained, and to let go of one that takes nothing any more."""

import asyncio
import contextlib
import socket
import struct
from typing import Any, Protocol, cast

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from websockets.frames import Frame
from websockets.http11 import Request

from botdeck.deck.incoming import IncomingWebSocket

EXTENSION = "botdeck.connection"
WAKE = "botdeck.wake"
"""Type of the event that `wake` has the app receive."""
LONGEST_REASON_BYTES = 123
READ_BYTES = 1024
"""Of a listener's connection in one turn of the event loop: a page says little, and the 43,000 pings that asyncio would
take in at once keep everybody else waiting for most of a second."""
_GRACE_S = 0.5
_FORGET = struct.pack("ii", 1, 0)
_CLOSING_MS = 15_000
"""So long the kernel tries to bring the rest to the peer of a connection that is closing."""


class Listener(Protocol):
    """Who is told what becomes of a connection."""

    heard_at: float
    """When anything came, by the event loop's clock."""

    def full(self) -> None: ...

    def drained(self) -> None: ...

    def lost(self) -> None:
        """It closes: nothing may be written any more. Its descriptor is closed after this."""


class DeckWebSocketProtocol(IncomingWebSocket):
    """Offers itself to the app in the scope's extensions."""

    listener: Listener | None = None
    woken = False
    """The app has not received it yet."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def forget_handshake(self) -> None:
        """What it said is not asked for any more, and would take as much memory as all the rest of a connection."""
        self.request.headers.clear()  # the parser keeps the request itself
        self.response.headers.clear()
        cast(dict[str, Any], self.scope).clear()

    # For a listener, who writes frames and pings by itself.

    def attach(self, listener: Listener) -> None:
        """From here on it is told. The connection is full as soon as the kernel does not take all of a write."""
        if self.transport.is_closing():
            listener.lost()
            return
        self.stop_keepalive()
        self.transport.set_write_buffer_limits(high=0)
        self.transport.max_size = READ_BYTES  # type: ignore[attr-defined]
        # The kernel counts from the first time that a slow peer had no room, whatever it took since, and so would cut
        # living ones. Who stands still is for `liveness` to say.
        self._set(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)
        self.listener = listener

    @property
    def descriptor(self) -> int:
        descriptor: int = self.transport.get_extra_info("socket").fileno()
        return descriptor

    @property
    def waiting_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)

    def wake(self) -> None:
        if not self.woken:
            self.woken = True
            self.queue.put_nowait(cast(ASGIReceiveEvent, {"type": WAKE}))

    def part(self, code: int, reason: str, *, last: bytes = b"") -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self._detach()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, close_reason(reason))
        self.transport.write(last + b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.resume_reading()
        # The other end closes when it has read that; one that does not even take it is let go of.
        patience_s = self.close_timeout if self.writable.is_set() else _GRACE_S
        self.close_timer = self.loop.call_later(patience_s, self.abort)

    def abort(self) -> None:
        """The kernel forgets it, too: it would go on to offer what it has taken to a peer that reads nothing."""
        self._detach()
        self._set(socket.SOL_SOCKET, socket.SO_LINGER, _FORGET)
        self.transport.abort()

    def _detach(self) -> None:
        listener, self.listener = self.listener, None
        if listener:
            listener.lost()
            self._set(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _CLOSING_MS)

    def _set(self, level: int, option: int, value: int | bytes) -> None:
        with contextlib.suppress(OSError):  # it broke, or is closed already
            self.transport.get_extra_info("socket").setsockopt(level, option, value)

    def data_received(self, data: bytes) -> None:
        if self.listener:
            self.listener.heard_at = self.loop.time()
        super().data_received(data)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.listener:
            self.listener.full()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.listener and self.writable.is_set():  # what was owed may have filled it again
            self.listener.drained()

    def connection_lost(self, exc: Exception | None) -> None:
        self._detach()
        super().connection_lost(exc)
        self.conn.parser.close()
        untie(self.transport)

    def handle_close(self, event: Frame) -> None:
        self._detach()  # nothing may follow a close frame
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        self._detach()
        super().handle_parser_exception()

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.close":
            self._detach()
        await super().send(message)

    # A connection whose buffer is full would not close before the peer reads, which it may never do.

    def shutdown(self) -> None:
        self._detach()
        super().shutdown()
        self._abort_if_stuck()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_if_stuck()

    def _abort_if_stuck(self) -> None:
        if not self.writable.is_set():
            self.transport.abort()


def untie(transport: asyncio.BaseTransport) -> None:
    """A lost connection's transport refers to itself by this, and would stay until the next search for such garbage."""
    vars(transport).pop("_read_ready_cb", None)


class SocketWire:
    """An accepted WebSocket to write to, from any number of tasks."""

    def __init__(self, websocket: WebSocket, *, largest_frame: int) -> None:
        self._websocket = websocket
        self.connection: DeckWebSocketProtocol = websocket.scope["extensions"][EXTENSION]
        self.connection.limit(largest_frame)

    async def send(self, text: str) -> None:
        """Returns when the connection took it, which may be never. Raises ConnectionResetError when the peer went."""
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            raise ConnectionResetError
        try:
            await self._websocket.send_text(text)
        except WebSocketDisconnect:
            raise ConnectionResetError from None


def close_reason(sentence: str) -> str:
    """As much of it as a close frame can carry."""
    return sentence.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore")
