"""Numbers that only the bot knows (servers, members, a queue's length), asked for about once a minute."""

from __future__ import annotations

import time

from botdeck.sdk.client import emit, report_own_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    F = TypeVar("F", bound=Callable[[], Mapping[str, object]])

SAMPLE_S = 60.0
"""Between samples: a beat every 15 s is for the runner, while these are kept by the deck."""


class Samplers:
    """The functions of this process that have numbers, and when they are due."""

    def __init__(self) -> None:
        self._functions: dict[Callable[[], Mapping[str, object]], bool] = {}
        """Whether each failed when it was asked last."""
        self._due = 0.0

    def add(self, function: Callable[[], Mapping[str, object]]) -> None:
        self._functions.setdefault(function, False)

    def at_a_beat(self) -> None:
        """Ask all of them if it is time to, and tell what they said in one event."""
        now = time.monotonic()
        if not self._functions or now < self._due:
            return
        self._due = now + SAMPLE_S
        numbers: dict[str, object] = {}
        for function in list(self._functions):
            numbers.update(self._ask(function))
        if numbers:
            emit("sample", **numbers)

    def _ask(self, function: Callable[[], Mapping[str, object]]) -> dict[str, object]:
        """A function that fails is asked again, but its fault is told once, until it works again."""
        try:
            numbers = {str(name): value for name, value in function().items()}
        except Exception as exc:
            if not self._functions[function]:
                report_own_error(getattr(function, "__qualname__", "sampler"), exc)
            self._functions[function] = True
            return {}
        self._functions[function] = False
        return numbers


of_this_process = Samplers()


def sampler(function: F) -> F:
    """Use as `@botdeck.sampler` on a function that returns a dict of numbers. It is called where the bot beats (see
    `heartbeat`), about once a minute, so it should not take long; its numbers become the fields of a `sample` event."""
    try:
        of_this_process.add(function)
    except Exception as exc:  # nothing that can be remembered
        report_own_error("sampler", exc)
    return function
