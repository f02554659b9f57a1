"""Snapshots of the live state. Those who come at about the same time share one, so that many who come back together
cost one look into the database."""

import asyncio
from dataclasses import replace

from botdeck import __version__
from botdeck.deck.dashboard import Dashboard
from botdeck.deck.envelopes import Envelopes, SharedSnapshot
from botdeck.deck.fleet import Fleet
from botdeck.deck.liveness import HEARTBEAT_S
from botdeck.deck.messages import Snapshot
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.errors import UnknownBot
from botdeck.models import DashboardStats, Operator, Role
from botdeck.settings import DeckSettings

SHARED_S = 0.2
"""So old a snapshot may be: its updates follow, but ages in it are told as of now."""
_NOBODY = Operator(user_id="", name="", role=Role.VIEWER)


class Snapshots:
    def __init__(
        self,
        *,
        settings: DeckSettings,
        dashboard: Dashboard,
        fleet: Fleet,
        hub: ConnectionManager,
        envelopes: Envelopes,
    ) -> None:
        self._settings = settings
        self._dashboard = dashboard
        self._fleet = fleet
        self._hub = hub
        self._envelopes = envelopes
        self._reading: dict[str | None, asyncio.Task[SharedSnapshot]] = {}
        self._read_at: dict[str | None, float] = {}

    async def of(self, bot: str | None) -> SharedSnapshot:
        """Of everything, with the figures and lines of the bot. Raises StorageError."""
        now = asyncio.get_running_loop().time()
        self._forget_old(now)
        if bot not in self._reading:
            self._read_at[bot] = now
            self._reading[bot] = asyncio.create_task(self._read(bot))
            self._reading[bot].add_done_callback(_seen)
        # Whoever goes meanwhile must not take it from the others.
        return await asyncio.shield(self._reading[bot])

    def close(self) -> None:
        for reading in self._reading.values():
            reading.cancel()

    async def _read(self, bot: str | None) -> SharedSnapshot:
        # Before anything is read: what is published while the database is asked comes again after the snapshot.
        positions = self._hub.positions(bot)
        stats = await self._stats(bot)
        # No await from here on: the fleet and its position belong together.
        positions["overview"] = self._hub.positions(bot)["overview"]
        if stats and stats.bot in self._fleet:
            stats = replace(stats, bot_uptime=self._fleet.status(stats.bot).uptime_s)
        return self._envelopes.share(
            Snapshot(
                server_version=__version__,
                time_zone=self._settings.time_zone,
                stats_interval_s=self._settings.stats_interval_s,
                heartbeat_s=HEARTBEAT_S,
                operator=_NOBODY,
                fleet=self._fleet.bot_list(),
                stats=stats,
                runners=self._fleet.runners(),
                positions=positions,
            )
        )

    async def _stats(self, bot: str | None) -> DashboardStats | None:
        try:
            return await self._dashboard.stats(bot, with_logs=True) if bot is not None else None
        except UnknownBot:
            return None

    def _forget_old(self, now: float) -> None:
        for bot in [one for one, at in self._read_at.items() if now - at > SHARED_S and self._reading[one].done()]:
            del self._reading[bot], self._read_at[bot]


def _seen(reading: asyncio.Task[SharedSnapshot]) -> None:
    """Nobody may be left to take its failure."""
    if not reading.cancelled():
        reading.exception()
