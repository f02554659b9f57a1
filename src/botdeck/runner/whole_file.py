"""Small files that are replaced as a whole, and may have to wait for room on the disk."""

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unwritten:
    """A file that shows what was before, and why."""

    path: Path
    error: OSError


class WholeFile:
    """A file that always shows the whole of `text()` or of what it was before, and never half of each.

    A bot is kept, stopped and killed on a full disk, too: what cannot be written now is written later.
    """

    def __init__(self, path: Path, text: Callable[[], str], *, previous: Path | None = None) -> None:
        self._path = path
        self._text = text
        self._previous = previous
        """Where the version before is kept, should somebody damage the newest."""
        self._good: tuple[int, ...] | None = None
        """By what the file is known again that was written, or read, and is good."""
        self._behind: OSError | None = None
        """Why the last attempt failed."""

    def trust(self) -> None:
        """What is there now is worth keeping as the version before."""
        self._good = _mark(self._path)

    def write(self, *, flush: bool = False) -> None:
        """With `flush` it also survives a power cut. Raises nothing: `write_again` is for what goes wrong."""
        try:
            self.write_now(flush=flush or self._behind is not None)
        except OSError as error:
            if self._behind is None:
                log.error("%s cannot be written, and will be later: %s", self._path, error.strerror)
            self._behind = error
            return
        if self._behind is not None:
            log.info("%s was written again.", self._path)
        self._behind = None

    def write_again(self) -> Unwritten | None:
        """What could not be written, if anything. Returns what still cannot be."""
        if self._behind is not None:
            self.write()
        return None if self._behind is None else Unwritten(self._path, self._behind)

    def write_now(self, *, flush: bool = False) -> None:
        """Raises OSError."""
        temporary = self._path.with_name(self._path.name + ".tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(self._text())
            file.flush()
            if flush:
                os.fsync(file.fileno())
        if self._previous is not None:
            self._keep_previous(self._previous)
        temporary.replace(self._path)
        if self._previous is not None:
            self.trust()

    def _keep_previous(self, previous: Path) -> None:
        """A second name for what is about to be replaced, unless somebody changed that: then the one before stays."""
        if self._good is None or _mark(self._path) != self._good:
            return
        with contextlib.suppress(OSError):  # a file system without links: then there is none
            previous.unlink(missing_ok=True)
            previous.hardlink_to(self._path)


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
