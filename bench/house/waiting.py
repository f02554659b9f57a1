"""Waiting for things, never for time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class TooLate(Exception):
    """What was waited for did not come."""


def wait_for(what: Callable[[], T], reason: str, timeout_s: float = 30.0, *, every_s: float = 0.01) -> T:
    """The first true answer. Raises TooLate."""
    deadline = time.monotonic() + timeout_s
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise TooLate(f"waited {timeout_s:g} s for {reason}; the last answer was {answer!r}")
        time.sleep(every_s)
    return answer
