"""What clients send over WebSockets: uvicorn's protocol, mended so that it conforms and that nobody can misuse it.
`tests/process/test_deck_wire.py` has the cases."""

import asyncio
import logging
from typing import Any

from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

LARGEST_MESSAGE_BYTES = 64 * 1024
"""From anybody but a runner. A larger one is answered with 1009 as soon as its length is known."""
HANDSHAKE_DEADLINE_S = 10.0
_BAD_HEAD = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_log = logging.getLogger(__name__)


class _Connection(ServerProtocol):
    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            # RFC 6455, 5.4: control frames may come between the fragments of a message; websockets answers 1002.
            self.current_size = None
        super().recv_frame(frame)


class IncomingWebSocket(WebSocketsSansIOProtocol):
    """The receiving half. Once it is done with a client, `disconnected` makes the app's sends raise what apps expect;
    uvicorn raises RuntimeError until the transport is gone, and logs it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn.parser.close()  # else it would stay in memory until a garbage collection
        self.conn = _Connection(max_size=config.ws_max_size, logger=self.logger)
        self._rest = bytearray()
        self._owed_pong = b""
        self._handshake_timer: asyncio.TimerHandle | None = None

    def limit(self, largest_message: int) -> None:
        self.conn.max_message_size = largest_message

    # The handshake.

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            self._handshake_timer = self.loop.call_later(HANDSHAKE_DEADLINE_S, self._handshake_is_overdue)

    def _handshake_is_overdue(self) -> None:
        if not self.handshake_complete:
            self.send_500_response()
            self._let_go("waited for the answer to its handshake for too long")

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent:
            # uvicorn forgets this after a refusal with a body, and would log it as an error of the app.
            self.handshake_complete = True

    # What it says.

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            self._let_go("spoke before its handshake was answered")
            return
        self.conn.receive_data(data)
        self.handle_events()  # also of what came before a fault
        if not self.handshake_initiated:
            self._refuse_head()
        elif self.conn.parser_exc is not None:
            self.handle_parser_exception()

    def _refuse_head(self) -> None:
        """The head was good enough for the HTTP parser, but has more or longer headers than a handshake may."""
        self.transport.write(b"".join(self.conn.data_to_send()) or _BAD_HEAD)
        self._let_go("sent a handshake that is none")

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._let_go(f"sent what is no WebSocket message: {self.conn.parser_exc or 'text that is not UTF-8'}")

    def handle_cont(self, event: Frame) -> None:
        # One buffer. In uvicorn's list of fragments, those of no byte would pile up without end.
        self._rest += event.data
        if event.fin:
            self.frames.append(bytes(self._rest))
            self._rest = bytearray()
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.transport.is_closing() and not _is_utf8(self.frames):
            self.frames = []
            self.conn.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Whoever pings and does not read gets one pong when it does (RFC 6455, 5.5.3); all of them would need memory
        without end."""
        pongs = self.conn.data_to_send()
        if pongs and self._is_behind():
            self._owed_pong = pongs[-1]
            return
        self.transport.write(b"".join(pongs))

    def resume_writing(self) -> None:
        """May call pause_writing() again."""
        super().resume_writing()
        owed, self._owed_pong = self._owed_pong, b""
        if owed and not self.transport.is_closing():
            self.transport.write(owed)

    def _is_behind(self) -> bool:
        """So that the transport will call resume_writing()."""
        return self.transport.get_write_buffer_size() > self.transport.get_write_buffer_limits()[1]

    # The end.

    def shutdown(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()  # what it has not taken it will not take now, and uvicorn would raise
            return
        super().shutdown()
        self.disconnected = True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
        super().connection_lost(exc)

    def _let_go(self, why: str) -> None:
        _log.info("A client at %s %s.", self.client[0] if self.client else "an unknown address", why)
        self.disconnected = True
        self.transport.close()


def _is_utf8(parts: list[bytes]) -> bool:
    try:
        b"".join(parts).decode()
    except UnicodeDecodeError:
        return False
    return True
