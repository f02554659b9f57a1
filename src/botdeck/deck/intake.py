"""Data frames into storage: bytes of a stream become lines and events, and a batch that moves the stream's cursor.

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

from botdeck.deck import log_levels, stream_lines
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
"""A larger payload is parsed in a thread, so that other connections go on meanwhile."""
_KEPT_OF_DAMAGED = 500
_NOT_THE_LINE = (StorageError, OSError, MemoryError)
"""What fails for reasons other than what the bot wrote, unless it is Unstorable."""
_COUNTED = frozenset({names.MESSAGE_RECEIVED, names.MESSAGE_SENT, names.COMMAND_STARTED, names.COMMAND_FINISHED})


_Parse = Callable[[Data, bytes, datetime], Batch]


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
    """New lines with their ids."""
    changed: bool = False
    """The dashboard's figures may have changed."""


@dataclass(slots=True)
class _Stream:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    cursor: Cursor | None = None
    """As this deck left it; the storage has the last word."""


class Intake:
    def __init__(self, storage: Storage | PatientStorage, clock: Clock = SYSTEM_CLOCK) -> None:
        self._storage = storage
        self._clock = clock
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    async def apply(self, runner: str, data: Data) -> Applied:
        """Return when the frame is committed, or when it turns out that it does not belong here (`applied` False).

        A final frame also ends its stream, in the same transaction. Frames of one stream are applied one after the
        other, those of others meanwhile. Raises ProtocolError when the stream's name makes no sense, StorageError when
        the database does not work; the same frame may be sent again then.
        """
        bot, kind = _parts(runner, data.stream)
        stream = self._remember(data.stream)
        async with stream.lock:
            cursor = stream.cursor
            if cursor is None or cursor.offset != data.offset:
                cursor = stream.cursor = await self._storage.cursor(data.stream)
            if cursor.offset != data.offset:
                return Applied(bot=bot, cursor=cursor.offset, applied=False, final=cursor.over)
            return await self._take(stream, data, cursor.carry, _output if kind == "out" else _events)

    async def _take(self, stream: _Stream, data: Data, carry: bytes, parse: _Parse) -> Applied:
        """One bad line must stop neither its stream nor its runner: a frame that cannot be stored is cut in two until
        that line is alone."""
        now = self._clock.now()
        try:
            if len(data.payload) > _INLINE_BYTES:
                batch = await asyncio.to_thread(parse, data, carry, now)
            else:
                batch = parse(data, carry, now)
            return await self._store(stream, batch)
        except Exception as error:
            if isinstance(error, _NOT_THE_LINE) and not isinstance(error, Unstorable):
                raise
            middle = data.payload.find(b"\n", len(data.payload) // 2) + 1
            if middle in (0, len(data.payload)):
                middle = data.payload.rfind(b"\n", 0, len(data.payload) // 2) + 1
            if not middle:
                _log.exception("A line of %s cannot be stored; its place is marked", data.stream)
                return await self._store(stream, _damaged(data, carry, now, str(error)))
        first = dataclasses.replace(data, payload=data.payload[:middle], final=False)
        rest = dataclasses.replace(data, payload=data.payload[middle:], offset=data.offset + middle)
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
            changed=ingested.applied and any(map(_counts, batch.events)),
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
    if not bot or not run or kind not in ("out", "events") or not stream.isprintable():
        raise ProtocolError(f"Runner '{runner}' sent data of {stream!r:.200}; expected BOT/RUN/out or BOT/RUN/events.")
    return bot, kind


def _counts(event: Event) -> bool:
    return event.event in _COUNTED or "user.id" in event.fields


def _output(data: Data, carry: bytes, now: datetime) -> Batch:
    bot, run, _ = data.stream.split("/")
    cut, carry = stream_lines.cut(
        carry, data.payload, limit=stream_lines.MAX_OUTPUT_LINE_BYTES, final=data.final, rewrites=True
    )
    return _batch(data, carry, now, lines=[_output_line(bot, run, data.time, line.text()) for line in cut])


def _output_line(bot: str, run: str, time: datetime, text: str) -> LogLine:
    level = log_levels.level_of(text)
    return LogLine(id=0, bot=bot, run=run, time=time, stream="out", level=level, text=text)


def _events(data: Data, carry: bytes, now: datetime) -> Batch:
    bot, run, _ = data.stream.split("/")
    offset = data.offset - stream_lines.carried_bytes(carry)
    cut, carry = stream_lines.cut(carry, data.payload, limit=names.MAX_LINE_BYTES, final=data.final, rewrites=False)
    events: list[Event] = []
    lines: list[LogLine] = []
    for line in cut:
        if line.head.strip():
            event = _event(line, run, offset, data.time)
            if event.event == names.LOG:
                lines.append(_log_line(bot, event))
            elif event.event != names.HEARTBEAT:
                events.append(event)
        offset += len(line.head) + line.dropped + 1
    return _batch(data, carry, now, events=events, lines=lines)


def _damaged(data: Data, carry: bytes, now: datetime, reason: str) -> Batch:
    """In place of all lines that end in this frame."""
    begun = data.offset - stream_lines.carried_bytes(carry)
    whole = (carry + data.payload)[: 4 * _KEPT_OF_DAMAGED]
    unfinished = b"" if data.final else data.payload.rpartition(b"\n")[2]
    _, carry = stream_lines.cut(b"", unfinished, limit=names.MAX_LINE_BYTES, final=False, rewrites=False)
    run = data.stream.split("/")[1]
    return _batch(data, carry, now, events=[_damage(whole, run, begun, data.time, reason)])


def _event(line: stream_lines.Line, run: str, offset: int, time: datetime) -> Event:
    """The event, always of the stream's own run; in place of an unreadable line one that keeps its beginning."""
    try:
        if line.dropped:
            raise ProtocolError(f"An event line is at most {names.MAX_LINE_BYTES} bytes.")
        event = names.parse_event(line.head)
    except ProtocolError as error:
        return _damage(line.head, run, offset, time, str(error))
    if event.run == run:
        return event
    return dataclasses.replace(event, run=run)


def _damage(line: bytes, run: str, offset: int, time: datetime, reason: str) -> Event:
    beginning = line[: 4 * _KEPT_OF_DAMAGED].decode("utf-8", "replace")[:_KEPT_OF_DAMAGED]
    fields = {"offset": offset, "line": beginning, "reason": names.whole(reason)[:_KEPT_OF_DAMAGED]}
    return Event(event=names.TELEMETRY_DAMAGED, time=time, run=run, seq=None, fields=fields)


def _log_line(bot: str, event: Event) -> LogLine:
    fields = event.fields
    parts = [fields.get("body"), fields.get("exception.stacktrace")]
    text = "\n".join(str(part).rstrip("\n") for part in parts if part not in (None, ""))
    level = log_levels.level_of_severity(fields.get("severity_number"), fields.get("severity_text"))
    return LogLine(id=0, bot=bot, run=event.run, time=event.time, stream="log", level=level, text=text)


def _batch(
    data: Data,
    carry: bytes,
    now: datetime,
    *,
    events: Sequence[Event] = (),
    lines: Sequence[LogLine] = (),
) -> Batch:
    bot, run, _ = data.stream.split("/")
    return Batch(
        stream=data.stream,
        bot=bot,
        run=run,
        offset=data.offset,
        after=Cursor(offset=data.offset + len(data.payload), carry=carry, over=data.final),
        events=events,
        lines=lines,
        received_at=now,
    )
