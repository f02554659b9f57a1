"""What was published lately, topic by topic, as finished frames: a page that is slow, or was away, gets from here what
it missed. So there is no queue per page, and what one page does not take costs nothing. No I/O.

One rule for each kind of update says what is kept of it, and so what a page loses that is not quick enough.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

OVERVIEW = "overview"


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest of each key; a newer one takes the place of the older, and of all older updates of other kinds."""

    supersedes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tail:
    """The last lines. The oldest go first, and whoever misses them is told how many they were."""

    most_lines: int
    most_bytes: int


POLICIES: dict[str, Latest | Tail] = {
    "bot_status": Latest(),
    "bot_list": Latest(supersedes=("bot_status", "samples")),
    "samples": Latest(),
    "runners": Latest(),
    "dashboard_stats": Latest(),
    "log": Tail(most_lines=1000, most_bytes=256 * 1024),
}
_COUNTED_BATCHES = 2048
"""So far back it is known how many lines were dropped; some 100 s of a bot that never stops writing."""


def bot_topic(bot: str) -> str:
    return f"bot/{bot}"


def log_topic(bot: str) -> str:
    return f"log/{bot}"


@dataclass(frozen=True, slots=True)
class Update:
    seq: int
    frame: bytes
    lines: int = 0


@dataclass(frozen=True, slots=True)
class Missed:
    """What comes after a position: `updates` in order, and how many lines before them are not kept any more."""

    updates: list[Update]
    dropped: int


class Topic:
    def __init__(self, name: str, seq: int) -> None:
        self.name = name
        self.seq = seq
        """Of the newest update, or the one that comes before the first."""
        self._before_first = seq
        self._kept: dict[tuple[str, str | int], Update] = {}
        """By (kind, key), the newest last."""
        self._lines = 0
        self._bytes = 0
        self._counts = deque([0], _COUNTED_BATCHES)
        """Lines in all after each of the last updates that had any."""

    def add(self, kind: str, key: str, encode: Callable[[int], bytes], lines: int = 0) -> Update:
        """`encode` makes the finished frame when it is given the seq."""
        update = Update(self.seq + 1, encode(self.seq + 1), lines)
        self.seq = update.seq
        policy = POLICIES[kind]
        if isinstance(policy, Latest):
            self._keep_latest(policy, kind, key, update)
        else:
            self._counts.append(self._counts[-1] + lines)
            self._keep_tail(policy, kind, update)
        return update

    def since(self, seq: int) -> Missed:
        updates: list[Update] = []
        for update in reversed(self._kept.values()):
            if update.seq <= seq:
                break
            updates.append(update)
        updates.reverse()
        return Missed(updates, self._lines_after(seq) - sum(update.lines for update in updates))

    def knows(self, seq: int) -> bool:
        """Whether somebody who had everything up to there can go on from there: the newest of each key always is
        here, but the lines that were dropped since must be known to the unit."""
        has_lines = len(self._counts) > 1
        oldest = self.seq - len(self._counts) + 1 if has_lines else self._before_first
        return oldest <= seq <= self.seq

    def _lines_after(self, seq: int) -> int:
        return self._counts[-1] - self._counts[max(0, len(self._counts) - 1 - (self.seq - seq))]

    def _keep_latest(self, policy: Latest, kind: str, key: str, update: Update) -> None:
        if policy.supersedes:
            self._kept = {one: kept for one, kept in self._kept.items() if one[0] not in policy.supersedes}
        # To the end: what is kept is in order.
        self._kept.pop((kind, key), None)
        self._kept[kind, key] = update

    def _keep_tail(self, policy: Tail, kind: str, update: Update) -> None:
        self._kept[kind, update.seq] = update
        self._lines += update.lines
        self._bytes += len(update.frame)
        while len(self._kept) > 1 and (self._lines > policy.most_lines or self._bytes > policy.most_bytes):
            gone = self._kept.pop(next(iter(self._kept)))
            self._lines -= gone.lines
            self._bytes -= len(gone.frame)


def in_writes(updates: list[tuple[str, Update]], most_bytes: int) -> Iterator[list[tuple[str, Update]]]:
    """The updates, each with the name of its topic, in parts of at most so many bytes, or of one update."""
    start = size = 0
    for index, (_, update) in enumerate(updates):
        if size and size + len(update.frame) > most_bytes:
            yield list(islice(updates, start, index))
            start, size = index, 0
        size += len(update.frame)
    if start < len(updates):
        yield list(islice(updates, start, None))
