"""What a Data frame holds, as a batch for the storage: bytes of a stream become events, log lines and stretches of
output. Pure: what is unfinished is carried from one batch to the next."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from botdeck.errors import ProtocolError
from botdeck.models import Event, LogLine
from botdeck.protocol import events as names
from botdeck.protocol.frames import Data
from botdeck.storage import log_levels, stream_lines
from botdeck.storage.log_pieces import Output, Piece, line_of_output
from botdeck.storage.port import Batch, Cursor

_KEPT_OF_DAMAGED = 500


def of_output(data: Data, carry: bytes, now: datetime) -> Batch:
    pieces: list[Piece] = []
    if data.gap:
        # What the line went on with is gone.
        pieces, carry = _pieces(data, carry, b"", final=True)
    pieces += _note(data)
    ended, carry = _pieces(data, carry, data.payload, final=data.final)
    return _batch(data, carry, now, lines=pieces + ended)


def _pieces(data: Data, carry: bytes, payload: bytes, *, final: bool) -> tuple[list[Piece], bytes]:
    bot, run, _ = data.stream.split("/")
    ended, carry = stream_lines.output(carry, payload, final=final)
    pieces: list[Piece] = [
        Output(bot=bot, run=run, time=data.time, data=piece.data, count=piece.count)
        if isinstance(piece, stream_lines.Stretch)
        else line_of_output(bot, run, data.time, piece)
        for piece in ended
    ]
    return pieces, carry


def _note(data: Data) -> list[Piece]:
    """Botdeck's own word about this place, if there is one to say."""
    if not data.gap and not data.notice:
        return []
    bot, run, _ = data.stream.split("/")
    text = names.whole(data.notice) or f"Bytes dropped here: {data.gap:,}."
    return [LogLine(id=0, bot=bot, run=run, time=data.time, stream="note", level="warning", text=text)]


def of_events(data: Data, carry: bytes, now: datetime) -> Batch:
    torn, carry = _torn(data, carry)
    begun = data.offset + data.gap - stream_lines.carried_bytes(carry)
    cut, carry = stream_lines.cut(carry, data.payload, limit=names.MAX_LINE_BYTES, final=data.final, rewrites=False)
    events, logs = _parsed(data, cut, begun)
    return _batch(data, carry, now, events=torn + events, lines=_note(data) + logs)


def _torn(data: Data, carry: bytes) -> tuple[list[Event], bytes]:
    """The line whose end was dropped, if there is one, and what is carried over the gap."""
    if not data.gap:
        return [], carry
    begun = data.offset - stream_lines.carried_bytes(carry)
    cut, _ = stream_lines.cut(carry, b"", limit=names.MAX_LINE_BYTES, final=True, rewrites=False)
    run = data.stream.split("/")[1]
    reason = "The rest of the line was dropped."
    return [damage(line.head, run, begun, data.time, reason) for line in cut if line.head.strip()], b""


def _parsed(data: Data, cut: Sequence[stream_lines.Line], offset: int) -> tuple[list[Event], list[Piece]]:
    """The events of these lines, of which the first begins at `offset`, and the log lines among them."""
    bot, run, _ = data.stream.split("/")
    events: list[Event] = []
    logs: list[Piece] = []
    for line in cut:
        if line.head.strip():
            event = _event(line, run, offset, data.time)
            if event.event == names.LOG:
                logs.append(log_line(bot, event))
            elif event.event != names.HEARTBEAT:
                events.append(event)
        offset += len(line.head) + line.dropped + 1
    return events, logs


def of_damage(data: Data, carry: bytes, now: datetime, reason: str) -> Batch:
    """In place of all lines that end in this frame."""
    torn, carry = _torn(data, carry)
    begun = data.offset + data.gap - stream_lines.carried_bytes(carry)
    whole = (carry + data.payload)[: 4 * _KEPT_OF_DAMAGED]
    unfinished = b"" if data.final else data.payload.rpartition(b"\n")[2]
    _, carry = stream_lines.cut(b"", unfinished, limit=names.MAX_LINE_BYTES, final=False, rewrites=False)
    run = data.stream.split("/")[1]
    events = [*torn, damage(whole, run, begun, data.time, reason)]
    return _batch(data, carry, now, events=events, lines=_note(data))


def _event(line: stream_lines.Line, run: str, offset: int, time: datetime) -> Event:
    """The event, always of the stream's own run; in place of an unreadable line one that keeps its beginning."""
    try:
        if line.dropped:
            raise ProtocolError(f"An event line is at most {names.MAX_LINE_BYTES} bytes.")
        event = names.parse_event(line.head)
    except ProtocolError as error:
        return damage(line.head, run, offset, time, str(error))
    if event.run == run:
        return event
    return dataclasses.replace(event, run=run)


def damage(line: bytes, run: str, offset: int, time: datetime, reason: str) -> Event:
    beginning = line[: 4 * _KEPT_OF_DAMAGED].decode("utf-8", "replace")[:_KEPT_OF_DAMAGED]
    fields = {"offset": offset, "line": beginning, "reason": names.whole(reason)[:_KEPT_OF_DAMAGED]}
    return Event(event=names.TELEMETRY_DAMAGED, time=time, run=run, seq=None, fields=fields)


def log_line(bot: str, event: Event) -> LogLine:
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
    lines: Sequence[Piece] = (),
) -> Batch:
    bot, run, _ = data.stream.split("/")
    return Batch(
        stream=data.stream,
        bot=bot,
        run=run,
        offset=data.offset,
        after=Cursor(offset=end_of(data), carry=carry, over=data.final),
        events=events,
        lines=lines,
        dropped_bytes=data.gap,
        received_at=now,
    )


def joined(batches: Sequence[Batch]) -> Batch:
    """One batch that does what these do one after the other."""
    return dataclasses.replace(
        batches[0],
        after=batches[-1].after,
        events=[event for batch in batches for event in batch.events],
        lines=[piece for batch in batches for piece in batch.lines],
        dropped_bytes=sum(batch.dropped_bytes for batch in batches),
    )


def end_of(data: Data) -> int:
    return data.offset + data.gap + len(data.payload)
