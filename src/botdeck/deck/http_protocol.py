"""HTTP as this server takes it: uvicorn's, with deadlines for what a client sends and without its tracebacks."""

import asyncio
import logging
from typing import Any, Protocol, cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from botdeck.deck.sockets import untie

HEAD_DEADLINE_S = 10.0
"""From the opening of the connection, or the first byte of a later request. Without it, connections that send their
head slowly or never are held for ever."""
BODY_DEADLINE_S = 30.0
"""Of a mebibyte at most, mostly of a few bytes."""
_log = logging.getLogger(__name__)


class Doorkeeper(Protocol):
    """An app may be one."""

    def refuse_early(self, request: bytes) -> bytes | None:
        """The whole answer to a request that need not be looked at further."""


class DeckHttpProtocol(H11Protocol):
    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._awaited: Any = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        refusal = self._refusal(data) if self.conn.their_state is h11.IDLE else None
        if refusal is None:
            super().data_received(data)
            self._watch()
            return
        self.transport.write(refusal)
        self.transport.close()

    def _refusal(self, data: bytes) -> bytes | None:
        doorkeeper = cast(Doorkeeper, self.app)
        return doorkeeper.refuse_early(data) if hasattr(doorkeeper, "refuse_early") else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)
        untie(self.transport)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        if self.conn.trailing_data[0]:
            # uvicorn would drop it, and take what follows for the beginning of a frame.
            self.send_400_response("A client waits for the answer to its handshake before it goes on.")
            return
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        self.transport.close()
        if self.cycle:
            # The app may be about to answer, which h11 would refuse with an exception.
            self.cycle.disconnected = True

    def shutdown(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()  # what it has not taken it will not take now, and h11 may raise
            return
        super().shutdown()

    # Deadlines.

    def _watch(self) -> None:
        """After whatever may have changed what is awaited of the client."""
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._stop_watching()
        elif self.conn.their_state is not self._awaited:
            self._stop_watching()
            self._awaited = self.conn.their_state
            if self._awaited in (h11.IDLE, h11.SEND_BODY):
                deadline_s = HEAD_DEADLINE_S if self._awaited is h11.IDLE else BODY_DEADLINE_S
                self._deadline = self.loop.call_later(deadline_s, self._is_overdue)

    def _stop_watching(self) -> None:
        self._awaited = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_overdue(self) -> None:
        if self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]:
            _log.info("A client at %s sent its request too slowly.", self.client[0] if self.client else "no address")
        # Browsers also open connections for later, and see nothing wrong in one that ends.
        self.transport.close()
