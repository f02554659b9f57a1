"""A few threads that read, each with a read-only connection of its own; a writer does not make them wait."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_THREADS = 3


class Readers:
    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="storage-reader")
        self._mine = threading.local()
        self._all: list[sqlite3.Connection] = []

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """A job fetches all it wants before it returns: what is left open would hold an old state of the database."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, job)

    async def close(self) -> None:
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._all:
            connection.close()
        self._all.clear()

    def _call(self, job: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = self._connect()
            self._all.append(connection)
        return job(connection)
