"""Small files that are replaced as a whole, and may have to wait for room on the disk."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


class WholeFile:
    """A file that always shows the whole of `text()` or of what it was before, and never half of each.

    A bot is kept, stopped and killed on a full disk, too: what cannot be written now is written later.
    """

    def __init__(self, path: Path, text: Callable[[], str]) -> None:
        self._path = path
        self._text = text
        self._behind = False
        """The last attempt failed."""

    def write(self, *, flush: bool = False) -> None:
        """With `flush` it also survives a power cut. Raises nothing: `write_again` is for what goes wrong."""
        try:
            self.write_now(flush=flush or self._behind)
        except OSError as error:
            if not self._behind:
                log.error("%s cannot be written, and will be later: %s", self._path, error.strerror)
            self._behind = True
            return
        if self._behind:
            log.info("%s was written again.", self._path)
        self._behind = False

    def write_again(self) -> None:
        """What could not be written, if anything."""
        if self._behind:
            self.write()

    def write_now(self, *, flush: bool = False) -> None:
        """Raises OSError."""
        temporary = self._path.with_name(self._path.name + ".tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(self._text())
            file.flush()
            if flush:
                os.fsync(file.fileno())
        temporary.replace(self._path)
