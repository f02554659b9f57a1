"""The deck on a port: uvicorn with our WebSockets, a listener with limits, and deck.json while it listens."""

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from botdeck.data_dir import hold_lock, lock_holder
from botdeck.deck import http_protocol, incoming
from botdeck.deck.guard import Guard
from botdeck.deck.http_protocol import DeckHttpProtocol
from botdeck.deck.incoming import LARGEST_MESSAGE_BYTES
from botdeck.deck.noise import OnceAMinute
from botdeck.deck.sockets import DeckWebSocketProtocol
from botdeck.errors import BotdeckError
from botdeck.settings import CONFIG_NAME, DeckSettings, Settings

SEND_BUFFER_BYTES = 128 * 1024
"""Of the kernel, per connection: what a page that stopped reading costs, and how soon that is noticed."""
DEAD_AFTER_MS = 15_000
"""Of runners and of what is asked over HTTP; pages of the live channel are looked after by `liveness`."""
BACKLOG = 4096
"""Connections that the kernel takes while the deck is busy. One more would only come again a second later."""
ACCEPTED_AT_ONCE = 4
"""Then whatever else is due has its turn: each of them costs a millisecond."""
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (translated, not bound)
_NOISY = ("uvicorn.error", "asyncio", http_protocol.__name__, incoming.__name__)
_log = logging.getLogger(__name__)


class CannotServe(BotdeckError):
    """The address cannot be listened on, or another deck has the data directory."""


@contextlib.contextmanager
def only_deck_of(data_dir: Path) -> Iterator[None]:
    """Holds deck.lock. Raises CannotServe."""
    path = data_dir / "deck.lock"
    lock = hold_lock(path)
    if lock is None:
        raise CannotServe(
            f"Another deck (pid {lock_holder(path)}) has {data_dir} open already. Stop it first, or give this one a "
            f"data_dir of its own in {CONFIG_NAME}."
        )
    try:
        yield
    finally:
        os.close(lock)


class DeckServer(uvicorn.Server):
    """Says in deck.json where it listens, for as long as it does."""

    def __init__(self, settings: Settings, app: Guard) -> None:
        super().__init__(uvicorn_config(app))
        self._noise = OnceAMinute()
        self.listening = asyncio.Event()
        self._settings = settings
        self._app = app
        self._address = settings.data_dir / "deck.json"

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        with self._noise.over(*_NOISY):
            await super().serve(sockets)

    async def on_tick(self, counter: int) -> bool:
        self._noise.tell()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            # asyncio has one number for both, the one from the configuration.
            sockets[0].listen(BACKLOG)
            url = url_of(self._settings.deck, sockets[0])
            aside = self._address.with_name(f".deck.json.{os.getpid()}")
            aside.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
            aside.replace(self._address)
            _log.info("The deck is at %s", url)
            self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(self._address.read_text())["pid"] == os.getpid():
                self._address.unlink()
        self._app.say_goodbye()
        await super().shutdown(sockets)

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        # Its own would end the process by the signal, before the database is closed.
        return contextlib.nullcontext()


def uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=DeckHttpProtocol,
        ws=DeckWebSocketProtocol,
        ws_max_size=LARGEST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        backlog=ACCEPTED_AT_ONCE,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )


def listen(settings: DeckSettings) -> socket.socket:
    """Raises CannotServe."""
    where = f"{settings.host} port {settings.port}"
    listener: socket.socket | None = None
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        # What is set here, each accepted connection inherits.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        if listener:
            listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(
                f"Another program listens on {where} already. Stop it, or set another port under [deck] in "
                f"{CONFIG_NAME} (0 takes a free one)."
            ) from None
        raise CannotServe(f"The deck cannot listen on {where}: {error.strerror or error}.") from None
    return listener


def url_of(settings: DeckSettings, listener: socket.socket) -> str:
    """Where a program of this machine reaches the deck."""
    host = _WILDCARDS.get(settings.host, settings.host)
    port: int = listener.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{settings.base_path}"
