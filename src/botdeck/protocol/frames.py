"""Frames between a runner and a deck, over one WebSocket that the runner dials (`/api/runner/link`).

    runner                                        deck
    Hello            ───────────────────────────►
                     ◄───────────────────────────  Welcome (what to resume from)
    Fleet            ───────────────────────────►  every bot the runner keeps, in order, with its status
    RunReport        ───────────────────────────►  for each run directory it still has
                     ◄───────────────────────────  RunStored
    Data             ───────────────────────────►  (stream, offset, bytes)
                     ◄───────────────────────────  Ack (stream, offset committed)
    StatusReport     ───────────────────────────►  at each change
    Samples          ───────────────────────────►  every few seconds
    Troubles         ───────────────────────────►  at the beginning, and at each change
                     ◄───────────────────────────  Order (id, bot, action, operator)
    OrderResult      ───────────────────────────►

Text frames are JSON objects with a `type`; a binary frame is always Data: one JSON line of head, then the bytes.
The deck owns the offsets: it applies Data only when the offset equals its cursor, in the transaction that moves the
cursor, and answers any other with the cursor, from which the runner goes on. docs/protocol.md tells the same in prose.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botdeck.errors import ProtocolError
from botdeck.models import Action, Bot, BotStatus, HostLoad, Run, Sample
from botdeck.protocol.codec import from_json, parse_time, to_json

__all__ = [
    "MAX_DATA_BYTES",
    "MAX_FRAME_BYTES",
    "PROTOCOL_VERSION",
    "Ack",
    "Data",
    "Fleet",
    "Frame",
    "Hello",
    "Member",
    "Order",
    "OrderResult",
    "RunReport",
    "RunStored",
    "Samples",
    "StatusReport",
    "Troubles",
    "Welcome",
    "decode",
    "decode_data",
    "encode",
    "encode_data",
    "stream_name",
]

PROTOCOL_VERSION = 2
MAX_DATA_BYTES = 1 << 18
"""Payload of one Data frame. A quarter of a mebibyte keeps the deck's transactions short and costs no throughput."""
MAX_FRAME_BYTES = 1 << 20
"""Either side closes the connection on a larger frame."""


def stream_name(bot: str, run: str, kind: str) -> str:
    """`BOT/RUN/out` (output, any bytes) or `BOT/RUN/events` (whole lines of JSON)."""
    return f"{bot}/{run}/{kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Runner: first frame. `now` lets the deck see how far the two clocks are apart; `instance` tells one runner from
    another that says the same name, and stays the same when it is started anew."""

    version: int
    runner: str
    host: str
    now: datetime
    botdeck_version: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """Deck: the committed offset of every stream that is not over; a stream not named starts at 0."""

    version: int
    cursors: dict[str, int]
    botdeck_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One bot of a fleet and what it is doing."""

    bot: Bot
    status: BotStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Runner: all its bots, in the order of its configuration; bots it does not name are no longer its own."""

    members: list[Member]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Runner: what one bot does now."""

    status: BotStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Runner: what its living bots use, and how busy the host is. Only the last one counts."""

    samples: list[Sample]
    load: HostLoad


@dataclass(frozen=True, slots=True, kw_only=True)
class Troubles:
    """Runner: all that is wrong on its host now, a sentence each; an empty list says that nothing is."""

    sentences: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Runner: a run began or ended. Sent again after each reconnection until the end is stored: an upsert by id."""

    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStored:
    """Deck: the report is committed; `ended` says whether it held the end."""

    run: str
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Deck: an operator's action. `operator` is a name for the record, such as `ann` or `cli:root`."""

    id: int
    bot: str
    action: Action
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResult:
    """Runner: the order was taken (`error` is null) or refused, in words. It does not say that it is done; what came
    of it so far was reported before."""

    id: int
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Deck: committed up to `offset`. The runner may give the space back and goes on from there. `final` says that a
    final frame was applied, now or before: the stream is over for the deck too, its unfinished last line included."""

    stream: str
    offset: int
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Runner: bytes of a stream from `offset`. `time` is when the runner saw them appear; `final` says that the run is
    over and that these bytes reach the end of the file, so that an unfinished last line counts as a line.

    `gap` bytes from `offset` on were dropped and will never come; the payload begins after them, and the cursor is then
    at offset + gap + len(payload). `notice` says why, or what else happened here, and is shown among the lines."""

    stream: str
    offset: int
    time: datetime
    final: bool = False
    gap: int = 0
    notice: str = ""
    payload: bytes = field(default=b"", repr=False)


Frame = Hello | Welcome | Fleet | StatusReport | Samples | Troubles | RunReport | RunStored | Order | OrderResult | Ack

_KINDS: dict[str, type[Any]] = {
    "hello": Hello,
    "welcome": Welcome,
    "fleet": Fleet,
    "status": StatusReport,
    "samples": Samples,
    "troubles": Troubles,
    "run": RunReport,
    "run_stored": RunStored,
    "order": Order,
    "order_result": OrderResult,
    "ack": Ack,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


_HEAD: dict[str, type] = {"stream": str, "offset": int, "final": bool, "gap": int, "notice": str}
"""Of Data; its time is text."""


def encode(frame: Frame) -> str:
    return json.dumps({"type": _NAMES[type(frame)], **to_json(frame)}, separators=(",", ":"))


def decode(text: str) -> Frame:
    """Raises ProtocolError, in words that can be shown, on anything that is not a frame."""
    value = _object(text)
    kind = _KINDS.get(str(value.get("type")))
    if kind is None:
        raise ProtocolError(f"There is no frame of type {value.get('type')!r}. Known: {', '.join(_KINDS)}.")
    frame: Frame = from_json(kind, value)
    return frame


def encode_data(data: Data) -> bytes:
    head: dict[str, Any] = {
        "stream": data.stream,
        "offset": data.offset,
        "time": to_json(data.time),
        "final": data.final,
    }
    if data.gap or data.notice:
        head |= {"gap": data.gap, "notice": data.notice}
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + data.payload


def decode_data(frame: bytes) -> Data:
    """Raises ProtocolError on anything that is not a Data frame."""
    head, newline, payload = frame.partition(b"\n")
    if not newline:
        raise ProtocolError("A binary frame should begin with one line of JSON.")
    data = _data(_object(head), payload)
    if data.offset < 0 or data.gap < 0 or data.stream.count("/") != 2:
        raise ProtocolError(f"Data of stream {data.stream!r} at offset {data.offset} cannot be.")
    return data


def _data(head: dict[str, Any], payload: bytes) -> Data:
    """What from_json makes of it, several times as fast: these are most of what a deck is sent."""
    known = {name: head[name] for name in _HEAD if name in head}
    try:
        if all(type(value) is _HEAD[name] for name, value in known.items()):
            return Data(time=parse_time(head["time"]), payload=payload, **known)
    except (KeyError, TypeError, ValueError):
        pass
    # It says what is wrong.
    return from_json(Data, {**head, "payload": payload})


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"A frame should be JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ProtocolError(f"A frame should be a JSON object, not {value!r:.80}.")
    return value
