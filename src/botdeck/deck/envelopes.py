"""Messages of the live channel as text. The costly part is encoded once for all browsers; what differs from one to
the next (seq, and how many lines it missed) is put behind it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from botdeck.deck.messages import RunnerList, SampleList, Snapshot
from botdeck.models import BotList, BotStatus, DashboardStats, LogLine, RunnerStatus
from botdeck.protocol.codec import rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One message, all but finished."""

    kind: str
    topic: str
    """The bot it is about, or the runner; "" when it is about all."""
    head: str
    lines: Sequence[LogLine] = ()
    """Of a `log` message."""
    dropped: int | None = None
    """Lines that nobody gets; None for what is no `log` message."""

    def text(self, seq: int, more_dropped: int = 0) -> str:
        if self.dropped is None:
            return f'{self.head},"seq":{seq}}}'
        return f'{self.head}{self.dropped + more_dropped}}},"seq":{seq}}}'


class Envelopes:
    """Makes them for one life of the deck."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch

    def stats(self, stats: DashboardStats, at: datetime) -> Envelope:
        return self._envelope("dashboard_stats", stats.bot, _json(DashboardStats, stats), at)

    def status(self, status: BotStatus, at: datetime) -> Envelope:
        return self._envelope("bot_status", status.bot, _json(BotStatus, status), at)

    def bot_list(self, bots: BotList, at: datetime) -> Envelope:
        return self._envelope("bot_list", "", _json(BotList, bots), at)

    def samples(self, samples: SampleList, at: datetime) -> Envelope:
        return self._envelope("samples", samples.runner, _json(SampleList, samples), at)

    def runners(self, runners: list[RunnerStatus], at: datetime) -> Envelope:
        return self._envelope("runners", "", _json(RunnerList, RunnerList(runners=runners)), at)

    def snapshot(self, snapshot: Snapshot, at: datetime) -> Envelope:
        return self._envelope("snapshot", "", _json(Snapshot, snapshot), at)

    def heartbeat(self, at: datetime) -> Envelope:
        return self._envelope("heartbeat", "", "{}", at)

    def log(self, bot: str, lines: Sequence[LogLine], at: datetime, dropped: int = 0) -> Envelope:
        data = f'{{"bot":{json.dumps(bot)},"lines":{_json(list[LogLine], lines)},"dropped":'
        head = self._envelope("log", bot, data, at).head
        return Envelope(kind="log", topic=bot, head=head, lines=lines, dropped=dropped)

    def _envelope(self, kind: str, topic: str, data: str, at: datetime) -> Envelope:
        head = f'{{"type":"{kind}","timestamp":"{rfc3339(at)}","epoch":"{self._epoch}","data":{data}'
        return Envelope(kind=kind, topic=topic, head=head)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _json(kind: Any, value: Any) -> str:
    return _adapter(kind).dump_json(value).decode()
