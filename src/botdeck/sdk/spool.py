"""On the disk: the lines that a deck elsewhere has not taken yet, kept over restarts of the bot and bounded in size."""

from __future__ import annotations

import errno
import fcntl
import os
import time

BATCH_LINES = 1000
BATCH_BYTES = 1 << 20
"""What a deck takes at once. A file holds no more, so that one file is one batch; and it is of one run."""
MOST_BYTES = 64 << 20
"""Of all files for one deck, about 200,000 events. Beyond that the oldest file goes, and its lines count as dropped."""
_SUFFIX = ".ndjson"


class Kept:
    """A file that nobody writes to any more. It is locked until it is removed or let go of, so that of several
    processes only one sends it."""

    def __init__(self, path: str, fd: int, lines: list[bytes]) -> None:
        self.lines = lines
        self._path = path
        self._fd = fd

    def remove(self) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass  # a sibling made room
        finally:
            self.let_go()

    def let_go(self) -> None:
        os.close(self._fd)


class Spool:
    """For one thread at a time. The processes of a bot share the folder: each writes files of its own, which it locks
    while it does, and a file without a lock (of an earlier run, too) is anybody's to send."""

    def __init__(self, folder: str, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._fd = -1
        self._lines = self._bytes = 0

    def append(self, lines: list[bytes]) -> int:
        """Keeps all of the lines (at most a batch), or raises OSError and keeps none. Returns how many older ones had
        to go."""
        if not lines:
            return 0
        data = b"".join(lines)
        if not self._has_room(len(lines), len(data)):
            self._begin_a_file()
        if os.write(self._fd, data) != len(data):
            os.ftruncate(self._fd, self._bytes)
            raise OSError(errno.ENOSPC, "the disk is full")
        self._lines += len(lines)
        self._bytes += len(data)
        return self._make_room()

    def is_used(self) -> bool:
        return bool(self._names())

    def oldest(self) -> Kept | None:
        """What this process wrote so far is among them."""
        self.end_the_file()
        for name in self._names():
            if (kept := _locked(os.path.join(self._folder, name))) is not None:
                return kept
        return None

    def end_the_file(self) -> None:
        """In a forked child, this leaves the lock with the parent."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _has_room(self, lines: int, size: int) -> bool:
        if self._fd < 0 or self._lines + lines > BATCH_LINES or self._bytes + size > BATCH_BYTES:
            return False
        return os.fstat(self._fd).st_nlink > 0  # else somebody has cleared the folder

    def _begin_a_file(self) -> None:
        self.end_the_file()
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        name = f"{time.time_ns():020}-{os.getpid()}-{os.urandom(4).hex()}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._fd = os.open(os.path.join(self._folder, name), flags, 0o600)
        self._lines = self._bytes = 0
        _lock(self._fd)

    def _names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._folder) if name.endswith(_SUFFIX))
        except OSError:  # nothing was ever kept
            return []

    def _make_room(self) -> int:
        paths = [os.path.join(self._folder, name) for name in self._names()]
        sizes = [_size(path) for path in paths]
        excess, dropped = sum(sizes) - self._most_bytes, 0
        for path, size in zip(paths, sizes):  # noqa: B905  Python 3.9
            if excess <= 0:
                break
            if (kept := _locked(path)) is not None:
                kept.remove()
                dropped += len(kept.lines)
                excess -= size
        return dropped


def _locked(path: str) -> Kept | None:
    """None for a file that somebody writes or sends, or has sent in the meantime."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _lock(fd) and os.fstat(fd).st_nlink:
            with open(fd, "rb", closefd=False) as file:
                return Kept(path, fd, [line for line in file if line.endswith(b"\n")])
    except OSError:  # a damaged disk
        pass
    os.close(fd)
    return None


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: what is sent twice counts once
        return True
    return True


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
