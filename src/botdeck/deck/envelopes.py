"""Messages of the live channel as finished WebSocket frames: what is the same for all pages is encoded once, and the
same bytes go to every one of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from websockets.frames import Frame, Opcode

from botdeck.deck.clock import Clock
from botdeck.deck.messages import Gap, GoAway, Snapshot
from botdeck.models import LogLine, Operator
from botdeck.protocol.codec import rfc3339

PING = Frame(Opcode.PING, b"deck").serialize(mask=False, extensions=())


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSnapshot:
    """A snapshot for everyone who comes at about the same time."""

    head: bytes
    all_but_operator: bytes
    """Its data as JSON."""
    positions: dict[str, int]


class Envelopes:
    """Makes them for one life of the deck. Each answer is a whole frame."""

    def __init__(self, epoch: str, clock: Clock) -> None:
        self.epoch = epoch
        self._clock = clock

    def update(self, kind: str, topic: str, seq: int, data: bytes) -> bytes:
        # The name of a bot is in it, and a runner may send any.
        name = json.dumps(topic).encode()
        return text_frame(b'%b"topic":%b,"seq":%d,"data":%b}' % (self._head(kind), name, seq, data))

    def snapshot(self, shared: SharedSnapshot, operator: Operator) -> bytes:
        return text_frame(
            b'%b"data":{"operator":%b,%b}' % (shared.head, encoded(Operator, operator), shared.all_but_operator[1:])
        )

    def share(self, snapshot: Snapshot) -> SharedSnapshot:
        return SharedSnapshot(
            head=self._head("snapshot"),
            all_but_operator=_adapter(Snapshot).dump_json(snapshot, exclude={"operator"}),
            positions=snapshot.positions,
        )

    def resumed(self, operator: Operator) -> bytes:
        return self._message("resumed", b'{"operator":%b}' % encoded(Operator, operator))

    def gap(self, gap: Gap) -> bytes:
        return self._message("gap", encoded(Gap, gap))

    def go_away(self, go_away: GoAway) -> bytes:
        return self._message("goaway", encoded(GoAway, go_away))

    def heartbeat(self) -> bytes:
        return self._message("heartbeat", b"{}")

    def _message(self, kind: str, data: bytes) -> bytes:
        return text_frame(b'%b"data":%b}' % (self._head(kind), data))

    def _head(self, kind: str) -> bytes:
        return f'{{"type":"{kind}","timestamp":"{rfc3339(self._clock.now())}","epoch":"{self.epoch}",'.encode()


def text_frame(payload: bytes) -> bytes:
    return Frame(Opcode.TEXT, payload).serialize(mask=False, extensions=())


def log_data(bot: str, lines: Sequence[LogLine], dropped: int) -> bytes:
    return b'{"bot":%b,"lines":%b,"dropped":%d}' % (json.dumps(bot).encode(), encoded(list[LogLine], lines), dropped)


def encoded(kind: Any, value: Any) -> bytes:
    """As JSON. `kind` is the value's type, such as `BotStatus` or `list[LogLine]`."""
    return _adapter(kind).dump_json(value)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
