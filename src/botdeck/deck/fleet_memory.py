"""Writes down what the fleet is, for the next deck: the first change at once, then what gathered within a second, so
that a bot whose state changes all the time costs one write a second."""

import asyncio
import logging
from collections.abc import Iterable

from botdeck.deck.fleet import Fleet

GAP_S = 1.0
_log = logging.getLogger(__name__)


class FleetMemory:
    """`working` is set while the database takes anything."""

    def __init__(self, fleet: Fleet, working: asyncio.Event) -> None:
        self._fleet = fleet
        self._working = working
        self._names: set[str] = set()
        self._changed = asyncio.Event()

    def changed(self, names: Iterable[str]) -> None:
        """These bots, or what is known of hosts."""
        self._names.update(names)
        self._changed.set()

    async def keep(self) -> None:
        """Runs for as long as the deck."""
        while True:
            await self._changed.wait()
            await self._working.wait()
            try:
                await self.write()
            except Exception:
                _log.exception("The fleet could not be remembered; it goes on with the next change")
            await asyncio.sleep(GAP_S)

    async def write(self) -> None:
        """What changed since the last time."""
        self._changed.clear()
        names, self._names = self._names, set()
        await asyncio.gather(self._fleet.remember(names), self._fleet.hosts.remember())
