"""An event as one line of JSON: whatever the bot passes, short enough for the deck, and never a reason to raise."""

from __future__ import annotations

import json
import time
from json import encoder as _encoder

from botdeck.sdk import fast_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA_VERSION = 1
MAX_LINE_BYTES = 1 << 16
ENVELOPE = frozenset({"v", "event", "time", "run", "seq"})

_MAX_BODY_BYTES = MAX_LINE_BYTES - 4096
"""What is left beside the envelope, whose two texts are cut to 200 characters."""
_MAX_MESSAGE = 1000
_MAX_TRACE = 8000
_TRUNCATED = "telemetry.truncated"

_PLAIN = frozenset({str, int, bool, type(None)})
"""What every encoder of JSON writes alike."""
_PLAIN_OR_FLOAT = _PLAIN | {float}


def line(event: str, body: bytes, run: str, seq: int, time_ns: int) -> bytes:
    """The envelope around a body from `body_of`, with the newline that ends it and one before it (see FileWriter)."""
    seconds, rest_ns = divmod(time_ns, 1_000_000_000)
    second = _second[1] if _second[0] == seconds else _write_out(seconds)
    known = _heads.get(event)
    head = known[1] if known is not None and known[0] is run else _head_of(event, run)
    micros = "%06d" % (rest_ns // 1000)  # noqa: UP031  twice as fast as a format in the f-string
    comma = "," if len(body) > 2 else ""
    return f'{head}{seq},"time":"{second}.{micros}Z"{comma}'.encode() + body


def body_of(attrs: dict[str, object]) -> bytes:
    """The attributes, the brace after them, and a newline. What JSON cannot hold becomes its repr, what is too long is
    cut and `telemetry.truncated` says so, and a name of the envelope gets the prefix `attr.`."""
    if not ENVELOPE.isdisjoint(attrs):
        attrs = {f"attr.{name}" if name in ENVELOPE else name: value for name, value in attrs.items()}
    if _PLAIN.issuperset(map(type, attrs.values())):
        try:
            data = _flat(attrs)
        except Exception:  # half a character, a number beyond 64 bits, names that are no strings
            data = _encoded(attrs)
    else:
        data = _with_floats(attrs) if _PLAIN_OR_FLOAT.issuperset(map(type, attrs.values())) else _encoded(attrs)
    if len(data) > _MAX_BODY_BYTES:
        data = _shortened({name: _plain(value) for name, value in attrs.items()})
    return data[1:]


def exception_fields(exc: BaseException) -> dict[str, object]:
    """OpenTelemetry's names for an exception, and no secrets in what it says."""
    import traceback

    kind = type(exc)
    try:
        trace = "".join(traceback.format_exception(kind, exc, exc.__traceback__))
    except Exception:
        trace = ""
    return {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}".replace("builtins.", "", 1),
        "exception.message": _without_secrets(_text(exc, str)[: 2 * _MAX_MESSAGE])[:_MAX_MESSAGE],
        "exception.stacktrace": _without_secrets(trace[-2 * _MAX_TRACE :])[-_MAX_TRACE:],
    }


def _without_secrets(text: str) -> str:
    from botdeck.sdk.redaction import redacted

    try:
        return redacted(text)
    except Exception:  # at the end of the stack, say
        return ""


_second = (0, "1970-01-01T00:00:00")
"""The last second that was written out: that costs as much as the rest of a line, and busy bots have many in one."""
_heads: dict[str, tuple[str, str]] = {}
"""By event: the run, and the beginning of such a line up to `seq`."""


def _write_out(seconds: int) -> str:
    global _second
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    _second = seconds, text
    return text


def _head_of(event: str, run: str) -> str:
    head = f'\n{{"v":{SCHEMA_VERSION},"event":{_quote(str(event))},"run":{_quote(run)},"seq":'
    if len(_heads) < 1000:  # a bot that makes its names up has no end of them
        _heads[event] = run, head
    return head


def _quote(text: str) -> str:
    return _dumps(text[:200].encode("utf-8", "replace").decode())


def _text(value: object, how: object) -> str:
    try:
        return how(value)  # type: ignore[operator,no-any-return]
    except Exception:
        return f"<unprintable {type(value).__name__}>"


def _repr(value: object) -> str:
    return _text(value, repr)


_dumps = json.JSONEncoder(default=_repr, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def _flat_encoder() -> Callable[[dict[str, object]], bytes]:
    """What `_dumps` makes at each call, made once: that saves half of its time. Only for values that hold no others,
    since it is told to keep no table of what it is inside of, which threads would share."""
    make = getattr(_encoder, "c_make_encoder", None)
    if make is None:  # PyPy
        return _encoded
    encode = make(None, _repr, _encoder.encode_basestring, None, ":", ",", False, False, False)
    join = "".join
    return lambda attrs: (join(encode(attrs, 0)) + "\n").encode()


def _with_floats(attrs: dict[str, object]) -> bytes:
    """Some write null for a float that is no number, and Python's raises."""
    try:
        data = _flat(attrs)
    except Exception:
        return _encoded(attrs)
    return _encoded(attrs) if b"null" in data else data


def _encoded(attrs: dict[str, object]) -> bytes:
    try:
        text = _dumps(attrs)
    except Exception:  # NaN, a circle, keys that are no strings, a repr that raises ...
        text = _dumps({name: _plain(value) for name, value in attrs.items()})
    return (text + "\n").encode("utf-8", "replace")


_flat = fast_json.find() or _flat_encoder()


def _plain(value: object) -> object:
    try:
        _dumps(value)
    except Exception:
        return _repr(value)
    return value


def _shortened(attrs: dict[str, object]) -> bytes:
    for limit in (8192, 1024, 128):
        short = {name: _cut(value, limit) for name, value in attrs.items()}
        short[_TRUNCATED] = True
        data = _encoded(short)
        if len(data) <= _MAX_BODY_BYTES:
            return data
    return _encoded(_first_that_fit(short))


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
        room -= len(_encoded({name: value}))
        if room < 0:
            break
        kept[name] = value
    return kept
