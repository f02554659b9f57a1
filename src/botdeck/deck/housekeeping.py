"""What the deck does when nobody asks: it lets go of what is older than anybody wants to read."""

import asyncio
import logging

from botdeck.deck.clock import Clock
from botdeck.errors import StorageError
from botdeck.storage.port import Retention, Storage

EVERY_S = 60.0
PAUSE_S = 0.2
"""Between two portions, so that what bots report gets in."""
_log = logging.getLogger(__name__)


async def keep_house(storage: Storage, clock: Clock) -> None:
    """Runs for as long as the deck."""
    while True:
        try:
            done = await storage.retain(Retention(), clock.now())
        except StorageError as error:
            _log.error("What is too old could not be removed: %s", error)
            done = True
        await asyncio.sleep(EVERY_S if done else PAUSE_S)
