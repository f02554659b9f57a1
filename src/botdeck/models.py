"""The words of Botdeck as frozen dataclasses.

These are the shapes that programs exchange: the deck serves them over REST and the live channel (the front end's types
are generated from them), and the runner sends them in frames. Times are aware datetimes in UTC; durations say their
unit in the name. The strings under the fields become the descriptions in the OpenAPI document.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal

__all__ = [
    "Action",
    "ActionResult",
    "Bot",
    "BotList",
    "BotStatus",
    "BotToken",
    "Cause",
    "DashboardStats",
    "Event",
    "HostLoad",
    "Ingestion",
    "Invitation",
    "Joined",
    "LastCommand",
    "LogLine",
    "LogPage",
    "MemoryPoint",
    "NewBotToken",
    "Operator",
    "PostMortem",
    "Restart",
    "Role",
    "Run",
    "RunnerStatus",
    "Sample",
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


class Cause(StrEnum):
    """What kind of end a run had; `Run.reason` says it in words."""

    EXIT = "exit"
    """The process ended by itself; `exit_code` says how."""
    SIGNAL = "signal"
    """A signal that Botdeck did not send."""
    OOM = "oom"
    """The kernel killed it because memory was short."""
    OPERATOR = "operator"
    """Somebody's stop, restart or kill; `operator` says whose."""
    SCHEDULE = "schedule"
    """Its `restart_at`."""
    UNHEALTHY = "unhealthy"
    """It was alive but deaf, or not ready in time."""
    MEMORY = "memory"
    """It grew above its `memory_max_mb`."""
    CONFIGURATION = "configuration"
    """It was taken out of botdeck.toml, or its definition there changed."""
    RUNNER = "runner"
    """Its runner was told to end and to take its bots with it."""
    CANNOT_START = "cannot_start"
    """No process came to be."""
    HOST = "host"
    """The host went down with it."""
    UNSEEN = "unseen"
    """Nobody saw how it ended."""


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
class Sample:
    """What one bot uses of its host, it and everything it started taken together."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    run: str
    cpu_percent: float
    """Of one core, since the sample before; a bot with four busy threads may use 400."""
    memory_bytes: int
    """Resident; pages that its processes share count for each of them."""
    threads: int
    open_files: int
    """Of the main process."""
    children: int
    """Processes beside the main one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLoad:
    """How busy a runner's host is."""

    __pydantic_config__: ClassVar = _DESCRIBED

    cpus: int
    cpu_percent: float | None
    """Of all cores together, since the sample before; null in the first."""
    load_1m: float
    memory_total_bytes: int
    memory_available_bytes: int
    disk_total_bytes: int
    """Of the file system that holds the runner's data."""
    disk_free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerStatus:
    """One runner and its host."""

    __pydantic_config__: ClassVar = _DESCRIBED

    name: str
    host: str
    connected: bool
    since: datetime
    """When the link came or went."""
    version: str
    """Of the Botdeck that it runs."""
    bots: int
    load: HostLoad | None = None
    """As last told; null before the first time."""
    troubles: list[str] = field(default_factory=list)
    """What is wrong on its host, a sentence each: a full disk, a folder it may not write."""
    joined: bool = False
    """It joined with a one-time token, and its access can be taken away; the deck's own runner cannot."""


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
    crash_loop: bool = False
    """It crashed again and again within minutes, and is tried slowly until a run lasts."""
    crashes_total: int = 0
    """Ends of runs that nobody asked for, ever."""
    operator_restarts: int = 0
    """Restarts that an operator asked for, ever."""
    starts_24h: int = 0
    """Starts of any kind in the last 24 hours, for platforms that punish those who connect too often."""
    start_budget: int | None = None
    """How many of them are allowed before it is left failed; null when there is no limit."""
    next_restart_at: datetime | None = None
    """When its `restart_at` comes next; null without one."""
    sample: Sample | None = None
    """What it uses, at most a few seconds old; null when no process lives."""
    retry_in_s: float | None = None
    """Seconds until the next start, while the state is backoff."""
    runner: str = ""
    """Name of the runner that keeps this bot; empty for one that runs elsewhere, has no runner and reports by HTTP."""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCommand:
    """A chat user's command that was given shortly before the end of a run."""

    __pydantic_config__: ClassVar = _DESCRIBED

    name: str
    user: str | None
    started_at: datetime
    duration_ms: float | None
    """Null when it had not finished."""
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPoint:
    __pydantic_config__: ClassVar = _DESCRIBED

    at_s: float
    """Seconds after the process started."""
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PostMortem:
    """What a run left for those who ask why it ended, frozen at its end."""

    __pydantic_config__: ClassVar = _DESCRIBED

    last_output: list[str] = field(default_factory=list)
    """The last 200 lines it printed, oldest first, each cut to 1,000 characters."""
    last_log: list[str] = field(default_factory=list)
    """The last 200 lines that came through the logging handler."""
    last_commands: list[LastCommand] = field(default_factory=list)
    """The last 20, oldest first."""
    memory: list[MemoryPoint] = field(default_factory=list)
    """Over the whole run, at most some hundred points."""


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
    cause: Cause | None = None
    """Null while it runs."""
    operator: str = ""
    """Who asked for the end, if somebody did."""
    stop_timed_out: bool = False
    """It did not end within its `stop_timeout_s`, and was killed."""
    cpu_s: float | None = None
    """Processor seconds it used, its reaped children included; null when nobody saw the end."""
    peak_memory_bytes: int | None = None
    """Largest resident size of one of its processes, by the kernel."""
    post_mortem: PostMortem | None = None
    """Only in the answer for a single run, once that is over."""


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
    stream: Literal["out", "log", "note"]
    """`out` is the process's output, `log` came through the logging handler, `note` is Botdeck's own word at this
    place: that something was dropped or lost here."""
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
    dropped_bytes: int
    """Output and events that were never stored, ever: above the bot's limits, or for lack of disk."""
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
class NewBotToken:
    """The token with which a bot that runs elsewhere reports. It is shown this once."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotToken:
    """That a bot which runs elsewhere may report, or might once; never the token itself."""

    __pydantic_config__: ClassVar = _DESCRIBED

    bot: str
    made_at: datetime
    made_by: str
    revoked_at: datetime | None = None
    revoked_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingestion:
    """All lines of the request are stored: now, or since an earlier one that brought the same."""

    __pydantic_config__: ClassVar = _DESCRIBED

    acked_through: int
    """The highest `seq` of the request's lines; 0 when none has one."""
    duplicates: int
    """Lines that were stored before, told by their run, `process.pid` if they have one, and `seq`."""
    damaged: int = 0
    """Lines that could not be read, and are kept as `telemetry.damaged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person signed in."""

    __pydantic_config__: ClassVar = _DESCRIBED

    user_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Lets one runner of another host in, once."""

    __pydantic_config__: ClassVar = _DESCRIBED

    token: str
    """For `botdeck runner join`. Shown this once: the deck keeps only its hash."""
    name: str | None
    """What the runner has to be called; null when that is its own choice."""
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What a runner gets for its invitation."""

    __pydantic_config__: ClassVar = _DESCRIBED

    runner: str
    """What it is called from now on."""
    token: str
    """Its own, for the link. Told this once: the deck keeps only its hash."""
