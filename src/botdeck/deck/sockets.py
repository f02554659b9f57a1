"""WebSockets as this server has them: uvicorn's own, with the two things that ASGI lacks: letting go of a connection
that takes nothing any more, and a limit of its own on what one may send."""

import asyncio
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.http11 import Request

from botdeck.deck.incoming import IncomingWebSocket

EXTENSION = "botdeck.connection"
LONGEST_REASON_BYTES = 123
_GRACE_S = 0.5


class DeckWebSocketProtocol(IncomingWebSocket):
    """Offers itself to the app in the scope's extensions."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def abort(self) -> None:
        self.transport.abort()

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


class SocketWire:
    """An accepted WebSocket to write to, from any number of tasks."""

    def __init__(self, websocket: WebSocket, *, largest_frame: int) -> None:
        self._websocket = websocket
        self._connection: DeckWebSocketProtocol | None = websocket.scope.get("extensions", {}).get(EXTENSION)
        if self._connection:
            self._connection.limit(largest_frame)

    async def send(self, text: str) -> None:
        """Returns when the connection took it, which may be never. Raises ConnectionResetError when the peer went."""
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            raise ConnectionResetError
        try:
            await self._websocket.send_text(text)
        except WebSocketDisconnect:
            raise ConnectionResetError from None

    async def part(self, code: int, reason: str) -> None:
        """Say why and close; let go of a peer that does not even take that."""
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(_GRACE_S):
                await self._websocket.close(code, close_reason(reason))
        except TimeoutError:
            if self._connection:
                self._connection.abort()
        except WebSocketDisconnect:
            return


def close_reason(sentence: str) -> str:
    """As much of it as a close frame can carry."""
    return sentence.encode()[:LONGEST_REASON_BYTES].decode(errors="ignore")
