"""Where lines go. A writer has one method: `write(line)` raises OSError when the line did not arrive whole."""

from __future__ import annotations

import errno
import os

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class FileWriter:
    """Appends to a file that other processes may append to as well.

    One `write` a line: when it returns, the line outlives a SIGKILL of the bot, and with O_APPEND the kernel keeps the
    lines of several processes apart. The newline before it ends what a short write (a full disk) of anybody may have
    left unfinished; readers skip the empty lines.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._fd = -1
        self._file = (0, 0)

    def write(self, line: bytes) -> None:
        data = b"\n" + line + b"\n"
        if os.write(self._descriptor(), data) != len(data):
            raise OSError(errno.ENOSPC, "only a part of the line was written")

    def _descriptor(self) -> int:
        # A bot that turns itself into a daemon closes all descriptors, and the number may then belong to a file of its
        # own. So we look each time; fstat costs a tenth of the write.
        if self._fd >= 0 and self._is_ours():
            return self._fd
        self._fd = -1
        fd = _above_stderr(os.open(self._path, _FLAGS, 0o600))
        seen = os.fstat(fd)
        self._fd, self._file = fd, (seen.st_dev, seen.st_ino)
        return fd

    def _is_ours(self) -> bool:
        try:
            seen = os.fstat(self._fd)
        except OSError:
            return False
        return (seen.st_dev, seen.st_ino) == self._file


def _above_stderr(fd: int) -> int:
    """In a bot that closed its standard streams, `print` must not end up among the events."""
    if fd > 2:
        return fd
    import fcntl

    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(fd)
