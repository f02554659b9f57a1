"""How much room what bots write may take: per bot, on this host, and on its disk. A file has no back-pressure, so what
is too much is dropped, counted, and said in its place.

Nothing polls: a budget is looked at when a file grew. Only the disk is looked at now and then as well, since others
fill it too.
"""

import asyncio
import heapq
import logging
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from botdeck.runner import holes
from botdeck.runner.flood import Flood
from botdeck.runner.process import boot_clock
from botdeck.runner.stream import KEPT_BYTES, Stream
from botdeck.runner.troubles import floor_in_words
from botdeck.settings import MB, BotSettings, RunnerSettings, Settings

log = logging.getLogger(__name__)

SPARE = 16
"""What is above a budget is dropped, and a part of the budget with it: else there would be a gap at each look."""
STEP_BYTES = 1 << 20
"""Dropped at once, where several take turns."""
TRY_AGAIN_S = 0.2
"""After nothing more could be dropped: the rest is on its way, or the end of a file, or events."""
DISK_LOOK_S = 0.2
"""Between looks at the free space while bots write."""
DISK_SETTLES_S = 2.0
"""Some file systems count space as free a while after it was given back; until then no more is dropped."""


class Account:
    """What one bot has waiting."""

    def __init__(self, flood: Flood) -> None:
        self.flood = flood
        self.streams: dict[Stream, int] = {}
        """And how far each was seen the last time."""
        self.dropped_to: dict[Stream, int] = {}
        """Output that was written behind the closed gate, and up to where it is dropped already."""
        self.gate: asyncio.TimerHandle | None = None
        self.output = 0
        """Bytes that wait."""
        self.try_again_at = 0.0
        """Above its budget, and nothing could be dropped."""

    def oldest_first(self) -> list[Stream]:
        """Its output."""
        return sorted((stream for stream in self.streams if not stream.whole_lines), key=lambda stream: stream.run)

    def drop_output(self, size: int, reason: str) -> int:
        dropped = 0
        for stream in self.oldest_first():
            if dropped >= size:
                break
            dropped += drop_oldest(stream, size - dropped, reason)
        return dropped


