"""Dataclasses to JSON values and back, by their annotations. Standard library only, for both programs use it."""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, TypeVar, Union

from botdeck.errors import ProtocolError

T = TypeVar("T")
_PLAIN = frozenset({str, int, float, bool, type(None)})
"""Most values, seen to first."""


def to_json(value: Any) -> Any:
    """A value that `json.dumps` takes. Datetimes become RFC 3339 in UTC with microseconds."""
    if type(value) in _PLAIN:
        return value
    if names := _field_names(value.__class__):
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


@functools.cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Of a dataclass; none of anything else."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def from_json(kind: type[T], value: Any, where: str = "") -> T:
    """The inverse of `to_json`: fields a dataclass does not know are ignored, so that a newer peer is understood.

    Raises ProtocolError, naming the field, when a value does not fit its annotation.
    """
    return typing.cast(T, _convert(kind, value, where or getattr(kind, "__name__", str(kind))))


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Raises ValueError unless `text` is RFC 3339 with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_optional(args, value, where)
    if origin is Literal:
        return _expect(value in args, value, where, " or ".join(map(repr, args)))
    if origin is list:
        _expect(isinstance(value, list), value, where, "a list")
        return [_convert(args[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is dict:
        _expect(isinstance(value, dict), value, where, "an object")
        return {key: _convert(args[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return _convert_dataclass(kind, value, where)
    if kind is datetime:
        return _attempt(parse_time, value, where, "an RFC 3339 time with a zone")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _attempt(kind, value, where, "one of " + ", ".join(str(member.value) for member in kind))
    if kind is float:
        _expect(isinstance(value, int | float) and not isinstance(value, bool), value, where, "a number")
        return float(value)
    wrong_bool = isinstance(value, bool) and kind is not bool
    return _expect(isinstance(value, kind) and not wrong_bool, value, where, f"{kind.__name__}")


def _convert_optional(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    (kind,) = (k for k in kinds if k is not type(None))
    return _convert(kind, value, where)


def _convert_dataclass(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), value, where, "an object")
    hints = _hints(kind)
    known = {f.name: f for f in dataclasses.fields(kind)}
    given = {name: _convert(hints[name], value[name], f"{where}.{name}") for name in known if name in value}
    try:
        return kind(**given)
    except TypeError:
        missing = [
            name
            for name, field in known.items()
            if name not in given
            and field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
        ]
        raise ProtocolError(f"{where} lacks {', '.join(missing)}.") from None


def _attempt(convert: Callable[[Any], Any], value: Any, where: str, expected: str) -> Any:
    try:
        return convert(value)
    except (ValueError, TypeError):
        return _expect(False, value, where, expected)


def _expect(fits: bool, value: Any, where: str, expected: str) -> Any:
    if not fits:
        raise ProtocolError(f"{where} should be {expected}, not {value!r:.80}.")
    return value
