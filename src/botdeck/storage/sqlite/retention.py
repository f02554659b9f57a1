"""Removes what is old or too much, a little at a time, so that nobody waits long for the writer."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from botdeck.storage.port import Retention
from botdeck.storage.rollups import micros

CHUNK = 1000
"""Rows removed in one transaction."""
_SPARE_PAGES = 2048
"""Free pages that are kept in the file for what comes next."""
_PAGES_A_STEP = 250
_FORGET_COMMANDS = timedelta(days=1)
_FORGET_STREAMS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What to keep of one table. The names are constants of this module, so they may stand in SQL."""

    table: str
    counter: str
    most: int
    before: int


Chunk = Callable[[sqlite3.Connection], int]
"""Removes at most CHUNK rows of one kind and says how many; fewer than CHUNK means that the kind is done."""


def chunks(bots: list[str], policy: Retention, now: datetime) -> Iterator[Chunk]:
    events_before, lines_before = micros(now - policy.events_for), micros(now - policy.lines_for)
    for bot in bots:
        events = _Kind("event", "events", policy.events_per_bot, events_before)
        lines = _Kind("log", "lines", policy.lines_per_bot, lines_before)
        yield partial(_trim, bot=bot, kind=events)
        yield partial(_trim, bot=bot, kind=lines)
    yield partial(_forget_messages, before=events_before)
    yield partial(_forget_commands, before=micros(now - _FORGET_COMMANDS))
    yield partial(_forget_streams, before=micros(now - _FORGET_STREAMS))


def bots_with_rows(connection: sqlite3.Connection) -> list[str]:
    return [bot for (bot,) in connection.execute("SELECT DISTINCT bot FROM counter WHERE n > 0")]


def shrink(connection: sqlite3.Connection) -> bool:
    """Give a few free pages back to the disk, when there are many; whether that should be done again."""
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    surplus: int = free - _SPARE_PAGES
    # The pragma answers once for every page, and Python's cursor takes only the first of such empty answers.
    for _ in range(min(_PAGES_A_STEP, surplus)):
        connection.execute("PRAGMA incremental_vacuum(1)")
    return surplus > _PAGES_A_STEP


def _trim(connection: sqlite3.Connection, bot: str, kind: _Kind) -> int:
    """The oldest rows of a bot, as long as they are too old or too many."""
    counted = connection.execute("SELECT n FROM counter WHERE bot = ? AND name = ?", (bot, kind.counter)).fetchone()
    excess = 0 if counted is None else counted[0] - kind.most
    oldest = f"SELECT id, received FROM {kind.table} WHERE bot = ? ORDER BY id LIMIT {CHUNK}"  # noqa: S608
    rows = connection.execute(oldest, (bot,)).fetchall()
    gone = [(key,) for number, (key, received) in enumerate(rows) if received < kind.before or number < excess]
    if gone:
        connection.executemany(f"DELETE FROM {kind.table} WHERE id = ?", gone)  # noqa: S608
        connection.execute("UPDATE counter SET n = n - ? WHERE bot = ? AND name = ?", (len(gone), bot, kind.counter))
    return len(gone)


def _forget_messages(connection: sqlite3.Connection, before: int) -> int:
    return connection.execute(
        """DELETE FROM seen_message WHERE received < ?
           AND id IN (SELECT id FROM seen_message ORDER BY id LIMIT ?)""",
        (before, CHUNK),
    ).rowcount


def _forget_commands(connection: sqlite3.Connection, before: int) -> int:
    """Commands that never ended; they are not shown as active any more."""
    return connection.execute(
        """DELETE FROM active_command WHERE (bot, run, id) IN
           (SELECT bot, run, id FROM active_command WHERE started < ? LIMIT ?)""",
        (before, CHUNK),
    ).rowcount


def _forget_streams(connection: sqlite3.Connection, before: int) -> int:
    """A cursor is kept long after its stream is over: were it forgotten, a late resend would count again."""
    return connection.execute(
        """DELETE FROM cursor WHERE stream IN
           (SELECT stream FROM cursor WHERE over = 1 AND received < ? LIMIT ?)""",
        (before, CHUNK),
    ).rowcount
