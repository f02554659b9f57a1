"""What a batch of events adds to the counts: the same for every adapter, and no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botdeck.models import Event
from botdeck.protocol import events as names

BUCKET_S = 900
"""A quarter of an hour: every time zone's midnight is the edge of a bucket."""
_BUCKET_US = BUCKET_S * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_NAME = 200
_KEY_SEPARATOR = "\x1f"


@dataclass(slots=True)
class Message:
    """A message from a person, to be counted unless `key` was counted before."""

    bucket: int
    key: str | None
    user: str | None


@dataclass(slots=True)
class CommandCount:
    n: int = 0
    duration_ms_sum: float = 0.0
    duration_ms_max: float = 0.0


@dataclass(slots=True)
class Opened:
    """A command that began and did not end within the batch."""

    name: str | None
    user: str | None
    started: int


@dataclass(slots=True)
class Seen:
    """A person as far as this batch shows them."""

    first: int
    last: int
    name: str | None = None


@dataclass(slots=True)
class Tally:
    received: list[Message] = field(default_factory=list)
    sent: dict[int, int] = field(default_factory=dict)
    commands: dict[tuple[int, str, str], CommandCount] = field(default_factory=dict)
    """By (bucket, command, outcome)."""
    closed: set[str] = field(default_factory=set)
    """Ids of commands that ended. Close these before opening those in `opened`."""
    opened: dict[str, Opened] = field(default_factory=dict)
    people: dict[str, Seen] = field(default_factory=dict)


def micros(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def bucket_of(moment_us: int) -> int:
    return moment_us // _BUCKET_US


def tally(events: Sequence[Event], times: Sequence[int]) -> Tally:
    """`times` are the events' times in microseconds."""
    total = Tally()
    for event, time in zip(events, times, strict=True):
        fields = event.fields
        user = None if fields.get("user.bot") is True else identity(fields.get("user.id"))
        if user is not None:
            _meet(total.people, user, fields.get("user.name"), time)
        match event.event:
            case names.MESSAGE_RECEIVED if fields.get("user.bot") is not True:
                total.received.append(Message(bucket_of(time), _message_key(fields), user))
            case names.MESSAGE_SENT:
                bucket = bucket_of(time)
                total.sent[bucket] = total.sent.get(bucket, 0) + 1
            case names.COMMAND_STARTED:
                _open(total, fields, user, time)
            case names.COMMAND_FINISHED:
                _close(total, fields, time)
    return total


def identity(value: Any) -> str | None:
    """An id as text; None for what cannot be one."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def _meet(people: dict[str, Seen], user: str, name: Any, time: int) -> None:
    name = name[:_MAX_NAME] if isinstance(name, str) and name else None
    seen = people.get(user)
    if seen is None:
        people[user] = Seen(time, time, name)
        return
    if name is not None and (time >= seen.last or seen.name is None):
        seen.name = name
    seen.first = min(seen.first, time)
    seen.last = max(seen.last, time)


def _message_key(fields: dict[str, Any]) -> str | None:
    message = identity(fields.get("chat.message.id"))
    if message is None:
        return None
    platform = identity(fields.get("chat.platform")) or ""
    channel = identity(fields.get("chat.channel.id")) or ""
    return _KEY_SEPARATOR.join((platform, channel, message))


def _open(total: Tally, fields: dict[str, Any], user: str | None, time: int) -> None:
    # Without an id it could never be closed.
    command = identity(fields.get("id"))
    if command is not None:
        total.opened[command] = Opened(_name(fields), user, time)


def _close(total: Tally, fields: dict[str, Any], time: int) -> None:
    command = identity(fields.get("id"))
    if command is not None:
        total.opened.pop(command, None)
        total.closed.add(command)
    outcome = fields.get("outcome")
    outcome = outcome[:_MAX_NAME] if isinstance(outcome, str) else ""
    count = total.commands.setdefault((bucket_of(time), _name(fields) or "", outcome), CommandCount())
    duration_ms = _duration_ms(fields.get("duration_ms"))
    count.n += 1
    count.duration_ms_sum += duration_ms
    count.duration_ms_max = max(count.duration_ms_max, duration_ms)


def _name(fields: dict[str, Any]) -> str | None:
    name = fields.get("command.name")
    return name[:_MAX_NAME] if isinstance(name, str) else None


def _duration_ms(value: Any) -> float:
    """0 for what is no duration: a bot may write NaN, 1e999, or a word."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    # 1e12 ms are 31 years; larger ones would drown the sum.
    return float(value) if 0 <= value <= 1e12 else 0.0
