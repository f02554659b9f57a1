"""`python -m botdeck.deck --config botdeck.toml`: serve until SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from botdeck.deck.main import create_app
from botdeck.deck.sockets import DeckWebSocketProtocol
from botdeck.errors import BotdeckError, ConfigError
from botdeck.protocol.frames import MAX_FRAME_BYTES
from botdeck.settings import CONFIG_NAME, DeckSettings, Settings, load_settings
from botdeck.storage import open_storage

SEND_BUFFER_BYTES = 128 * 1024
"""Of the kernel, per connection: what a page that stopped reading costs, and how soon that is noticed."""
DEAD_AFTER_MS = 15_000
BACKLOG = 512
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (translated, not bound)
_log = logging.getLogger("botdeck.deck")


class CannotServe(BotdeckError):
    """The address cannot be listened on."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m botdeck.deck", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(CONFIG_NAME), metavar="FILE")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s deck: %(message)s", stream=sys.stderr)
    try:
        settings = load_settings(arguments.config)
        settings.data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        asyncio.run(_serve(settings))
    except ConfigError as error:
        return _fail(str(error), 2)
    except BotdeckError as error:
        return _fail(str(error), 1)
    except OSError as error:
        return _fail(f"The deck cannot start: {error}.", 1)
    return 0


def _fail(sentence: str, code: int) -> int:
    sys.stderr.write(f"botdeck deck: {sentence}\n")
    return code


async def _serve(settings: Settings) -> None:
    listener = listen(settings.deck)
    with contextlib.closing(listener):
        storage = await open_storage(settings.data_dir / "deck.db")
        try:
            server = _Server(settings, _uvicorn_config(create_app(settings, storage)))
            with _stopped_by_signals(server):
                await server.serve(sockets=[listener])
        finally:
            await storage.close()


def _uvicorn_config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        ws=DeckWebSocketProtocol,
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )


class _Server(uvicorn.Server):
    """Says in deck.json where it listens, for as long as it does."""

    def __init__(self, settings: Settings, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._settings = settings
        self._address = settings.data_dir / "deck.json"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            url = url_of(self._settings.deck, sockets[0])
            aside = self._address.with_name(f".deck.json.{os.getpid()}")
            aside.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n")
            aside.replace(self._address)
            _log.info("The deck is at %s", url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        with contextlib.suppress(OSError, ValueError):
            if json.loads(self._address.read_text())["pid"] == os.getpid():
                self._address.unlink()
        await super().shutdown(sockets)

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        # Its own would end the process by the signal, before the database is closed.
        return contextlib.nullcontext()


@contextlib.contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def listen(settings: DeckSettings) -> socket.socket:
    """Raises CannotServe."""
    where = f"{settings.host} port {settings.port}"
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


if __name__ == "__main__":
    sys.exit(main())
