"""Regular expressions that cannot hold up the runner: one like `(\\w+ ?)+ready` takes for ever on some lines."""

import re
import signal
import threading
from collections.abc import Iterable
from types import FrameType

LIMIT_S = 0.05
"""Processor time for one call. Fair patterns take a microsecond a line."""


class TooSlow(Exception):
    """The search was given up."""


_searching = False


def found(pattern: re.Pattern[str], lines: Iterable[str]) -> bool:
    """Whether one of the lines has the pattern. Raises TooSlow; outside of the main thread there is no limit."""
    global _searching
    if threading.current_thread() is not threading.main_thread():
        return any(map(pattern.search, lines))
    if signal.getsignal(signal.SIGVTALRM) is not _give_up:
        signal.signal(signal.SIGVTALRM, _give_up)
    try:
        _searching = True
        # This timer counts only while the program itself computes; `re` looks for signals as it goes.
        signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
        return any(map(pattern.search, lines))
    finally:
        _searching = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _give_up(_number: int, _frame: FrameType | None) -> None:
    if _searching:
        raise TooSlow
