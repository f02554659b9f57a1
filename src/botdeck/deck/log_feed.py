"""New log lines on their way to the hub: a bot's first line at once, then what gathered every 50 ms."""

import asyncio
from collections import deque
from collections.abc import Sequence

from botdeck.deck.websocket_manager import ConnectionManager
from botdeck.models import LogLine

GAP_S = 0.05
MOST_AT_ONCE = 500
MOST_CHARACTERS = 256 * 1024
"""More within one gap than anybody can read: the oldest are left out and counted. All of them are stored."""


class _Burst:
    """The last lines of one gap. Lines that are left out are never even cut out of their output."""

    def __init__(self) -> None:
        self._parts: deque[Sequence[LogLine]] = deque()
        self._count = 0
        self._dropped = 0

    def add(self, lines: Sequence[LogLine]) -> None:
        self._parts.append(lines)
        self._count += len(lines)
        while self._count - len(self._parts[0]) >= MOST_AT_ONCE:
            gone = len(self._parts.popleft())
            self._count -= gone
            self._dropped += gone

    def take(self) -> tuple[list[LogLine], int]:
        """The lines, and how many were left out before them."""
        surplus = max(0, self._count - MOST_AT_ONCE)
        lines = list(self._parts.popleft()[surplus:])
        for part in self._parts:
            lines += part
        surplus += _cut(lines)
        return lines, self._dropped + surplus


def _cut(lines: list[LogLine]) -> int:
    """How many of the oldest went, since they all are too long; one stays."""
    size = 0
    for index in reversed(range(len(lines))):
        size += len(lines[index].text)
        if size > MOST_CHARACTERS and index < len(lines) - 1:
            del lines[: index + 1]
            return index + 1
    return 0


class LogFeed:
    def __init__(self, hub: ConnectionManager) -> None:
        self._hub = hub
        self._waiting: dict[str, _Burst] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, bot: str, lines: Sequence[LogLine]) -> None:
        """To be told after they were stored: what nobody is there to see now, a later snapshot has."""
        if not lines or not self._hub.is_watched(bot):
            return
        self._waiting.setdefault(bot, _Burst()).add(lines)
        if bot not in self._timers:
            self._flush(bot)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _flush(self, bot: str) -> None:
        burst = self._waiting.pop(bot, None)
        if burst is None:
            self._timers.pop(bot, None)
            return
        self._timers[bot] = asyncio.get_running_loop().call_later(GAP_S, self._flush, bot)
        self._hub.broadcast_log(bot, *burst.take())
