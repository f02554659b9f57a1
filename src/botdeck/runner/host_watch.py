"""Looks regularly for what is wrong on the host, and names it until it is over. The bots go on all the while."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from botdeck.models import HostLoad
from botdeck.runner.journal import Damage
from botdeck.runner.limits import limit_in_words
from botdeck.runner.troubles import (
    ROOM_AGAIN,
    UNWATCHABLE,
    ClockWatch,
    Troubles,
    floor_in_words,
    unwritten_in_words,
)
from botdeck.runner.whole_file import Unwritten
from botdeck.settings import MB

CLOCK_NAMED_S = 3600.0
"""For how long it is said that the clock was set, and that the journal was gone."""
LIMIT_NAMED_S = 120.0
"""After it was last met; a start that failed is tried again within this time."""
WATCHES_NAMED_S = 60.0


class HostWatch:
    """Times are of the boot clock, unless they are said to be of the wall clock."""

    def __init__(self, troubles: Troubles, *, data_dir: Path, state: Path) -> None:
        self._troubles = troubles
        self._data_dir = data_dir
        self._state = state
        self._clock = ClockWatch()
        self._aside: Path | None = None

    def journal_damaged(self, damage: Damage, now: float) -> None:
        """Named until the damaged one, which was put aside, is deleted."""
        self._aside = damage.aside
        until = None if damage.aside else now + CLOCK_NAMED_S
        self._troubles.set("journal", damage.sentence, until=until)

    def short_of(self, error: int | None, now: float) -> None:
        """An attempt at something ended with this error number."""
        if sentence := limit_in_words(error):
            self._troubles.set(f"limit {error}", sentence, until=now + LIMIT_NAMED_S)

    def look(self, *, unwritten: Iterable[Unwritten], unwatchable: bool, wall: float, now: float) -> None:
        files = list(unwritten) or _read_only(self._state)
        self._troubles.set("unwritten", unwritten_in_words(files))
        for file in files:
            self.short_of(file.error.errno, now)
        if unwatchable:
            self._troubles.set("watches", UNWATCHABLE, until=now + WATCHES_NAMED_S)
        if sentence := self._clock.look(wall=wall, boot=now):
            self._troubles.set("clock", sentence, until=now + CLOCK_NAMED_S)
        if self._aside is not None and not self._aside.exists():
            self._aside = None
            self._troubles.set("journal", None)
        self._troubles.expire(now)

    def look_at_load(self, load: HostLoad, floor_mb: float) -> None:
        if load.disk_free_bytes < floor_mb * MB:
            self._troubles.set("floor", floor_in_words(self._data_dir, floor_mb))
        elif load.disk_free_bytes > floor_mb * MB * ROOM_AGAIN:
            self._troubles.set("floor", None)


def _read_only(folder: Path) -> list[Unwritten]:
    """A folder in which nothing can be written is told of before something has to be."""
    if os.access(folder, os.W_OK):
        return []
    read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    return [Unwritten(folder, OSError(errno.EROFS if read_only else errno.EACCES, "it cannot be written"))]
