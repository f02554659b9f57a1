"""The figures of the dashboard: what "today" is, how they are read, and when they are told to browsers."""

import asyncio
import logging
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from botdeck.deck.clock import Clock
from botdeck.deck.fleet import Fleet
from botdeck.deck.throttle import Throttle
from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.errors import StorageError, UnknownBot
from botdeck.models import DashboardStats
from botdeck.storage.port import Storage

RECENT_LINES = 50
GAP_S = 0.1
_log = logging.getLogger(__name__)


def day_bounds(now: datetime, zone: ZoneInfo) -> tuple[str, datetime, datetime]:
    """The calendar day of `now` in the zone, and the UTC times at which it begins and the next one does. A day of a
    change to or from summer time has 23 or 25 hours."""
    day = now.astimezone(zone).date()
    begins, ends = (
        datetime.combine(date, time.min, tzinfo=zone).astimezone(UTC) for date in (day, day + timedelta(days=1))
    )
    return day.isoformat(), begins, ends


class Dashboard:
    def __init__(
        self,
        *,
        storage: Storage,
        fleet: Fleet,
        hub: ConnectionManager,
        clock: Clock,
        time_zone: str,
        interval_s: float,
    ) -> None:
        self._storage = storage
        self._fleet = fleet
        self._hub = hub
        self._clock = clock
        self._zone = ZoneInfo(time_zone)
        self._interval_s = interval_s
        self._throttle = Throttle(GAP_S)
        self._wake = asyncio.Event()
        self._failing = False

    async def stats(self, bot: str, *, with_logs: bool) -> DashboardStats:
        """Raises UnknownBot, StorageError."""
        self._fleet.status(bot)
        now = self._clock.now()
        day, begins, ends = day_bounds(now, self._zone)
        totals = await self._storage.totals(bot, begins, ends, now)
        logs = (await self._storage.logs(bot, limit=RECENT_LINES))[0] if with_logs else None
        return DashboardStats(
            bot=bot,
            total_users=totals.total_users,
            bot_uptime=self._fleet.status(bot).uptime_s,
            messages_today=totals.messages_received,
            messages_sent_today=totals.messages_sent,
            active_commands=totals.active_commands,
            dropped_bytes=totals.dropped_bytes,
            day=day,
            time_zone=self._zone.key,
            recent_logs=logs,
        )

    def changed(self, bot: str) -> None:
        """Some figure of the bot may be another now."""
        self._throttle.change(bot)
        self._wake.set()

    async def publish(self) -> None:
        """Runs for as long as the deck: tells what changed, and everything at the regular interval."""
        loop = asyncio.get_running_loop()
        regular_at = loop.time() + self._interval_s
        while True:
            await self._sleep_until(min(regular_at, self._throttle.next_at() or regular_at))
            now = loop.time()
            watched = self._hub.watched()
            if now >= regular_at:
                regular_at = now + self._interval_s
                for bot in watched:
                    self._throttle.change(bot)
            for bot in self._throttle.due(now):
                if bot in watched:
                    await self._tell(bot)

    async def _sleep_until(self, at: float) -> None:
        """Or until a change, whichever is first."""
        try:
            async with asyncio.timeout_at(at):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _tell(self, bot: str) -> None:
        try:
            stats = await self.stats(bot, with_logs=False)
        except UnknownBot:
            return
        except StorageError as error:
            if not self._failing:
                _log.error("The figures of %s cannot be read: %s", bot, error)
            self._failing = True
            return
        self._failing = False
        self._hub.broadcast_dashboard_stats(stats)
