"""Holes in files: blocks given back to the file system while the file keeps its size. A hole is also the record of what
was dropped, for it survives whatever happens to the runner."""

import contextlib
import ctypes
import errno
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

BLOCK = 4096
"""Least size of a hole. Most file systems use this one; others say theirs in `st_blksize`."""
LARGEST_BLOCK = 1 << 20
_KEEP_SIZE_PUNCH_HOLE = 0x01 | 0x02
_UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV, errno.EINVAL}
_libc = ctypes.CDLL(None, use_errno=True)

_trouble: str | None = None


def trouble() -> str | None:
    """Why no holes can be made here, as a sentence; None while they can."""
    return _trouble


def probe(folder: Path) -> None:
    """Find out whether holes can be made on the disk of this folder, and found again. Raises nothing: a disk that is
    full or read-only is not asked."""
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        fd = file.fileno()
        block = block_size(fd)
        os.pwrite(fd, b"x" * (4 * block), 0)
        if punch(fd, block, 3 * block) and list(find(fd, 0, 4 * block)) != [(block, 3 * block)]:
            _give_up("what was given back cannot be told from what is there")


def block_size(fd: int) -> int:
    """In which holes of this file begin and end."""
    return max(BLOCK, min(os.fstat(fd).st_blksize, LARGEST_BLOCK))


def punch(fd: int, begin: int, end: int) -> bool:
    """Give the blocks of a range back; whether they were. That this is not supported is taken to hold for all files."""
    if _trouble is not None or end <= begin:
        return False
    if _libc.fallocate(fd, _KEEP_SIZE_PUNCH_HOLE, ctypes.c_long(begin), ctypes.c_long(end - begin)):
        number = ctypes.get_errno()
        if number in _UNSUPPORTED:
            _give_up(os.strerror(number))
        return False
    return True


def find(fd: int, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The holes within a range of a file."""
    while begin < end:
        try:
            hole = os.lseek(fd, begin, os.SEEK_HOLE)
        except OSError:
            return  # behind the end of the file, or this file system cannot tell
        if hole >= end:
            return
        begin = min(end, first_data(fd, hole))
        yield hole, begin


def first_data(fd: int, offset: int) -> int:
    """The first offset from `offset` on that holds data and not a hole; the size of the file when there is none."""
    size = os.fstat(fd).st_size
    if offset >= size:
        return size
    try:
        return os.lseek(fd, offset, os.SEEK_DATA)
    except OSError as error:
        return size if error.errno == errno.ENXIO else offset


def _give_up(why: str) -> None:
    global _trouble
    _trouble = (
        f"This file system gives no space back before a run is over ({why}). Output that is dropped is still not "
        "shipped, but takes up room until then."
    )
    log.warning("%s", _trouble)