class Budgets:
    """Told of each stream that grew, before it is shipped. `ship` is called with streams that wait no longer."""

    def __init__(
        self,
        data_dir: Path,
        settings: Callable[[], Settings],
        *,
        ship: Callable[[Stream], None],
    ) -> None:
        self._data_dir = data_dir
        self._settings = settings
        self._ship = ship
        self._accounts: dict[str, Account] = {}
        self._waiting = 0
        self._try_again_at = 0.0
        self._look_at_disk_at = 0.0
        self._below_floor = False
        """It was logged."""
        holes.probe(data_dir)

    def grown(self, stream: Stream) -> None:
        settings = self._settings()
        bot = settings.bot(stream.bot) or _NOT_CONFIGURED
        account = self._account(stream, bot)
        if not stream.whole_lines:
            self._limit_flood(account, stream, bot)
            self._limit_bot(account, bot)
        if stream in account.streams:
            account.streams[stream] = stream.seen
        self._limit_host(settings.runner)
        if boot_clock() >= self._look_at_disk_at:
            self.look_at_disk()

    def look_at_disk(self) -> None:
        """Also to be called now and then: other programs fill it, too."""
        now = boot_clock()
        if now < self._look_at_disk_at:
            return
        self._look_at_disk_at = now + DISK_LOOK_S
        floor_mb = self._settings().runner.disk_floor_mb
        free = _free_bytes(self._data_dir)
        if free is None or free >= floor_mb * MB:
            self._below_floor = False
            return
        if not self._below_floor:
            log.warning("%s", floor_in_words(self._data_dir, floor_mb))
            self._below_floor = True
        missing = int(floor_mb * MB) - free + int(floor_mb * MB) // SPARE
        dropped = self._drop_for_disk(missing, f"less than disk_floor_mb = {floor_mb:g} was free on the disk")
        if dropped and (_free_bytes(self._data_dir) or 0) < free + dropped // 2:
            self._look_at_disk_at = now + DISK_SETTLES_S

    def close(self) -> None:
        for account in self._accounts.values():
            if account.gate is not None:
                account.gate.cancel()

    # Accounts.

    def _account(self, stream: Stream, bot: BotSettings) -> Account:
        account = self._accounts.get(stream.bot)
        burst, rate = int(bot.output_backlog_mb * MB), bot.output_rate_mb_s * MB
        if account is None:
            account = Account(Flood(burst=burst, rate=rate, now=boot_clock()))
            self._accounts[stream.bot] = account
        account.flood.limit(burst=burst, rate=rate)
        if stream not in account.streams and not stream.complete:
            # What was there before is no flood, whoever wrote it when.
            account.streams[stream] = stream.seen
            stream.weigh = partial(self._weigh, account)
            self._weigh(account, stream, stream.waiting_bytes)
        return account

    def _weigh(self, account: Account, stream: Stream, change: int) -> None:
        self._waiting += change
        if not stream.whole_lines:
            account.output += change
        if stream.complete:
            account.streams.pop(stream, None)
            account.dropped_to.pop(stream, None)

    # The flood limit.

    def _limit_flood(self, account: Account, stream: Stream, bot: BotSettings) -> None:
        growth = stream.seen - account.streams.get(stream, stream.seen)
        if not account.flood.closed:
            excess = account.flood.pour(growth, boot_clock())
            if not excess:
                return
            account.gate = asyncio.get_running_loop().call_later(account.flood.opens_in_s, self._open_gate, account)
            self._hold(account, stream, stream.seen - excess)
        elif stream not in account.dropped_to:
            self._hold(account, stream, stream.seen - growth)
        begin, end = account.dropped_to[stream], stream.seen - KEPT_BYTES  # its last words stay in any case
        reason = f"it wrote more than output_rate_mb_s = {bot.output_rate_mb_s:g}"
        account.dropped_to[stream] += _guarded(stream, lambda: stream.drop(begin, end, reason))

    def _hold(self, account: Account, stream: Stream, begin: int) -> None:
        account.dropped_to[stream] = begin
        stream.hold(begin)

    def _open_gate(self, account: Account) -> None:
        kept = sum(stream.seen - end for stream, end in account.dropped_to.items())
        account.flood.open(kept, boot_clock())
        account.gate = None
        for stream in account.dropped_to:
            stream.hold(None)
            self._ship(stream)
        account.dropped_to.clear()

    # The backlogs.

    def _limit_bot(self, account: Account, bot: BotSettings) -> None:
        limit = int(bot.output_backlog_mb * MB)
        if account.output <= limit or boot_clock() < account.try_again_at:
            return
        reason = f"more than output_backlog_mb = {bot.output_backlog_mb:g} waited to be shipped"
        account.drop_output(account.output - limit + limit // SPARE, reason)
        if account.output > limit:
            account.try_again_at = boot_clock() + TRY_AGAIN_S

    def _limit_host(self, runner: RunnerSettings) -> None:
        limit = int(runner.backlog_mb * MB)
        if self._waiting <= limit or boot_clock() < self._try_again_at:
            return
        reason = f"more than backlog_mb = {runner.backlog_mb:g} of all bots together waited to be shipped"
        accounts = list(self._accounts.values())
        while accounts and (excess := self._waiting - limit + limit // SPARE) > 0:
            longest = max(accounts, key=lambda account: account.output)
            if not longest.drop_output(min(excess, STEP_BYTES), reason):
                accounts.remove(longest)
        if self._waiting > limit:
            self._try_again_at = boot_clock() + TRY_AGAIN_S

    # The disk.

    def _drop_for_disk(self, size: int, reason: str) -> int:
        """Output first, then events; the oldest first."""
        if holes.trouble() is not None:
            return 0  # nothing would come of it
        streams = [stream for account in self._accounts.values() for stream in account.streams]
        dropped = _drop_in_turns([stream for stream in streams if not stream.whole_lines], size, reason)
        if dropped < size:
            dropped += _drop_in_turns([stream for stream in streams if stream.whole_lines], size - dropped, reason)
        return dropped


_NOT_CONFIGURED = BotSettings(name="", command=(), cwd=Path("/"))
"""Budgets of a bot that is not, or no longer, configured."""


def drop_oldest(stream: Stream, size: int, reason: str) -> int:
    return _guarded(stream, lambda: stream.drop_oldest(size, reason))


def _drop_in_turns(streams: Iterable[Stream], size: int, reason: str) -> int:
    """Always a piece of the one whose waiting bytes are the oldest."""
    now = datetime.now(UTC)
    queue = [(stream.waiting_since(now), stream.run, stream.name, stream) for stream in streams if stream.waiting_bytes]
    heapq.heapify(queue)
    total = 0
    while queue and total < size:
        *_, stream = heapq.heappop(queue)
        dropped = drop_oldest(stream, min(STEP_BYTES, size - total), reason)
        total += dropped
        if dropped:
            heapq.heappush(queue, (stream.waiting_since(now), stream.run, stream.name, stream))
    return total


def _guarded(stream: Stream, drop: Callable[[], int]) -> int:
    try:
        return drop()
    except OSError as error:
        log.warning("%s: nothing of it can be dropped now: %s", stream.path, error.strerror)
        return 0


def _free_bytes(folder: Path) -> int | None:
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
