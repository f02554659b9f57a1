"""WebSockets as this server has them: uvicorn's own, with the two things that ASGI lacks: letting go of a connection
that takes nothing any more, and a limit of its own on what one may send."""

import asyncio
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION = "botdeck.connection"
_GRACE_S = 0.5


class DeckWebSocketProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the app in the scope's extensions."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def abort(self) -> None:
        self.transport.abort()

    def limit(self, largest_message: int) -> None:
        self.conn.max_message_size = largest_message

    # A connection whose buffer is full would not close before the peer reads, which it may never do.

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_if_stuck()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_if_stuck()

    def _abort_if_stuck(self) -> None:
        if not self.writable.is_set():
            self.transport.abort()


class BrowserWire:
    """What a LiveClient writes to."""

    def __init__(self, websocket: WebSocket, *, largest_frame: int) -> None:
        self._websocket = websocket
        self._connection: DeckWebSocketProtocol | None = websocket.scope.get("extensions", {}).get(EXTENSION)
        if self._connection:
            self._connection.limit(largest_frame)

    async def send(self, text: str) -> None:
        await self._websocket.send_text(text)

    async def close(self, code: int, reason: str) -> None:
        await self._websocket.close(code, reason.encode()[:123].decode(errors="ignore"))

    def abort(self) -> None:
        if self._connection:
            self._connection.abort()

    async def part(self, code: int, reason: str) -> None:
        """Say why and close; let go of a peer that does not even take that."""
        try:
            async with asyncio.timeout(_GRACE_S):
                await self.close(code, reason)
        except TimeoutError:
            self.abort()
        except WebSocketDisconnect:
            return


def was_closed(error: BaseException | None) -> bool:
    """Whether that is how writing to a connection fails whose peer went away."""
    return isinstance(error, WebSocketDisconnect)
