"""Files of /proc that are read again and again, kept open where that is allowed: it halves the cost or better, and what
was opened stays the file of that process, whoever gets its pid."""

import contextlib
import os
import resource

_SHARE = 4
"""Of the files that the runner may have open, one in so many."""


class ProcFiles:
    """How many may be kept open."""

    def __init__(self) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.left = 1 << 30 if soft == resource.RLIM_INFINITY else soft // _SHARE


class ProcFile:
    """Text of at most `most_bytes`."""

    __slots__ = ("_fd", "_files", "_most_bytes", "_path")

    def __init__(self, path: str, files: ProcFiles, most_bytes: int) -> None:
        self._path = path
        self._files = files
        self._most_bytes = most_bytes
        self._fd: int | None = None

    def read(self) -> bytes:
        """Nothing when the process is gone. Raises OSError when it cannot be read now."""
        try:
            if self._fd is not None:
                return os.pread(self._fd, self._most_bytes, 0)
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            return b""
        try:
            return os.pread(fd, self._most_bytes, 0)
        except ProcessLookupError:
            return b""
        finally:
            self._keep(fd)

    def _keep(self, fd: int) -> None:
        if self._files.left <= 0:
            os.close(fd)
            return
        self._files.left -= 1
        self._fd = fd

    def close(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None
            self._files.left += 1
