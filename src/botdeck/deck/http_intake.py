"""Lines that bots post, into storage: each once, told by run and `seq`, however often and in whatever order they come.

A stream's cursor counts the lines that were stored; its `carry` says which numbers they had. Both move with the lines,
in one transaction.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from botdeck.deck import posted
from botdeck.deck.batches import log_line
from botdeck.deck.clock import Clock
from botdeck.deck.intake import counts
from botdeck.deck.posted import Posted
from botdeck.deck.seen_seqs import SeenSeqs
from botdeck.errors import StorageError, TooManyPosts
from botdeck.models import Event, Ingestion, LogLine
from botdeck.protocol import events as names
from botdeck.storage.port import Batch, Cursor, Storage, Unstorable

MOST_AT_ONCE = 16
"""Requests of one bot that wait for their turn: at most 16 MiB of them."""
_RETRY_S = 1.0
_INLINE_BYTES = 1 << 14
"""A larger body is parsed in a thread, so that others go on meanwhile."""
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Taken:
    """What became of a request, committed."""

    ingestion: Ingestion
    events: list[Event]
    """All of it in order, what was stored before as well."""
    lines: list[LogLine]
    """New log lines with their ids."""
    changed: bool
    """The dashboard's figures may have changed."""


@dataclass(slots=True)
class _Door:
    """One bot's requests, one after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class HttpIntake:
    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._doors: defaultdict[str, _Door] = defaultdict(_Door)

    async def take(self, bot: str, body: Callable[[], Awaitable[bytes]]) -> Taken:
        """Returns when all lines are committed. `body` is read once there is room. Raises BadBatch, TooManyPosts, and
        StorageError: the same may be posted again then, and what was committed is not stored twice."""
        async with self._room(bot) as lock:
            # Before its turn: a sender that is slow, or gone, must not keep the bot's others waiting.
            lines = await _read(await body(), self._clock.now())
            async with lock:
                fresh, stored = await self._take_all(bot, lines)
        return Taken(
            ingestion=Ingestion(
                acked_through=max((one.event.seq or 0 for one in lines), default=0),
                duplicates=len(lines) - len(fresh),
                damaged=sum(one.event.event == names.TELEMETRY_DAMAGED for one in fresh),
            ),
            events=[one.event for one in lines],
            lines=stored,
            changed=any(counts(one.event) for one in fresh),
        )

    @contextlib.asynccontextmanager
    async def _room(self, bot: str) -> AsyncIterator[asyncio.Lock]:
        door = self._doors[bot]
        if door.waiting >= MOST_AT_ONCE:
            raise TooManyPosts(bot, _RETRY_S)
        door.waiting += 1
        try:
            yield door.lock
        finally:
            door.waiting -= 1

    async def _take_all(self, bot: str, lines: Sequence[Posted]) -> tuple[list[Posted], list[LogLine]]:
        fresh: list[Posted] = []
        logs: list[LogLine] = []
        for stream, ours in _by_stream(bot, lines).items():
            new, new_logs = await self._take(bot, stream, ours)
            fresh += new
            logs += new_logs
        return fresh, logs

    async def _take(self, bot: str, stream: str, lines: Sequence[Posted]) -> tuple[list[Posted], list[LogLine]]:
        """The new ones among the lines, and their log lines."""
        while True:
            cursor = await self._storage.cursor(stream)
            seen = SeenSeqs.decode(cursor.carry)
            fresh = _unseen(lines, seen)
            if not fresh:
                return [], []
            after = Cursor(offset=cursor.offset + len(fresh), carry=seen.encode())
            try:
                ingested = await self._storage.ingest(
                    _batch(bot, stream, fresh, cursor.offset, after, self._clock.now())
                )
            except Unstorable as error:
                return await self._take_parts(bot, stream, fresh, error)
            if ingested.applied:
                return fresh, list(ingested.lines)
            # Somebody else moved the cursor, and some of the lines may have been stored with that.

    async def _take_parts(
        self, bot: str, stream: str, lines: Sequence[Posted], why: Unstorable
    ) -> tuple[list[Posted], list[LogLine]]:
        """One bad line must not keep out the others: halves are tried until it is alone, and its place is marked."""
        if len(lines) == 1:
            if lines[0].event.event == names.TELEMETRY_DAMAGED:
                raise StorageError(f"Not even the mark of a damaged line can be stored: {why}")
            _log.error("A line that bot %s posted cannot be stored; its place is marked: %s", bot, why)
            return await self._take(bot, stream, [posted.spoilt(lines[0], self._clock.now(), str(why))])
        half = len(lines) // 2
        first, first_logs = await self._take(bot, stream, lines[:half])
        second, second_logs = await self._take(bot, stream, lines[half:])
        return [*first, *second], [*first_logs, *second_logs]


async def _read(body: bytes, now: datetime) -> list[Posted]:
    if len(body) > _INLINE_BYTES:
        return await asyncio.to_thread(posted.read, body, now)
    return posted.read(body, now)


def _by_stream(bot: str, lines: Sequence[Posted]) -> dict[str, list[Posted]]:
    """In order. A damaged line goes with the one before it, or else with the first after it, whose fate it shares."""
    streams: dict[str, list[Posted]] = {}
    first = next((one for one in lines if not one.damaged), None)
    stream = posted.stream_of(bot, (first or lines[0]).event) if lines else ""
    for one in lines:
        stream = stream if one.damaged else posted.stream_of(bot, one.event)
        streams.setdefault(stream, []).append(one)
    return streams


def _unseen(lines: Sequence[Posted], seen: SeenSeqs) -> list[Posted]:
    """Notes the numbers of those that it returns. A damaged line shows no number: it is new if its neighbour is."""
    is_new = [one.event.seq is None or seen.add(one.event.seq) for one in lines]
    neighbour = next((new for one, new in zip(lines, is_new, strict=True) if not one.damaged), True)
    fresh = []
    for one, new in zip(lines, is_new, strict=True):
        neighbour = neighbour if one.damaged else new
        if neighbour:
            fresh.append(one)
    return fresh


def _batch(bot: str, stream: str, lines: Sequence[Posted], offset: int, after: Cursor, now: datetime) -> Batch:
    events = [one.event for one in lines]
    return Batch(
        stream=stream,
        bot=bot,
        run=events[0].run,
        offset=offset,
        after=after,
        events=[event for event in events if event.event not in (names.LOG, names.HEARTBEAT)],
        lines=[log_line(bot, event) for event in events if event.event == names.LOG],
        received_at=now,
    )
