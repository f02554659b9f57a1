"""Data frames into storage, each as a batch that moves its stream's cursor.

A frame is applied only where the stream's cursor stands, so the bytes of a stream pass exactly once and in order,
however often and in whatever pieces a runner sends them.
"""

import asyncio
import dataclasses
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from botdeck.deck import batches
from botdeck.deck.clock import SYSTEM_CLOCK, Clock
from botdeck.deck.patience import PatientStorage
from botdeck.errors import ProtocolError, StorageError
from botdeck.models import Event, LogLine
from botdeck.protocol import events as names
from botdeck.protocol.frames import Data
from botdeck.storage.port import Batch, Cursor, Storage, Unstorable

_log = logging.getLogger(__name__)
_REMEMBERED_STREAMS = 4096
_INLINE_BYTES = 1 << 14
"""A larger payload of events is parsed in a thread, so that other connections go on meanwhile."""
_MOST_OUTPUT_BYTES = 1 << 20
_MOST_EVENT_BYTES = 1 << 18
"""Of the payloads of frames that share a transaction: some 20 ms of work, so that others need not wait long."""
_NOT_THE_LINE = (StorageError, OSError, MemoryError)
"""What fails for reasons other than what the bot wrote, unless it is Unstorable."""
_COUNTED = frozenset({names.MESSAGE_RECEIVED, names.MESSAGE_SENT, names.COMMAND_STARTED, names.COMMAND_FINISHED})


_Parse = Callable[[Data, bytes, datetime], Batch]
_PARSE: dict[str, _Parse] = {"out": batches.of_output, "events": batches.of_events}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a Data frame, committed."""

    bot: str
    cursor: int
    """Where the stream's cursor stands now, to be acknowledged."""
    applied: bool
    """False when the frame began elsewhere: it was a repetition, or something before it is missing."""
    final: bool = False
    """The stream is over: a final frame of it was applied, this one or an earlier one."""
    lines: Sequence[LogLine] = ()
    """New lines with their ids. Whoever wants only some asks for a slice: each is cut out of its output when it is
    looked at."""
    changed: bool = False
    """The dashboard's figures may have changed."""
    along: bool = False
    """It was committed along with a frame before it of the same sender; all there is to tell is told with that one."""


@dataclass(slots=True, eq=False)
class _Turn:
    """A frame that waits for those before it in its stream."""

    data: Data
    sender: object
    applied: Applied | None = None


@dataclass(slots=True)
class _Stream:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: list[_Turn] = field(default_factory=list)
    """In the order in which they get the lock; bounded by what a link takes at once."""
    cursor: Cursor | None = None
    """As this deck left it; the storage has the last word."""


