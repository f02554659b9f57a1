"""Pages of log lines out of the rows that hold them; only rows and lines that are asked for are read and cut."""

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from botdeck.models import LogLine
from botdeck.storage.log_pieces import Output, Piece, StoredLines
from botdeck.storage.rollups import from_micros

_BEFORE = """
SELECT id, bot, run, time, count, stream, level, data FROM log_chunk WHERE bot = ?1 AND id < ?2 ORDER BY id DESC"""
# The row before `after` may hold lines behind it, too.
_AFTER = """
SELECT id, bot, run, time, count, stream, level, data FROM log_chunk WHERE bot = ?1 AND id >= coalesce(
    (SELECT id FROM log_chunk WHERE bot = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1), 0) ORDER BY id"""
_ALL = (1 << 63) - 1


def newest(connection: sqlite3.Connection, bot: str, before: int | None, limit: int) -> tuple[list[LogLine], bool]:
    """At most `limit` lines before the one with that id, oldest first, and whether there are older ones."""
    end = _ALL if before is None else before
    slices: list[list[LogLine]] = []
    missing = limit + 1
    with _chunks(connection, _BEFORE, bot, end) as chunks:
        for first, lines in chunks:
            stop = min(len(lines), end - first)
            slices.append(lines[max(0, stop - missing) : stop])
            missing -= len(slices[-1])
            if not missing:
                break
    found = [line for lines in reversed(slices) for line in lines]
    more = len(found) > limit
    return found[1:] if more else found, more


def oldest(connection: sqlite3.Connection, bot: str, after: int, limit: int) -> tuple[list[LogLine], bool]:
    """At most `limit` lines after the one with that id, oldest first, and whether there are newer ones."""
    found: list[LogLine] = []
    with _chunks(connection, _AFTER, bot, after) as chunks:
        for first, lines in chunks:
            start = max(0, after + 1 - first)
            found += lines[start : start + limit + 1 - len(found)]
            if len(found) > limit:
                break
    return found[:limit], len(found) > limit


@contextlib.contextmanager
def _chunks(
    connection: sqlite3.Connection, sql: str, bot: str, where: int
) -> Iterator[Iterator[tuple[int, StoredLines]]]:
    """Each row's first id and its lines, one row at a time."""
    # Closed at the end: a statement that is left open would hold an old state of the database.
    with contextlib.closing(connection.execute(sql, (bot, where))) as rows:
        yield ((first, StoredLines([_piece(*row)], first)) for first, *row in rows)


def _piece(bot: str, run: str, moment: int, count: int, stream: Any, level: Any, data: str | bytes) -> Piece:
    time = from_micros(moment)
    if isinstance(data, bytes):
        return Output(bot=bot, run=run, time=time, data=data, count=count)
    return LogLine(id=0, bot=bot, run=run, time=time, stream=stream, level=level, text=data)
