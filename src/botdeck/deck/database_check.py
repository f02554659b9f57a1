"""Whether the database can be used, asked at most once a second: the check writes, and anybody may ask for it."""

from botdeck.deck.clock import Clock
from botdeck.errors import StorageError
from botdeck.storage.port import Storage

CHECK_EVERY_S = 1.0


class DatabaseCheck:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._checked_at = float("-inf")
        self._problem: str | None = None

    async def __call__(self) -> None:
        """Raises StorageError."""
        now = self._clock.seconds()
        if now - self._checked_at >= CHECK_EVERY_S:
            self._checked_at = now
            self._problem = await self._look()
        if self._problem is not None:
            raise StorageError(self._problem)

    async def _look(self) -> str | None:
        try:
            await self._storage.health()
        except StorageError as error:
            return str(error)
        return None
