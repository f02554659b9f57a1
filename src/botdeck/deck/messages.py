"""What goes over the live channel between the deck and a browser: envelopes of `type`, `timestamp` and `data`.

The front end's types are generated from these. Every message of the deck carries (epoch, seq): `seq` grows by one from
message to message of a connection's topics, `epoch` changes when the deck starts anew.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from botdeck.models import BotList, BotStatus, DashboardStats, LogLine, Operator, RunnerStatus, Sample

_DESCRIBED: dict[str, Any] = {"use_attribute_docstrings": True, "json_schema_serialization_defaults_required": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a page needs to begin with. Sent on connection and after each `subscribe`."""

    __pydantic_config__: ClassVar = _DESCRIBED

    server_version: str
    time_zone: str
    stats_interval_s: float
    """Statistics come at least this often; when nothing came for three times as long, the connection is dead."""
    operator: Operator
    fleet: BotList
    stats: DashboardStats | None
    """Of the subscribed bot, `recent_logs` included; null when there is no such bot."""
    runners: list[RunnerStatus]
    """All that the deck knows, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBatch:
    """New lines of the subscribed bot, oldest first."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    lines: list[LogLine]
    dropped: int
    """Lines left out before these, since this client could not take them fast enough; they are stored all the same."""


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
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotMessage(_Message):
    data: Snapshot
    type: Literal["snapshot"] = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardStatsMessage(_Message):
    """Of the subscribed bot: when a figure changed, at most ten times a second, and regularly."""

    data: DashboardStats
    type: Literal["dashboard_stats"] = "dashboard_stats"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatusMessage(_Message):
    """Of any bot, at each change."""

    data: BotStatus
    type: Literal["bot_status"] = "bot_status"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotListMessage(_Message):
    """The list itself changed: a bot was added or removed, or its runner came or went."""

    data: BotList
    type: Literal["bot_list"] = "bot_list"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMessage(_Message):
    data: LogBatch
    type: Literal["log"] = "log"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesMessage(_Message):
    """Every few seconds."""

    data: SampleList
    type: Literal["samples"] = "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnersMessage(_Message):
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
