"""Lines that strangers could have the deck write without end: one of each kind a minute, and then how many more."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PERIOD_S = 60.0
_LONGEST_TEXT = 200
_log = logging.getLogger(__name__)
_Kind = tuple[str | int, ...]


@dataclass(slots=True)
class _Kept:
    """One kind in its present minute."""

    since_s: float
    first: logging.LogRecord
    more: int = 0


class OnceAMinute(logging.Filter):
    """Of several loggers together. A kind is the place in the code that writes the line, and with a traceback also the
    place that raised: so there are never many, whatever the text is made of."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kept: dict[_Kind, _Kept] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kept = self._kept.setdefault(_kind(record), _Kept(self._clock(), record))
        if kept.first is record:
            return True
        kept.more += 1
        return False

    def tell(self, *, all_of_it: bool = False) -> None:
        """To be called now and then: says what was left out in the minutes that are over, and begins new ones."""
        now = self._clock()
        for kind, kept in list(self._kept.items()):
            age_s = now - kept.since_s
            if age_s < PERIOD_S and not all_of_it:
                continue
            del self._kept[kind]
            if kept.more:
                _log.log(kept.first.levelno, "%d more in %.0f s: %s", kept.more, age_s, _first_line(kept.first))

    @contextlib.contextmanager
    def over(self, *loggers: str) -> Iterator[None]:
        for name in loggers:
            logging.getLogger(name).addFilter(self)
        try:
            yield
        finally:
            for name in loggers:
                logging.getLogger(name).removeFilter(self)
            self.tell(all_of_it=True)


def _kind(record: logging.LogRecord) -> _Kind:
    trace = record.exc_info[2] if record.exc_info else None
    while trace and trace.tb_next:
        trace = trace.tb_next
    raised_at = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ()
    return (record.pathname, record.lineno, *raised_at)


def _first_line(record: logging.LogRecord) -> str:
    return record.getMessage().partition("\n")[0][:_LONGEST_TEXT]
