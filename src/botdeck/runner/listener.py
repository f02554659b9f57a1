"""Reads along with what a bot says and prints, for its health. Shipping to the deck has a position of its own."""

import os
from collections.abc import Callable

from botdeck.runner import process
from botdeck.runner.health import Health
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.stream import Stream

MOST_BYTES = 256 << 10
"""Read at once. A bot that writes more between two looks has its last words heard."""
MOST_BYTES_AT_FIRST = 64 << 10
"""Of what an earlier runner heard already, enough to know how things stand: some hundred events."""
FULL_BYTES = 1 << 20
"""With less than this free, what a bot says may not reach its file."""


class Listener:
    """For one run. `news` is called when the bot got ready, got into trouble or out of it, or when the time to look
    again has become an earlier one."""

    def __init__(
        self,
        run: RunDirectory,
        health: Health,
        news: Callable[[], None],
        clock: Callable[[], float] = process.boot_clock,
    ) -> None:
        self._run = run
        self._health = health
        self._news = news
        self._clock = clock
        self._heard: dict[Stream, int] = {}
        """Up to where, as an offset in the file."""

    def grew(self, stream: Stream) -> None:
        """One of the run's streams was looked at, and has grown."""
        if stream.over:
            return
        health = self._health
        known, due_at = (health.ready, health.known_trouble), health.next_look_at()
        try:
            self._hear(stream)
        except OSError:  # it is tried again when there is more
            return
        if (health.ready, health.known_trouble) != known or _is_earlier(health.next_look_at(), due_at):
            self._news()

    def trouble(self) -> str | None:
        """What its health says now; but while the disk takes nothing, silence says nothing."""
        now, due_at = self._clock(), self._health.next_look_at()
        if due_at is not None and now >= due_at and self._disk_is_full():
            self._health.excuse(now)
        return self._health.trouble(now)

    def _hear(self, stream: Stream) -> None:
        if stream is self._run.events:
            self._health.heard_events(self._read(stream), self._clock())
        elif stream is self._run.out:
            self._health.heard_output(self._read(stream) if self._health.reads_output else b"", self._clock())

    def _read(self, stream: Stream) -> bytes:
        end, heard = stream.seen - stream.base, self._heard.get(stream)
        follows = heard is not None and heard <= end  # else it is the first time, or somebody made the file shorter
        begin = max(heard or 0, end - MOST_BYTES) if follows else max(0, end - MOST_BYTES_AT_FIRST)
        data = os.pread(stream.fileno(), end - begin, begin)
        self._heard[stream] = begin + len(data)
        # What was left out may have been the end of a line.
        return data if begin == heard else b"\n" + data

    def _disk_is_full(self) -> bool:
        try:
            disk = os.statvfs(self._run.path)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize < FULL_BYTES


def _is_earlier(time: float | None, other: float | None) -> bool:
    return time is not None and (other is None or time < other)
