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
    annotation: Any = kind
    try:
        return typing.cast(T, _converter(annotation)(value))
    except _Misfit as misfit:
        raise ProtocolError(f"{where or getattr(kind, '__name__', kind)}{misfit.path} {misfit.sentence}.") from None


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Raises ValueError unless `text` is RFC 3339 with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


# Converters are made once for each annotation: a deck and its runners convert thousands of values a second.

_Convert = Callable[[Any], Any]


class _Misfit(Exception):
    """A value does not fit; `path` grows from the inside out, such as `.members[2].bot`."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        self.path = ""

    def inside(self, step: str) -> "_Misfit":
        self.path = step + self.path
        return self


def _not(expected: str, value: Any) -> _Misfit:
    return _Misfit(f"should be {expected}, not {value!r:.80}")


@functools.cache
def _converter(kind: Any) -> _Convert:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin in (Union, types.UnionType):
        return _optional_converter(args)
    if origin is Literal:
        return _checked(lambda value: value in args, " or ".join(map(repr, args)))
    if origin is list:
        return _list_converter(_converter(args[0]))
    if origin is dict:
        return _dict_converter(_converter(args[1]))
    if dataclasses.is_dataclass(kind):
        return _dataclass_converter(kind)
    if kind is datetime:
        return _attempted(parse_time, "an RFC 3339 time with a zone")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _attempted(kind, "one of " + ", ".join(str(member.value) for member in kind))
    if kind is float:
        return _float
    if kind is bool:
        return _checked(lambda value: isinstance(value, bool), "bool")
    return _checked(lambda value: isinstance(value, kind) and not isinstance(value, bool), kind.__name__)


def _checked(fits: Callable[[Any], bool], expected: str) -> _Convert:
    def convert(value: Any) -> Any:
        if fits(value):
            return value
        raise _not(expected, value)

    return convert


def _attempted(attempt: _Convert, expected: str) -> _Convert:
    def convert(value: Any) -> Any:
        try:
            return attempt(value)
        except (ValueError, TypeError):
            raise _not(expected, value) from None

    return convert


def _float(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise _not("a number", value)


def _optional_converter(kinds: tuple[Any, ...]) -> _Convert:
    (kind,) = (k for k in kinds if k is not type(None))
    inner = _converter(kind)
    if type(None) not in kinds:
        return inner
    return lambda value: None if value is None else inner(value)


def _list_converter(inner: _Convert) -> _Convert:
    def convert(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise _not("a list", value)
        items: list[Any] = []
        try:
            items.extend(map(inner, value))  # as far as it gets
        except _Misfit as misfit:
            raise misfit.inside(f"[{len(items)}]") from None
        return items

    return convert


def _dict_converter(inner: _Convert) -> _Convert:
    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _not("an object", value)
        return {key: _inside(f".{key}", inner, item) for key, item in value.items()}

    return convert


def _inside(step: str, inner: _Convert, value: Any) -> Any:
    try:
        return inner(value)
    except _Misfit as misfit:
        raise misfit.inside(step) from None


def _dataclass_converter(kind: Any) -> _Convert:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    converters = [(field.name, _converter(hints[field.name])) for field in fields]
    needed = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]

    def convert(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _not("an object", value)
        given, name = {}, ""
        try:
            for name, converter in converters:
                if name in value:
                    given[name] = converter(value[name])
        except _Misfit as misfit:
            raise misfit.inside(f".{name}") from None
        try:
            return kind(**given)
        except TypeError:
            missing = ", ".join(name for name in needed if name not in given)
            raise _Misfit(f"lacks {missing}") from None

    return convert
