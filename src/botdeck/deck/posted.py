"""What a bot that runs elsewhere posts, as events: lines of JSON, or an array of the same objects. Pure."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from botdeck.deck.batches import damage
from botdeck.errors import BadBatch, ProtocolError
from botdeck.models import Event
from botdeck.protocol import events as names

MOST_EVENTS = 1000
UNKNOWN_RUN = "unknown"
"""Of a line that cannot be read, when no other line of the request can be either."""
_LONGEST_RUN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One line."""

    event: Event
    """A telemetry.damaged in place of a line that cannot be read."""
    line: bytes
    at: int
    """Its place in the request, from 0."""

    @property
    def damaged(self) -> bool:
        return self.event.event == names.TELEMETRY_DAMAGED and self.event.seq is None


def read(body: bytes, now: datetime) -> list[Posted]:
    """Raises BadBatch when it is too much, or an array that is none."""
    lines = _items(body) if body.lstrip()[:1] == b"[" else [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > MOST_EVENTS:
        raise BadBatch(f"A request has at most {MOST_EVENTS:,} events; this one has {len(lines):,}. Post fewer.")
    return _with_runs([Posted(event=_event(line, at, now), line=line, at=at) for at, line in enumerate(lines)])


def spoilt(posted: Posted, now: datetime, reason: str) -> Posted:
    """The same line, which turned out not to be storable; it keeps its number."""
    event = damage(posted.line, posted.event.run, posted.at, now, reason)
    return dataclasses.replace(posted, event=dataclasses.replace(event, seq=posted.event.seq))


def stream_of(bot: str, event: Event) -> str:
    """Lines are told apart by their number within this: processes that share a run say their `process.pid`."""
    pid = event.fields.get("process.pid")
    stream = f"{bot}/{quote(event.run, safe='')}/http"
    return f"{stream}/{pid}" if isinstance(pid, int) and pid.bit_length() < 64 else stream


def _items(body: bytes) -> list[bytes]:
    try:
        items = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise BadBatch(f"The array of events cannot be read, and nothing of it is kept: {error}.") from None
    return [json.dumps(item).encode() for item in items]


def _event(line: bytes, at: int, now: datetime) -> Event:
    try:
        event = names.parse_event(line)
        if not 0 < len(event.run) <= _LONGEST_RUN or not event.run.isprintable():
            raise ProtocolError(f"In an event line, run should be 1 to {_LONGEST_RUN} printable characters.")
    except ProtocolError as error:
        return damage(line, "", at, now, str(error))
    return event


def _with_runs(lines: Sequence[Posted]) -> list[Posted]:
    """A line that cannot be read is of the run of the line before it, or else of the first one after it."""
    run = next((one.event.run for one in lines if one.event.run), UNKNOWN_RUN)
    known = []
    for one in lines:
        run = one.event.run or run
        known.append(dataclasses.replace(one, event=dataclasses.replace(one.event, run=run)))
    return known
