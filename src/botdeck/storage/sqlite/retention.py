"""Removes what is old or too much, a little at a time, so that nobody waits long for the writer."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from botdeck.storage.port import Retention
from botdeck.storage.rollups import micros

MOST_ROWS = 1000
MOST_BYTES = 4 << 20
"""Removed in one transaction."""
_SPARE_PAGES = 1024
"""Free pages that are kept in the file for what comes next."""
_PAGES_A_STEP = 250
_FORGET_COMMANDS = timedelta(days=1)
_FORGET_STREAMS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What to keep of one table. The names are constants of this module, so they may stand in SQL."""

    table: str
    counter: str
    holds: str
    """How many a row is of what the counter counts."""
    bytes: str
    """How much there is to remove with a row."""
    most: int
    before: int


Step = Callable[[sqlite3.Connection], bool]
"""Removes some rows of one kind and says whether there may be more to remove."""


def steps(bots: list[str], policy: Retention, now: datetime) -> Iterator[Step]:
    events_before, lines_before = micros(now - policy.events_for), micros(now - policy.lines_for)
    for bot in bots:
        events = _Kind("event", "events", "1", "0", policy.events_per_bot, events_before)
        lines = _Kind("log_chunk", "lines", "count", "length(data)", policy.lines_per_bot, lines_before)
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


def _trim(connection: sqlite3.Connection, bot: str, kind: _Kind) -> bool:
    """The oldest rows of a bot, as long as they are too old or too many."""
    counted = connection.execute("SELECT n FROM counter WHERE bot = ? AND name = ?", (bot, kind.counter)).fetchone()
    excess = 0 if counted is None else counted[0] - kind.most
    oldest = f"SELECT id, received, {kind.holds}, {kind.bytes} FROM {kind.table} WHERE bot = ? ORDER BY id"  # noqa: S608
    gone: list[tuple[int]] = []
    held = size = 0
    with contextlib.closing(connection.execute(oldest, (bot,))) as rows:
        while len(gone) < MOST_ROWS and size < MOST_BYTES and (row := rows.fetchone()):
            key, received, holds, bytes_ = row
            if received >= kind.before and held + holds > excess:
                break
            gone.append((key,))
            held += holds
            size += bytes_
    if gone:
        connection.executemany(f"DELETE FROM {kind.table} WHERE id = ?", gone)  # noqa: S608
        connection.execute("UPDATE counter SET n = n - ? WHERE bot = ? AND name = ?", (held, bot, kind.counter))
    return len(gone) == MOST_ROWS or size >= MOST_BYTES


def _forget_messages(connection: sqlite3.Connection, before: int) -> bool:
    removed = connection.execute(
        """DELETE FROM seen_message WHERE received < ?
           AND id IN (SELECT id FROM seen_message ORDER BY id LIMIT ?)""",
        (before, MOST_ROWS),
    ).rowcount
    return removed == MOST_ROWS


def _forget_commands(connection: sqlite3.Connection, before: int) -> bool:
    """Commands that never ended; they are not shown as active any more."""
    removed = connection.execute(
        """DELETE FROM active_command WHERE (bot, run, id) IN
           (SELECT bot, run, id FROM active_command WHERE started < ? LIMIT ?)""",
        (before, MOST_ROWS),
    ).rowcount
    return removed == MOST_ROWS


def _forget_streams(connection: sqlite3.Connection, before: int) -> bool:
    """A cursor is kept long after its stream is over: were it forgotten, a late resend would count again."""
    removed = connection.execute(
        """DELETE FROM cursor WHERE stream IN
           (SELECT stream FROM cursor WHERE over = 1 AND received < ? LIMIT ?)""",
        (before, MOST_ROWS),
    ).rowcount
    return removed == MOST_ROWS
