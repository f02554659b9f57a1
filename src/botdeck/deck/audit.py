"""Who did what: every action, sign-in, failed sign-in and setup, appended for good."""

import logging
from typing import Any

from botdeck.deck.clock import Clock
from botdeck.errors import StorageError
from botdeck.storage.port import Storage

AUDIT = "audit"
_log = logging.getLogger(__name__)


class Audit:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def record(self, what: str, who: str, **more: Any) -> None:
        """A broken database does not keep anybody from stopping a bot: the record then goes to the log only."""
        body = {"what": what, "who": who, **more}
        try:
            await self._storage.append_record(AUDIT, self._clock.now(), body)
        except StorageError as error:
            _log.error("The audit could not be written (%s): %s", error, body)
