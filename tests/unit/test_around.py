"""What adapters put around the calls of libraries."""

import inspect
from typing import Any

import pytest

from botdeck.integrations.around import around

Seen = list[tuple[Any, Any, Any]]


def watched(call: Any) -> tuple[Any, Seen]:
    seen: Seen = []

    def after(begun: Any, result: Any, exc: Any) -> None:
        seen.append((begun, result, exc))

    return around(call, before=lambda *args: args, after=after), seen


def double(number: int) -> int:
    return number * 2


async def double_later(number: int) -> int:
    return number * 2


def double_behind_a_decorator(number: int) -> Any:
    return double_later(number)


def test_a_function_stays_a_function() -> None:
    call, seen = watched(double)

    assert call(2) == 4
    assert seen == [((2,), 4, None)]
    assert call.__name__ == "double"


@pytest.mark.parametrize("function", [double_later, double_behind_a_decorator])
async def test_the_end_of_a_coroutine_is_when_it_is_done(function: Any) -> None:
    call, seen = watched(function)

    coroutine = call(2)

    assert not seen
    assert await coroutine == 4
    assert seen == [((2,), 4, None)]
    assert inspect.iscoroutinefunction(call) is inspect.iscoroutinefunction(function)


async def test_what_is_raised_goes_on_without_our_frames() -> None:
    async def fail(_number: int) -> None:
        raise LookupError("no such thing")

    call, seen = watched(fail)

    with pytest.raises(LookupError) as caught:
        await call(2)

    assert seen == [((2,), None, caught.value)]
    assert [entry.name for entry in caught.traceback] == [
        "test_what_is_raised_goes_on_without_our_frames",
        "fail",
    ]


def test_faults_of_the_observers_stay_theirs() -> None:
    def fault(*_args: Any) -> None:
        raise RuntimeError

    assert around(double, before=fault, after=fault)(2) == 4