class Intake:
    def __init__(self, storage: Storage | PatientStorage, clock: Clock = SYSTEM_CLOCK) -> None:
        self._storage = storage
        self._clock = clock
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    async def apply(self, runner: str, data: Data, *, sender: object = None) -> Applied:
        """Return when the frame is committed, or when it turns out that it does not belong here (`applied` False).

        A final frame also ends its stream, in the same transaction. Frames of one stream are applied one after the
        other, those that a sender has waiting together in one transaction; those of other streams meanwhile. Raises
        ProtocolError when the stream's name makes no sense, StorageError when the database does not work; the same
        frame may be sent again then.
        """
        bot, kind = _parts(runner, data.stream)
        stream = self._remember(data.stream)
        turn = _Turn(data, sender)
        stream.waiting.append(turn)
        try:
            async with stream.lock:
                # Unless the one before took it along.
                if turn.applied is None:
                    turn.applied = await self._apply(
                        stream, turn, bot, batches.of_output if kind == "out" else batches.of_events
                    )
        finally:
            stream.waiting.remove(turn)
        return turn.applied

    async def _apply(self, stream: _Stream, turn: _Turn, bot: str, parse: _Parse) -> Applied:
        data = turn.data
        cursor = stream.cursor
        if cursor is None or cursor.offset != data.offset:
            cursor = stream.cursor = await self._storage.cursor(data.stream)
        if cursor.offset != data.offset:
            return Applied(bot=bot, cursor=cursor.offset, applied=False, final=cursor.over)
        most = _MOST_OUTPUT_BYTES if parse is batches.of_output else _MOST_EVENT_BYTES
        together = _in_a_row(stream.waiting, turn, most)
        if len(together) > 1 and (applied := await self._take_together(stream, together, cursor.carry, parse)):
            return applied
        return await self._take(stream, data, cursor.carry, parse)

    async def _take_together(
        self, stream: _Stream, turns: Sequence[_Turn], carry: bytes, parse: _Parse
    ) -> Applied | None:
        """None when they cannot be stored together, for whatever reason; each is tried alone then."""
        now = self._clock.now()
        parsed: list[Batch] = []
        try:
            for turn in turns:
                parsed.append(await _parsed_by(parse, turn.data, carry, now))
                carry = parsed[-1].after.carry
            applied = await self._store(stream, batches.joined(parsed))
        except Exception as error:
            if isinstance(error, _NOT_THE_LINE) and not isinstance(error, Unstorable):
                raise
            return None
        for turn in turns:
            turn.applied = dataclasses.replace(applied, lines=(), along=True)
        return applied

    async def _take(self, stream: _Stream, data: Data, carry: bytes, parse: _Parse) -> Applied:
        """One bad line must stop neither its stream nor its runner: a frame that cannot be stored is cut in two until
        that line is alone."""
        now = self._clock.now()
        try:
            return await self._store(stream, await _parsed_by(parse, data, carry, now))
        except Exception as error:
            if isinstance(error, _NOT_THE_LINE) and not isinstance(error, Unstorable):
                raise
            middle = data.payload.find(b"\n", len(data.payload) // 2) + 1
            if middle in (0, len(data.payload)):
                middle = data.payload.rfind(b"\n", 0, len(data.payload) // 2) + 1
            if not middle:
                _log.exception("A line of %s cannot be stored; its place is marked", data.stream)
                return await self._store(stream, batches.of_damage(data, carry, now, str(error)))
        first = dataclasses.replace(data, payload=data.payload[:middle], final=False)
        # What was dropped is before the first part, and is told of with it.
        behind = data.offset + data.gap + middle
        rest = dataclasses.replace(data, payload=data.payload[middle:], offset=behind, gap=0, notice="")
        before = await self._take(stream, first, carry, parse)
        if not before.applied:
            return before
        # The first part ends with a line, so nothing of it is carried.
        after = await self._take(stream, rest, b"", parse)
        return dataclasses.replace(after, lines=[*before.lines, *after.lines], changed=before.changed or after.changed)

    async def _store(self, stream: _Stream, batch: Batch) -> Applied:
        stream.cursor = None  # Unknown, should this be cancelled or fail.
        ingested = await self._storage.ingest(batch)
        stream.cursor = ingested.cursor
        return Applied(
            bot=batch.bot,
            cursor=ingested.cursor.offset,
            applied=ingested.applied,
            final=ingested.cursor.over,
            lines=ingested.lines,
            changed=ingested.applied and (batch.dropped_bytes > 0 or any(map(counts, batch.events))),
        )

    def _remember(self, name: str) -> _Stream:
        stream = self._streams.setdefault(name, _Stream())
        self._streams.move_to_end(name)
        if len(self._streams) > _REMEMBERED_STREAMS:
            oldest = next(iter(self._streams))
            if not self._streams[oldest].lock.locked():
                del self._streams[oldest]
        return stream


def _parts(runner: str, stream: str) -> tuple[str, str]:
    bot, run, kind = parts if len(parts := stream.split("/")) == 3 else ("", "", "")
    if not bot or not run or kind not in _PARSE or not stream.isprintable():
        raise ProtocolError(f"Runner '{runner}' sent data of {stream!r:.200}; expected BOT/RUN/out or BOT/RUN/events.")
    return bot, kind


def _in_a_row(waiting: Sequence[_Turn], first: _Turn, most_bytes: int) -> list[_Turn]:
    """The frame and those behind it that go on where the one before ends."""
    row = [first]
    size = len(first.data.payload)
    for turn in islice(waiting, waiting.index(first) + 1, None):
        before, size = row[-1].data, size + len(turn.data.payload)
        if before.final or turn.data.offset != batches.end_of(before):
            break
        if turn.sender is not first.sender or size > most_bytes:
            break
        row.append(turn)
    return row


async def _parsed_by(parse: _Parse, data: Data, carry: bytes, now: datetime) -> Batch:
    if parse is batches.of_events and len(data.payload) > _INLINE_BYTES:
        return await asyncio.to_thread(parse, data, carry, now)
    return parse(data, carry, now)


def counts(event: Event) -> bool:
    return event.event in _COUNTED or "user.id" in event.fields
