"""Something before and after a call, whether it is a function or a coroutine function."""

from __future__ import annotations

import functools
import inspect

from botdeck.integrations.frames import without_ours
from botdeck.sdk.client import guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _nothing(_begun: Any, _result: Any, _exc: BaseException | None) -> None:
    return None


def around(
    call: Callable[..., Any],
    *,
    before: Callable[..., Any],
    after: Callable[[Any, Any, BaseException | None], None] = _nothing,
) -> Callable[..., Any]:
    """`before` gets the arguments; `after` what `before` returned, the result and the exception. Their own faults stay
    theirs."""
    begin, end = guard(before), guard(after)

    async def until_done(begun: Any, coroutine: Any) -> Any:
        try:
            result = await coroutine
        except BaseException as exc:
            without_ours(exc)
            end(begun, None, exc)
            raise
        end(begun, result, None)
        return result

    @functools.wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        begun = begin(*args, **kwargs)
        try:
            result = call(*args, **kwargs)
        except BaseException as exc:
            without_ours(exc)
            end(begun, None, exc)
            raise
        if inspect.iscoroutine(result):  # of a coroutine function behind a decorator that is none
            return until_done(begun, result)
        end(begun, result, None)
        return result

    @functools.wraps(call)
    async def wrapped_coroutine(*args: Any, **kwargs: Any) -> Any:
        begun = begin(*args, **kwargs)
        try:  # not by `until_done`, whose caller's frame would stand in a traceback
            result = await call(*args, **kwargs)
        except BaseException as exc:
            without_ours(exc)
            end(begun, None, exc)
            raise
        end(begun, result, None)
        return result

    return wrapped_coroutine if inspect.iscoroutinefunction(call) else wrapped
