"""The one thread that writes. What waits while a transaction is under way goes together into the next one, so that many
callers share one fsync."""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from botdeck.errors import StorageError

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
"""Reads and writes inside a transaction that the writer opens and commits. It may be run twice: once with others and,
when the transaction failed, once more alone."""

_GROUP_S = 0.02
"""A transaction takes no further job after this long, so that the first caller does not wait for ever."""


@dataclass(slots=True)
class _Task:
    job: Job[Any]
    future: asyncio.Future[Any]


@dataclass(slots=True)
class _Outcome:
    task: _Task
    result: Any = None
    error: Exception | None = None


class Writer:
    """Owns the writing connection from `__init__` to `close`. Methods are for the event loop's thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        # Needs no bound: every caller waits for its own job before it can bring another.
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="storage-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Job[T]) -> T:
        """Return the job's result once it is committed; raise what it raised when it changed nothing."""
        if self._closing:
            raise StorageError("The database is closed.")
        task = _Task(job, self._loop.create_future())
        self._queue.put(task)
        result: T = await task.future
        return result

    async def close(self) -> None:
        """Commit what was asked for before, then close the connection."""
        self._closing = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        with contextlib.closing(self._connection):
            while (first := self._queue.get()) is not None:
                outcomes = self._commit(first)
                # The loop may be gone when a program ends in a hurry; nobody waits for the answer then.
                with contextlib.suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(_deliver, outcomes)

    def _commit(self, first: _Task) -> list[_Outcome]:
        outcomes: list[_Outcome] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for task in self._ready(first):
                outcomes.append(_Outcome(task))
                outcomes[-1].result = task.job(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            if len(outcomes) < 2:
                return [_Outcome(first, error=error)]
            # One of them is to blame; the others must not suffer for it.
            return [self._commit_alone(outcome.task) for outcome in outcomes]
        return outcomes

    def _ready(self, first: _Task) -> Iterator[_Task]:
        yield first
        enough = time.monotonic() + _GROUP_S
        while time.monotonic() < enough:
            try:
                task = self._queue.get_nowait()
            except queue.Empty:
                return
            if task is None:
                self._queue.put(None)
                return
            yield task

    def _commit_alone(self, task: _Task) -> _Outcome:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = task.job(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            return _Outcome(task, error=error)
        return _Outcome(task, result=result)

    def _roll_back(self) -> None:
        # After a full disk SQLite may have rolled back by itself.
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _deliver(outcomes: list[_Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.task.future
        if future.done():
            continue
        if outcome.error is None:
            future.set_result(outcome.result)
        else:
            future.set_exception(outcome.error)
