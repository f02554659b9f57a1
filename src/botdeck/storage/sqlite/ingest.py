"""A batch into rows and counts, inside the writer's transaction."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from botdeck.models import LogLine
from botdeck.storage.log_pieces import Output, StoredLines
from botdeck.storage.port import Batch, Cursor, Ingested
from botdeck.storage.rollups import Message, Seen, Tally, micros, tally

_encode = json.JSONEncoder(separators=(",", ":")).encode

_MOVE_CURSOR = """
INSERT INTO cursor (stream, bot, offset, carry, over, received) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    offset = excluded.offset, carry = excluded.carry, over = excluded.over, received = excluded.received"""
_ADD_EVENT = "INSERT INTO event (bot, run, seq, time, received, event, fields) VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_CHUNK = """
INSERT INTO log_chunk (id, bot, run, time, received, count, stream, level, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ADD_TO_COUNTER = """
INSERT INTO counter (bot, name, n) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"""
_ADD_TO_BUCKET = """
INSERT INTO bucket (bot, metric, bucket, n) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n"""
_ADD_TO_COMMAND = """
INSERT INTO command_bucket (bot, bucket, command, outcome, n, duration_ms_sum, duration_ms_max)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET n = n + excluded.n, duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
    duration_ms_max = max(duration_ms_max, excluded.duration_ms_max)"""
_ADD_PERSON = "INSERT OR IGNORE INTO person (bot, uid, first, last, n) VALUES (?1, ?2, ?3, ?4, 0)"
_MEET_PERSON = """
UPDATE person SET first = min(first, ?3), last = max(last, ?4), n = n + ?5,
    name = CASE WHEN ?4 >= last THEN coalesce(?6, name) ELSE coalesce(name, ?6) END
WHERE bot = ?1 AND uid = ?2"""
_NOTE_MESSAGE = "INSERT OR IGNORE INTO seen_message (bot, key, received) VALUES (?, ?, ?)"
_OPEN_COMMAND = """
INSERT OR REPLACE INTO active_command (bot, run, id, name, user, started) VALUES (?, ?, ?, ?, ?, ?)"""
_CLOSE_COMMAND = "DELETE FROM active_command WHERE bot = ? AND run = ? AND id = ?"


def apply(connection: sqlite3.Connection, batch: Batch) -> Ingested:
    """The port's `ingest`, but for the transaction around it."""
    cursor = read_cursor(connection, batch.stream)
    if cursor.offset != batch.offset:
        return Ingested(cursor=cursor, applied=False)
    received = micros(batch.received_at)
    after = replace(batch.after, over=batch.after.over or cursor.over)
    connection.execute(_MOVE_CURSOR, (batch.stream, batch.bot, after.offset, after.carry, after.over, received))
    if batch.dropped_bytes:
        connection.execute(_ADD_TO_COUNTER, (batch.bot, "dropped", batch.dropped_bytes))
    lines = _add_lines(connection, batch, received)
    _add_events(connection, batch, received)
    return Ingested(cursor=after, applied=True, lines=lines)


def read_cursor(connection: sqlite3.Connection, stream: str) -> Cursor:
    row = connection.execute("SELECT offset, carry, over FROM cursor WHERE stream = ?", (stream,)).fetchone()
    return Cursor() if row is None else Cursor(offset=row[0], carry=row[1], over=bool(row[2]))


def _add_lines(connection: sqlite3.Connection, batch: Batch, received: int) -> Sequence[LogLine]:
    if not batch.lines:
        return ()
    (last,) = connection.execute("SELECT id FROM last_line").fetchone()
    stored = StoredLines(batch.lines, last + 1)
    connection.executemany(_ADD_CHUNK, _chunk_rows(batch, stored, received))
    connection.execute("UPDATE last_line SET id = id + ?", (len(stored),))
    connection.execute(_ADD_TO_COUNTER, (batch.bot, "lines", len(stored)))
    return stored


def _chunk_rows(batch: Batch, stored: StoredLines, received: int) -> Iterator[tuple[Any, ...]]:
    for number, count, piece in stored.numbered():
        where = number, batch.bot, piece.run, micros(piece.time), received, count
        if isinstance(piece, Output):
            yield *where, "out", None, piece.data
        else:
            yield *where, piece.stream, piece.level, piece.text


def _add_events(connection: sqlite3.Connection, batch: Batch, received: int) -> None:
    if not batch.events:
        return
    times = [micros(event.time) for event in batch.events]
    connection.executemany(_ADD_EVENT, _event_rows(batch, times, received))
    connection.execute(_ADD_TO_COUNTER, (batch.bot, "events", len(batch.events)))
    total = tally(batch.events, times)
    _count(connection, batch.bot, total, received)
    _move_commands(connection, batch, total)


def _event_rows(batch: Batch, times: Sequence[int], received: int) -> Iterator[tuple[Any, ...]]:
    for event, time in zip(batch.events, times, strict=True):
        yield batch.bot, event.run, event.seq, time, received, event.event, _encode(event.fields)


def _count(connection: sqlite3.Connection, bot: str, total: Tally, received: int) -> None:
    counted = [message for message in total.received if _is_new(connection, bot, message, received)]
    per_bucket: dict[int, int] = {}
    per_user: dict[str, int] = {}
    for message in counted:
        per_bucket[message.bucket] = per_bucket.get(message.bucket, 0) + 1
        if message.user is not None:
            per_user[message.user] = per_user.get(message.user, 0) + 1
    rows = [(bot, "received", *item) for item in per_bucket.items()]
    rows += [(bot, "sent", *item) for item in total.sent.items()]
    if rows:
        connection.executemany(_ADD_TO_BUCKET, rows)
    if total.commands:
        connection.executemany(
            _ADD_TO_COMMAND,
            [(bot, *key, c.n, c.duration_ms_sum, c.duration_ms_max) for key, c in total.commands.items()],
        )
    if total.people:
        _meet(connection, bot, total.people, per_user)


def _is_new(connection: sqlite3.Connection, bot: str, message: Message, received: int) -> bool:
    if message.key is None:
        return True
    return connection.execute(_NOTE_MESSAGE, (bot, message.key, received)).rowcount == 1


def _meet(connection: sqlite3.Connection, bot: str, people: dict[str, Seen], messages: dict[str, int]) -> None:
    new = connection.executemany(_ADD_PERSON, [(bot, user, seen.first, seen.last) for user, seen in people.items()])
    if new.rowcount:
        connection.execute(_ADD_TO_COUNTER, (bot, "users", new.rowcount))
    connection.executemany(
        _MEET_PERSON,
        [(bot, user, seen.first, seen.last, messages.get(user, 0), seen.name) for user, seen in people.items()],
    )


def _move_commands(connection: sqlite3.Connection, batch: Batch, total: Tally) -> None:
    if total.closed:
        connection.executemany(_CLOSE_COMMAND, [(batch.bot, batch.run, command) for command in total.closed])
    # The report of the run's end may overtake the last of its events.
    if total.opened and not _has_ended(connection, batch.bot, batch.run):
        connection.executemany(
            _OPEN_COMMAND,
            [(batch.bot, batch.run, command, o.name, o.user, o.started) for command, o in total.opened.items()],
        )


def _has_ended(connection: sqlite3.Connection, bot: str, run: str) -> bool:
    row = connection.execute("SELECT ended FROM run WHERE bot = ? AND id = ?", (bot, run)).fetchone()
    return row is not None and row[0] is not None
