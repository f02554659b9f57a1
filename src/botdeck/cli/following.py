"""A bot's lines as they come, for `logs -f` and `run`."""

import json
from collections.abc import Callable

from botdeck.cli.client import DeckClient
from botdeck.cli.ground import printable
from botdeck.models import BotStatus, LogLine
from botdeck.protocol.codec import to_json


def follow(
    client: DeckClient,
    bot: str,
    last: int,
    *,
    as_json: bool = False,
    on_status: Callable[[BotStatus], None] | None = None,
) -> int:
    """Prints what comes after line `last` until the deck goes away; the id of the last line printed."""
    for lines in client.follow(bot, on_status):
        if not lines:
            last = _catch_up(client, bot, last, as_json)
        last = print_lines([line for line in lines if line.id > last], as_json=as_json) or last
    return last


def _catch_up(client: DeckClient, bot: str, last: int, as_json: bool) -> int:
    """Print what came between the lines shown and the moment the deck began to send new ones."""
    while True:
        page = client.logs(bot, limit=1000, after=last)
        last = print_lines(page.lines, as_json=as_json) or last
        if not page.more:
            return last


def print_lines(lines: list[LogLine], *, as_json: bool = False) -> int:
    """Prints them and returns the id of the last one, 0 when there is none."""
    for line in lines:
        if as_json:
            print(json.dumps(to_json(line)), flush=True)
        else:
            print(f"{line.time.astimezone():%H:%M:%S} {printable(line.text)}", flush=True)
    return lines[-1].id if lines else 0
