"""`python -m botdeck.deck --config botdeck.toml`: serve until SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import json
import logging
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from botdeck.data_dir import make_data_dir
from botdeck.deck import collector
from botdeck.deck.auth import OPERATORS
from botdeck.deck.bot_tokens import BOT_TOKENS
from botdeck.deck.fleet import BOTS
from botdeck.deck.hosts import HOSTS
from botdeck.deck.main import create_api, create_app
from botdeck.deck.remote_bots import REMOTE_BOTS
from botdeck.deck.runner_access import RUNNERS
from botdeck.deck.schema import openapi_document
from botdeck.deck.server import DeckServer, listen, only_deck_of
from botdeck.errors import BotdeckError, ConfigError
from botdeck.settings import CONFIG_NAME, Settings, load_settings
from botdeck.storage import open_storage


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m botdeck.deck", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(CONFIG_NAME), metavar="FILE")
    parser.add_argument("--openapi", action="store_true", help="print the OpenAPI document and end")
    arguments = parser.parse_args(argv)
    if arguments.openapi:
        print(json.dumps(openapi_document(create_api()), indent=2))  # noqa: T201
        return 0
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s deck: %(message)s", stream=sys.stderr)
    _raise_limit_of_open_files()
    try:
        settings = load_settings(arguments.config)
        make_data_dir(settings.data_dir)
        with only_deck_of(settings.data_dir):
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


def _raise_limit_of_open_files() -> None:
    """Each open page is one; many hosts start programs with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(settings: Settings) -> None:
    listener = listen(settings.deck)
    with contextlib.closing(listener):
        storage = await open_storage(settings.data_dir / "deck.db")
        try:
            # What the deck begins with, read while a database that cannot be read is still one sentence.
            for kind in (BOTS, HOSTS, OPERATORS, RUNNERS, BOT_TOKENS, REMOTE_BOTS):
                await storage.documents(kind)
            server = DeckServer(settings, create_app(settings, storage))
            collector.keep_short()
            with _stopped_by_signals(server):
                await server.serve(sockets=[listener])
        finally:
            await storage.close()


@contextlib.contextmanager
def _stopped_by_signals(server: DeckServer) -> Iterator[None]:
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


if __name__ == "__main__":
    sys.exit(main())
