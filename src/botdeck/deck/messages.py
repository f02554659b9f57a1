"""What goes over the live channel between the deck and a browser: envelopes of `type`, `timestamp` and `data`.

The front end's types are generated from these. Every update carries (epoch, topic, seq): `seq` grows by one from update
to update of its topic, for all browsers alike; `epoch` changes when the deck starts anew. The other messages (snapshot,
resumed, gap, heartbeat, goaway) are between the deck and one browser.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from botdeck.models import BotList, BotStatus, DashboardStats, LogLine, Operator, RunnerStatus, Sample

_DESCRIBED: dict[str, Any] = {"use_attribute_docstrings": True, "json_schema_serialization_defaults_required": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a page needs to begin with. Sent on connection, unless that resumes, and after each `subscribe`."""

    __pydantic_config__: ClassVar = _DESCRIBED

    server_version: str
    time_zone: str
    stats_interval_s: float
    """Statistics come at least this often."""
    heartbeat_s: float
    """Something comes at least this often; when nothing came for three times as long, the connection is dead."""
    operator: Operator
    fleet: BotList
    stats: DashboardStats | None
    """Of the subscribed bot, `recent_logs` included; null when there is no such bot."""
    runners: list[RunnerStatus]
    """All that the deck knows, by name."""
    positions: dict[str, int]
    """By topic: the seq up to which this snapshot has everything. Of lines it may have a few more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The deck knows the positions that the page came back with: what it missed follows."""

    __pydantic_config__: ClassVar = _DESCRIBED

    operator: Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Of the updates of a topic up to `to`, only those are sent that follow now. What is left out was superseded by
    what follows, or, in a topic of lines, is `dropped` lines that were too many to keep for a page; they are stored."""

    __pydantic_config__: ClassVar = _DESCRIBED

    topic: str
    to: int
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAway:
    """The connection is about to be closed. Come back `after_s` seconds from now plus a part, by chance, of
    `spread_s`, so that not all come at once."""

    __pydantic_config__: ClassVar = _DESCRIBED

    reason: str
    after_s: float
    spread_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """New lines of the subscribed bot, oldest first."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    lines: list[LogLine]
    dropped: int
    """Lines left out before these for all, since they were more than anybody can read; they are stored all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleList:
    """What the living bots of one runner use; those of its bots that are not named have no process."""

    __pydantic_config__: ClassVar = _DESCRIBED

    runner: str
    samples: list[Sample]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerList:
    __pydantic_config__: ClassVar = _DESCRIBED

    runners: list[RunnerStatus]
    """All that the deck knows, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    __pydantic_config__: ClassVar = _DESCRIBED

    timestamp: datetime
    epoch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update(_Message):
    topic: str
    """`overview`, `bot/NAME` or `log/NAME`."""
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotMessage(_Message):
    data: Snapshot
    type: Literal["snapshot"] = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumedMessage(_Message):
    data: Resumed
    type: Literal["resumed"] = "resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GapMessage(_Message):
    data: Gap
    type: Literal["gap"] = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoAwayMessage(_Message):
    data: GoAway
    type: Literal["goaway"] = "goaway"


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardStatsMessage(_Update):
    """Of the subscribed bot: when a figure changed, at most ten times a second, and regularly."""

    data: DashboardStats
    type: Literal["dashboard_stats"] = "dashboard_stats"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatusMessage(_Update):
    """Of any bot, when it changed; of changes within a few milliseconds the last one."""

    data: BotStatus
    type: Literal["bot_status"] = "bot_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotListMessage(_Update):
    """The list itself changed: a bot was added or removed, or its runner came or went."""

    data: BotList
    type: Literal["bot_list"] = "bot_list"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMessage(_Update):
    data: LogBatch
    type: Literal["log"] = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesMessage(_Update):
    """Every few seconds."""

    data: SampleList
    type: Literal["samples"] = "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnersMessage(_Update):
    """A runner came or went, its host's load is another, or something is wrong there."""

    data: RunnerList
    type: Literal["runners"] = "runners"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatMessage(_Message):
    """Nothing new, but the deck lives."""

    data: dict[str, Any] = field(default_factory=dict)
    type: Literal["heartbeat"] = "heartbeat"


ServerMessage = (
    SnapshotMessage
    | ResumedMessage
    | GapMessage
    | GoAwayMessage
    | DashboardStatsMessage
    | BotStatusMessage
    | BotListMessage
    | LogMessage
    | SamplesMessage
    | RunnersMessage
    | HeartbeatMessage
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """A browser asks for the figures and lines of one bot (null: the default bot). It replaces what it had before."""

    bot: str | None = None
    type: Literal["subscribe"] = "subscribe"


ClientMessage = Subscribe


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """What a page that comes back says in its address (`?resume=`, as JSON): how far it has got."""

    epoch: str
    positions: dict[str, int]
    """By topic: the seq of the last update it had."""
