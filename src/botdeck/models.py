"""The words of Botdeck as frozen dataclasses.

These are the shapes that programs exchange: the deck serves them over REST and the live channel (the front end's types
are generated from them), and the runner sends them in frames. Times are aware datetimes in UTC; durations say their
unit in the name. The strings under the fields become the descriptions in the OpenAPI document.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal

__all__ = [
    "Action",
    "ActionResult",
    "Bot",
    "BotList",
    "BotStatus",
    "DashboardStats",
    "Event",
    "LogLine",
    "LogPage",
    "Operator",
    "Restart",
    "Role",
    "Run",
    "State",
    "Wanted",
]

# Pydantic reads this from a plain dataclass; without Pydantic it is only a dict.
_DESCRIBED: dict[str, Any] = {"use_attribute_docstrings": True, "json_schema_serialization_defaults_required": True}


class State(StrEnum):
    """What a bot is doing. See docs/concepts.md."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    EXITED = "exited"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Wanted(StrEnum):
    """What an operator asked for, kept apart from what is."""

    RUNNING = "running"
    STOPPED = "stopped"


class Action(StrEnum):
    """An operator's order."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    KILL = "kill"


class Restart(StrEnum):
    """When a bot that ended by itself is started again."""

    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class Role(StrEnum):
    """What an operator may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A registered program, as far as the deck needs to know it. Its command stays on its host."""

    __pydantic_config__: ClassVar = _DESCRIBED

    name: str
    restart: Restart = Restart.ALWAYS
    stop_timeout_s: float = 10.0
    description: str = ""
    """A sentence from the configuration, shown beside the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStatus:
    """What one bot is doing, at the time of the envelope or answer that carries it."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    state: State
    wanted: Wanted
    since: datetime
    """When the state began."""
    reason: str = ""
    """Why the state is what it is, in words; empty when there is nothing to add."""
    run: str | None = None
    """Id of the current run, or of the last one."""
    pid: int | None = None
    started_at: datetime | None = None
    """When the process started, by the kernel; null when no process lives."""
    uptime_s: float | None = None
    """Seconds since the kernel started the process; null when no process lives."""
    restarts: int = 0
    """Restarts after a crash since an operator last started the bot."""
    retry_in_s: float | None = None
    """Seconds until the next start, while the state is backoff."""
    runner: str = ""
    """Name of the runner that keeps this bot."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One life of a bot's process."""

    __pydantic_config__: ClassVar = _DESCRIBED

    id: str
    bot: str
    started_at: datetime
    pid: int | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    """The code it exited with; null while it runs, when a signal ended it, or when nobody saw the end."""
    signal: str | None = None
    """Name of the signal that ended it, such as SIGKILL."""
    reason: str = ""
    """Why it ended, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing a bot said about itself (schema v1). `fields` are the flat rest of the line."""

    event: str
    time: datetime
    run: str
    seq: int | None
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line a bot wrote."""

    __pydantic_config__: ClassVar = _DESCRIBED

    id: int
    """Grows by at least one from line to line of the whole deck; 0 until it is stored."""
    bot: str
    run: str
    time: datetime
    """For output, when the runner saw it; for a log event, the time the bot gave."""
    stream: Literal["out", "log"]
    """`out` is the process's output, `log` came through the logging handler."""
    level: Literal["debug", "info", "warning", "error", "critical"] | None
    """As stated by the bot or recognised in the line; null when the line shows none."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Log lines, oldest first."""

    __pydantic_config__: ClassVar = _DESCRIBED

    lines: list[LogLine]
    more: bool
    """True when older lines are kept before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardStats:
    """The figures of one bot's dashboard. docs/concepts.md says exactly what each counts."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    total_users: int
    """Distinct people the bot has ever heard from, as the deck saw them."""
    bot_uptime: float | None
    """Seconds since the kernel started the process; null when no process lives."""
    messages_today: int
    """Messages received from people in the current calendar day of the deck's time zone."""
    messages_sent_today: int
    """Messages the bot sent in the same day."""
    active_commands: int
    """Commands started and not finished, of a live run, younger than 15 minutes."""
    day: str
    """The calendar day that "today" means, such as 2026-11-22."""
    time_zone: str
    """The IANA zone of that day."""
    recent_logs: list[LogLine] | None
    """The last 50 lines, oldest first; null on the live channel, which sends lines as `log` messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotList:
    """All bots, in the order of the configuration."""

    __pydantic_config__: ClassVar = _DESCRIBED

    default_bot: str | None
    """The bot that the routes without a name act on; null when there is none."""
    bots: list[BotStatus]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult:
    """An order was accepted by the runner. What comes of it follows as status."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    action: Action
    status: BotStatus
    """The status just after the runner took the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person signed in."""

    __pydantic_config__: ClassVar = _DESCRIBED

    user_id: str
    name: str
    role: Role
