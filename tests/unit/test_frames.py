"""Tracebacks without the frames of adapters."""

import traceback
from types import CodeType
from typing import Any

from botdeck.integrations import frames

OURS = compile("def pass_on(work):\n    return work()\n", frames.__file__, "exec")
"""A function that stands where adapters are."""


def functions_of(code: CodeType) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def fail() -> None:
    try:
        functions_of(OURS)["pass_on"](inner)
    except LookupError as exc:
        raise ValueError("outer") from exc


def inner() -> None:
    raise LookupError("inner")


def named(exc: BaseException) -> list[str]:
    return [frame.name for frame in traceback.extract_tb(exc.__traceback__)]


def test_frames_of_ours_go_wherever_in_the_chain_they_are_and_all_others_stay() -> None:
    try:
        functions_of(OURS)["pass_on"](lambda: functions_of(OURS)["pass_on"](fail))
    except ValueError as exc:
        caught = exc
    assert caught.__cause__ is not None
    assert named(caught).count("pass_on") == 2
    assert named(caught.__cause__).count("pass_on") == 1

    frames.without_ours(caught)

    here = "test_frames_of_ours_go_wherever_in_the_chain_they_are_and_all_others_stay"
    assert named(caught) == [here, "<lambda>", "fail"]
    assert named(caught.__cause__) == ["fail", "inner"]


def test_an_exception_that_was_never_raised_and_a_chain_that_is_a_circle_are_left() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__context__ = second, first

    frames.without_ours(first)

    assert first.__traceback__ is None
