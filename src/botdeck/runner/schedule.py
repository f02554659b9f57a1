"""When a bot's `restart_at` comes next."""

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from botdeck.settings import BotSettings


def next_restart(bot: BotSettings | None, zone: ZoneInfo, after: datetime) -> datetime | None:
    """The first time after `after`; None when there is none. In the zone's own calendar: 04:00 is 04:00 in summer and
    in winter."""
    if bot is None or bot.restart_at is None:
        return None
    try:
        return next(CronSim(bot.restart_at, after.astimezone(zone)), None)
    except CronSimError:  # settings.py has seen to it
        return None
