"""New log lines on their way to the hub: a bot's first line at once, then what gathered every 50 ms."""

import asyncio
from collections.abc import Sequence

from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.models import LogLine

GAP_S = 0.05
MOST_AT_ONCE = 500
"""More within one gap than anybody can read: the oldest are left out and counted. All of them are stored."""


class LogFeed:
    def __init__(self, hub: ConnectionManager) -> None:
        self._hub = hub
        self._waiting: dict[str, list[LogLine]] = {}
        self._dropped: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, bot: str, lines: Sequence[LogLine]) -> None:
        if not lines:
            return
        waiting = self._waiting.setdefault(bot, [])
        waiting.extend(lines)
        if (surplus := len(waiting) - MOST_AT_ONCE) > 0:
            del waiting[:surplus]
            self._dropped[bot] = self._dropped.get(bot, 0) + surplus
        if bot not in self._timers:
            self._flush(bot)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _flush(self, bot: str) -> None:
        lines = self._waiting.pop(bot, None)
        if not lines:
            self._timers.pop(bot, None)
            return
        self._timers[bot] = asyncio.get_running_loop().call_later(GAP_S, self._flush, bot)
        self._hub.broadcast_log(bot, lines, self._dropped.pop(bot, 0))
