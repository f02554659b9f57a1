"""What runners report, stored with patience: while the database takes nothing, it is tried again and again, so that
their links stay and bots can be watched and stopped."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from botdeck.errors import StorageError
from botdeck.models import Run
from botdeck.storage.port import Batch, Cursor, Ingested, Storage, Unstorable

RETRY_S = 1.0
T = TypeVar("T")
_log = logging.getLogger(__name__)


class PatientStorage:
    """The same as the storage, but for StorageError: instead of that, these return when the database works again.
    Unstorable is raised all the same."""

    def __init__(self, storage: Storage) -> None:
        self.failing = asyncio.Event()
        self.working = asyncio.Event()
        self.working.set()
        self._storage = storage
        self._refused = 0
        """Works that were refused and are not done yet."""
        self._turn = asyncio.Lock()
        """One at a time: a database that is slow to refuse must not keep others from what still works."""

    async def cursor(self, stream: str) -> Cursor:
        return await self._outlast(lambda: self._storage.cursor(stream))

    async def ingest(self, batch: Batch) -> Ingested:
        return await self._outlast(lambda: self._storage.ingest(batch))

    async def put_run(self, run: Run) -> None:
        await self._outlast(lambda: self._storage.put_run(run))

    async def _outlast(self, work: Callable[[], Awaitable[T]]) -> T:
        refused = 0
        try:
            while True:
                async with self._turn if self.failing.is_set() else contextlib.nullcontext():
                    try:
                        done = await work()
                        break
                    except StorageError as error:
                        if isinstance(error, Unstorable):
                            raise
                        self._refused += 1 - refused
                        refused = 1
                        if self.failing.is_set():
                            await asyncio.sleep(RETRY_S)
                        else:
                            _log.error("Nothing can be stored, so what bots write waits with their runners: %s", error)
                            self.working.clear()
                            self.failing.set()
        finally:
            self._refused -= refused
        # Not before all have got through: a small write may fit onto a disk that is too full for a large one.
        if self.failing.is_set() and not self._refused:
            _log.warning("The database works again.")
            self.failing.clear()
            self.working.set()
        return done
