"""Where lines go. A writer has a method `write(line)`, which raises OSError when the line did not arrive whole."""

from __future__ import annotations

import errno
import os
from fcntl import F_DUPFD_CLOEXEC, F_GETFL, fcntl

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
_OUT_OF_THE_WAY = 1000
"""A number that a bot's own files hardly reach: Linux allows a process 1,024 unless it asks for more."""


class FileWriter:
    """Appends to a file that other processes may append to as well.

    One `write` a line: when it returns, the line outlives a SIGKILL of the bot, and with O_APPEND the kernel keeps the
    lines of several processes apart. The newline before it ends what a short write (a full disk) of anybody may have
    left unfinished; readers skip the empty lines.

    A bot that turns itself into a daemon closes all descriptors, and what it opens next gets their numbers, from the
    lowest up. Ours is so high that no file of the bot has it before the next write finds it closed. Where such a number
    is not allowed, we look each time whether there still is a file that is appended to and never waited for, which
    costs a quarter of the write.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._fd = -1
        self._in_the_way = False
        self._mode = 0

    def write(self, line: bytes) -> None:
        if self._in_the_way:
            self._look()
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            written = os.write(self._open(), line)
        if written != len(line):
            raise OSError(errno.ENOSPC, "only a part of the line was written")

    def _open(self) -> int:
        self._fd, self._in_the_way = -1, False
        opened = os.open(self._path, _FLAGS, 0o600)
        try:
            self._fd, self._in_the_way = _moved(opened)
        finally:
            os.close(opened)
        self._mode = fcntl(self._fd, F_GETFL)
        return self._fd

    def _look(self) -> None:
        try:
            ours = fcntl(self._fd, F_GETFL) == self._mode
        except OSError:
            ours = False
        if not ours:
            self._fd, self._in_the_way = -1, False


def _moved(fd: int) -> tuple[int, bool]:
    """A copy with a high number; or else one above the standard streams, where `print` writes, which is in the way."""
    try:
        return fcntl(fd, F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY), False
    except OSError:  # beyond the limit of open files
        return fcntl(fd, F_DUPFD_CLOEXEC, 3), True
