"""An event as one line of JSON: whatever the bot passes, short enough for the deck, and never a reason to raise."""

from __future__ import annotations

import json
import time

SCHEMA_VERSION = 1
MAX_LINE_BYTES = 1 << 16
ENVELOPE = frozenset({"v", "event", "time", "run", "seq"})

_MAX_BODY_BYTES = MAX_LINE_BYTES - 4096
"""What is left beside the envelope, whose two texts are cut to 200 characters."""
_MAX_TRACE = 8000
_TRUNCATED = "telemetry.truncated"


def line(event: str, body: str, *, run: str, seq: int, time_ns: int) -> bytes:
    """The envelope around a body from `body_of`; no newline."""
    head = f'{{"v":{SCHEMA_VERSION},"event":{_dumps(event[:200])},"time":"{_rfc3339(time_ns)}"'
    tail = f',"run":{_dumps(run[:200])},"seq":{seq}{"," if body else ""}{body}}}'
    return (head + tail).encode("utf-8", "replace")


def body_of(attrs: dict[str, object]) -> str:
    """The attributes without the braces around them. What JSON cannot hold becomes its repr, what is too long is cut
    and `telemetry.truncated` says so, and a name of the envelope gets the prefix `attr.`."""
    if not ENVELOPE.isdisjoint(attrs):
        attrs = {f"attr.{name}" if name in ENVELOPE else name: value for name, value in attrs.items()}
    try:
        text = _dumps(attrs)
    except Exception:  # NaN, a circle, keys that are no strings, a repr that raises ...
        attrs = {name: _plain(value) for name, value in attrs.items()}
        text = _dumps(attrs)
    if len(text) * 4 > _MAX_BODY_BYTES and _size(text) > _MAX_BODY_BYTES:
        text = _shortened(attrs)
    return text[1:-1]


def exception_fields(exc: BaseException) -> dict[str, object]:
    """OpenTelemetry's names for an exception."""
    import traceback

    kind = type(exc)
    try:
        trace = "".join(traceback.format_exception(kind, exc, exc.__traceback__))
    except Exception:
        trace = ""
    return {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}".replace("builtins.", "", 1),
        "exception.message": _text(exc, str)[:1000],
        "exception.stacktrace": trace[-_MAX_TRACE:],
    }


def _rfc3339(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1000:06d}Z"


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _text(value: object, how: object) -> str:
    try:
        return how(value)  # type: ignore[operator,no-any-return]
    except Exception:
        return f"<unprintable {type(value).__name__}>"


def _repr(value: object) -> str:
    return _text(value, repr)


# Made once: `json.dumps` with options makes one at each call, which costs more than the encoding.
_dumps = json.JSONEncoder(default=_repr, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def _plain(value: object) -> object:
    try:
        _dumps(value)
    except Exception:
        return _repr(value)
    return value


def _shortened(attrs: dict[str, object]) -> str:
    for limit in (8192, 1024, 128):
        short = {name: _cut(value, limit) for name, value in attrs.items()}
        short[_TRUNCATED] = True
        text = _dumps(short)
        if _size(text) <= _MAX_BODY_BYTES:
            return text
    return _dumps(_first_that_fit(short))


def _cut(value: object, limit: int) -> object:
    if value is None or isinstance(value, (bool, float)):
        return value
    text = value if isinstance(value, str) else _dumps(value)
    return value if len(text) <= limit else text[:limit] + "…"


def _first_that_fit(attrs: dict[str, object]) -> dict[str, object]:
    """Of very many attributes, those that were given first."""
    kept: dict[str, object] = {_TRUNCATED: True}
    room = _MAX_BODY_BYTES - 64
    for name, value in attrs.items():
        room -= _size(_dumps({name: value}))
        if room < 0:
            break
        kept[name] = value
    return kept
