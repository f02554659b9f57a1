"""The port over one SQLite file. Every write is a job for the one writer, every read a job for the readers."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from botdeck.errors import StorageConflict, StorageError
from botdeck.models import Cause, Event, LogLine, PostMortem, Run
from botdeck.protocol.codec import from_json, to_json
from botdeck.storage.port import POST_MORTEMS_PER_BOT, Batch, Cursor, Document, Ingested, Retention, Totals
from botdeck.storage.rollups import bucket_of, from_micros, micros
from botdeck.storage.sqlite import connection as connections
from botdeck.storage.sqlite import ingest, log_pages, migrate, retention
from botdeck.storage.sqlite.readers import Readers
from botdeck.storage.sqlite.writer import Writer

T = TypeVar("T")
Connection = sqlite3.Connection

_ACTIVE_FOR = timedelta(minutes=15)

_TOTALS = """SELECT
    (SELECT n FROM counter WHERE bot = :bot AND name = 'users'),
    (SELECT n FROM counter WHERE bot = :bot AND name = 'dropped'),
    (SELECT sum(n) FROM bucket WHERE bot = :bot AND metric = 'received' AND bucket >= :since AND bucket < :until),
    (SELECT sum(n) FROM bucket WHERE bot = :bot AND metric = 'sent' AND bucket >= :since AND bucket < :until),
    (SELECT count(*) FROM active_command WHERE bot = :bot AND started > :active_since)"""
_RUN = """SELECT id, bot, started, pid, ended, exit_code, signal, reason, cause, operator, stop_timed_out, cpu_s,
    peak_memory_bytes FROM run WHERE bot = ?"""
_PUT_RUN = """
INSERT INTO run (bot, id, started, pid, ended, exit_code, signal, reason, cause, operator, stop_timed_out, cpu_s,
    peak_memory_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET started = excluded.started, pid = excluded.pid, ended = excluded.ended,
    exit_code = excluded.exit_code, signal = excluded.signal, reason = excluded.reason, cause = excluded.cause,
    operator = excluded.operator, stop_timed_out = excluded.stop_timed_out, cpu_s = excluded.cpu_s,
    peak_memory_bytes = excluded.peak_memory_bytes
    WHERE ended IS NULL OR excluded.ended IS NOT NULL"""
_POST_MORTEM = "SELECT body FROM post_mortem WHERE bot = ? AND run = ?"
_PUT_POST_MORTEM = """
INSERT INTO post_mortem (bot, run, body) VALUES (?, ?, ?) ON CONFLICT (bot, run) DO UPDATE SET body = excluded.body"""
_FORGET_POST_MORTEMS = """
DELETE FROM post_mortem WHERE bot = ? AND id IN
    (SELECT id FROM post_mortem WHERE bot = ? ORDER BY id DESC LIMIT -1 OFFSET ?)"""


class SqliteStorage:
    """`busy_timeout_s` is how long another program's lock is waited for; `max_bytes` a limit of the file's size."""

    def __init__(self, path: str | Path, *, busy_timeout_s: float = 5.0, max_bytes: int | None = None) -> None:
        self.path = Path(path)
        self._busy_timeout_s = busy_timeout_s
        self._max_bytes = max_bytes
        self._writer: Writer | None = None
        self._readers: Readers | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        async with self._opening:
            if self._writer is not None:
                return
            connection = await asyncio.to_thread(self._open_file)
            self._writer = Writer(connection)
            self._readers = Readers(partial(connections.open_reader, self.path, busy_timeout_s=self._busy_timeout_s))

    async def close(self) -> None:
        async with self._opening:
            writer, readers = self._writer, self._readers
            self._writer = self._readers = None
            if readers is not None:
                await readers.close()
            # Last, so that SQLite folds the WAL into the file and removes it.
            if writer is not None:
                await writer.close()

    async def health(self) -> None:
        await self._change("UPDATE pulse SET n = n + 1")
        await self._read(lambda c: c.execute("SELECT n FROM pulse").fetchone())

    async def cursor(self, stream: str) -> Cursor:
        return await self._read(lambda c: ingest.read_cursor(c, stream))

    async def offsets(self, bots: Sequence[str]) -> dict[str, int]:
        sql = "SELECT stream, offset FROM cursor WHERE over = 0 AND bot IN (SELECT value FROM json_each(?))"
        return await self._read(lambda c: dict(c.execute(sql, (json.dumps(list(bots)),)).fetchall()))

    async def ingest(self, batch: Batch) -> Ingested:
        return await self._write(lambda c: ingest.apply(c, batch))

    async def totals(self, bot: str, since: datetime, until: datetime, now: datetime) -> Totals:
        asked = {
            "bot": bot,
            "since": bucket_of(micros(since)),
            "until": bucket_of(micros(until)),
            "active_since": micros(now - _ACTIVE_FOR),
        }
        users, dropped, received, sent, active = await self._read(lambda c: c.execute(_TOTALS, asked).fetchone())
        return Totals(
            total_users=users or 0,
            messages_received=received or 0,
            messages_sent=sent or 0,
            active_commands=active,
            dropped_bytes=dropped or 0,
        )

    async def logs(
        self, bot: str, *, before: int | None = None, after: int | None = None, limit: int = 200
    ) -> tuple[list[LogLine], bool]:
        if after is not None:
            return await self._read(lambda c: log_pages.oldest(c, bot, after, limit))
        return await self._read(lambda c: log_pages.newest(c, bot, before, limit))

    async def events(self, bot: str, *, after: int = 0, limit: int = 1000) -> list[tuple[int, Event]]:
        sql = "SELECT id, run, seq, time, event, fields FROM event WHERE bot = ? AND id > ? ORDER BY id LIMIT ?"
        rows = await self._read(lambda c: c.execute(sql, (bot, after, limit)).fetchall())
        return [
            (
                number,
                Event(event=event, time=from_micros(moment), run=run, seq=seq, fields=json.loads(fields)),
            )
            for number, run, seq, moment, event, fields in rows
        ]

    async def put_run(self, run: Run) -> None:
        await self._write(lambda c: _put_run(c, run))

    async def runs(self, bot: str, limit: int = 50) -> list[Run]:
        sql = f"{_RUN} ORDER BY started DESC, id DESC LIMIT ?"
        return [_run(row) for row in await self._read(lambda c: c.execute(sql, (bot, limit)).fetchall())]

    async def run(self, bot: str, run_id: str) -> Run | None:
        return await self._read(lambda c: _whole_run(c, bot, run_id))

    async def put_document(self, kind: str, document: Document) -> Document:
        version = await self._write(lambda c: _put_document(c, kind, document))
        return Document(id=document.id, body=document.body, version=version)

    async def document(self, kind: str, key: str) -> Document | None:
        sql = "SELECT id, body, version FROM document WHERE kind = ? AND id = ?"
        row = await self._read(lambda c: c.execute(sql, (kind, key)).fetchone())
        return None if row is None else _document(row)

    async def documents(self, kind: str) -> list[Document]:
        sql = "SELECT id, body, version FROM document WHERE kind = ? ORDER BY id"
        return [_document(row) for row in await self._read(lambda c: c.execute(sql, (kind,)).fetchall())]

    async def document_versions(self, kind: str) -> dict[str, int]:
        # One row: half of what as many rows as documents cost, and in one piece without Python's lock.
        sql = "SELECT json_group_object(id, version) FROM document WHERE kind = ?"
        versions: dict[str, int] = await self._read(lambda c: json.loads(c.execute(sql, (kind,)).fetchone()[0]))
        return versions

    async def delete_document(self, kind: str, key: str) -> None:
        await self._change("DELETE FROM document WHERE kind = ? AND id = ?", kind, key)

    async def append_record(self, kind: str, at: datetime, body: dict[str, Any]) -> None:
        sql = "INSERT INTO record (kind, at, body) VALUES (?, ?, ?)"
        await self._change(sql, kind, micros(at), json.dumps(body))

    async def records(self, kind: str, limit: int = 100) -> list[tuple[datetime, dict[str, Any]]]:
        sql = "SELECT at, body FROM record WHERE kind = ? ORDER BY id DESC LIMIT ?"
        rows = await self._read(lambda c: c.execute(sql, (kind, limit)).fetchall())
        return [(from_micros(at), json.loads(body)) for at, body in rows]

    async def retain(self, policy: Retention, now: datetime, budget_ms: float = 200) -> bool:
        deadline = time.monotonic() + budget_ms / 1000
        for step in retention.steps(await self._read(retention.bots_with_rows), policy, now):
            more = True
            while more:
                if time.monotonic() >= deadline:
                    return False
                more = await self._write(step)
        while await self._write(retention.shrink):
            if time.monotonic() >= deadline:
                return False
        return True

    def _open_file(self) -> Connection:
        connection: Connection | None = None
        try:
            connection = connections.open_writer(
                self.path, busy_timeout_s=self._busy_timeout_s, max_bytes=self._max_bytes
            )
            migrate.migrate(connection, self.path, migrate.migrations())
        except (StorageError, *connections.Refusal) as error:
            if connection is not None:
                connection.close()
            raise self._explained(error) from error
        return connection

    async def _change(self, sql: str, *values: Any) -> None:
        await self._write(lambda c: c.execute(sql, values).rowcount)

    async def _write(self, job: Callable[[Connection], T]) -> T:
        if self._writer is None:
            raise StorageError(f"{self.path} is not open.")
        try:
            return await self._writer.run(job)
        except connections.Refusal as error:
            raise self._explained(error) from error

    async def _read(self, job: Callable[[Connection], T]) -> T:
        if self._readers is None:
            raise StorageError(f"{self.path} is not open.")
        try:
            return await self._readers.run(job)
        except connections.Refusal as error:
            raise self._explained(error) from error

    def _explained(self, error: BaseException) -> StorageError:
        if isinstance(error, StorageError):
            return error
        return connections.in_words(error, self.path, waited_s=self._busy_timeout_s)


def _run(row: tuple[Any, ...]) -> Run:
    key, bot, started, pid, ended, exit_code, signal, reason, cause, operator, timed_out, cpu_s, peak = row
    return Run(
        id=key,
        bot=bot,
        started_at=from_micros(started),
        pid=pid,
        ended_at=None if ended is None else from_micros(ended),
        exit_code=exit_code,
        signal=signal,
        reason=reason,
        cause=None if cause is None else Cause(cause),
        operator=operator,
        stop_timed_out=bool(timed_out),
        cpu_s=cpu_s,
        peak_memory_bytes=peak,
    )


def _whole_run(connection: Connection, bot: str, run_id: str) -> Run | None:
    row = connection.execute(f"{_RUN} AND id = ?", (bot, run_id)).fetchone()
    if row is None:
        return None
    left = connection.execute(_POST_MORTEM, (bot, run_id)).fetchone()
    return replace(_run(row), post_mortem=None if left is None else from_json(PostMortem, json.loads(left[0])))


def _document(row: tuple[Any, ...]) -> Document:
    return Document(id=row[0], body=json.loads(row[1]), version=row[2])


def _put_run(connection: Connection, run: Run) -> None:
    ended = None if run.ended_at is None else micros(run.ended_at)
    how = (run.exit_code, run.signal, run.reason, run.cause, run.operator, run.stop_timed_out)
    used = (run.cpu_s, run.peak_memory_bytes)
    connection.execute(_PUT_RUN, (run.bot, run.id, micros(run.started_at), run.pid, ended, *how, *used))
    if run.post_mortem is not None:
        connection.execute(_PUT_POST_MORTEM, (run.bot, run.id, json.dumps(to_json(run.post_mortem))))
        connection.execute(_FORGET_POST_MORTEMS, (run.bot, run.bot, POST_MORTEMS_PER_BOT))
    if ended is not None:
        connection.execute("DELETE FROM active_command WHERE bot = ? AND run = ?", (run.bot, run.id))


def _put_document(connection: Connection, kind: str, document: Document) -> int:
    body = json.dumps(document.body)
    version = document.version + 1
    if document.version == 0:
        sql = "INSERT OR IGNORE INTO document (body, version, kind, id) VALUES (?, ?, ?, ?)"
        changed = connection.execute(sql, (body, version, kind, document.id)).rowcount
    else:
        sql = "UPDATE document SET body = ?, version = ? WHERE kind = ? AND id = ? AND version = ?"
        changed = connection.execute(sql, (body, version, kind, document.id, document.version)).rowcount
    if not changed:
        raise StorageConflict(f"Somebody else changed the {kind} '{document.id}' first. Read it again, then change it.")
    return version
