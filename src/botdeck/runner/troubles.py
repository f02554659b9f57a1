"""What is wrong on this host, in sentences: what is so, what it means for the bots, what to do."""

import errno
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from botdeck.runner.whole_file import Unwritten

log = logging.getLogger(__name__)

CLOCK_STEP_S = 5.0
ROOM_AGAIN = 1.05
"""Times the floor: a disk that hovers about it is not named and taken back every few seconds."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class _Trouble:
    sentence: str
    until: float | None


class Troubles:
    """All that is wrong now, each under a key; `changed` is called when the sentences are others."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._all: dict[str, _Trouble] = {}

    def sentences(self) -> list[str]:
        return [trouble.sentence for trouble in self._all.values()]

    def set(self, key: str, sentence: str | None, *, until: float | None = None) -> None:
        """None: it is over. With `until`, a time of the boot clock, it is over by itself then."""
        before = self._all.get(key)
        if sentence is None:
            self._take_back(key)
            return
        self._all[key] = _Trouble(sentence, until)
        if before is None or before.sentence != sentence:
            log.warning("Trouble: %s", sentence)
            self._changed()

    def expire(self, now: float) -> None:
        for key, trouble in list(self._all.items()):
            if trouble.until is not None and now >= trouble.until:
                self._take_back(key)

    def _take_back(self, key: str) -> None:
        if trouble := self._all.pop(key, None):
            log.info("This trouble is over: %s", trouble.sentence)
            self._changed()


class ClockWatch:
    """Notices that the wall clock was set. Nothing of the runner depends on it, but times that people read do."""

    def __init__(self) -> None:
        self._apart: float | None = None

    def look(self, *, wall: float, boot: float) -> str | None:
        """The sentence, when it was set since the last look; both in seconds, `wall` since 1970."""
        before, self._apart = self._apart, wall - boot
        if before is None or abs(self._apart - before) <= CLOCK_STEP_S:
            return None
        step_s = self._apart - before
        way = "forward" if step_s > 0 else "back"
        return (
            f"The clock of this host was set {way} by {_span(abs(step_s))}. Bots, their "
            "uptimes and restarts do not depend on it, but the times of lines and events written about then are not to "
            "be trusted. Let the host keep its time with NTP."
        )


def unwritten_in_words(unwritten: Iterable[Unwritten]) -> str | None:
    """Why files of the runner are behind, which, and what to do; None when all are written."""
    files = list(unwritten)
    if not files:
        return None
    first = files[0]
    which = f"{first.path}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    goes_on = "The bots go on, and what is missing is written as soon as it can be."
    if first.error.errno in _NO_ROOM:
        return f"The disk is full, so there was no room for {which}. {goes_on} Make room on the disk of that folder."
    if first.error.errno == errno.EROFS:
        return (
            f"The disk of {which} can only be read, so nothing new is kept there. {goes_on} Mount it so that it can be "
            "written; the kernel's log (dmesg) says if it was made read-only because of errors."
        )
    if first.error.errno in _NOT_ALLOWED:
        return f"The runner may not write {which}. {goes_on} Give its folder back to the user that the runner runs as."
    return f"The runner could not write {which}: {os.strerror(first.error.errno or 0)}. {goes_on}"


def floor_in_words(folder: Path, floor_mb: float) -> str:
    return (
        f"Less than {floor_mb:g} MB are free on the disk of {folder}. The bots go on, but what they print and no deck "
        "has taken is dropped, and counted, while it is so. Make room there, or set disk_floor_mb lower."
    )


UNWATCHABLE = (
    "The system gives the runner no more file watches (fs.inotify.max_user_watches, max_user_instances). The bots go "
    "on, and what they write arrives, some of it half a second late. Raise these limits with sysctl."
)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
