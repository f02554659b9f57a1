"""A file that a bot has open, when its name leads nowhere any more or to another file."""

import contextlib
import os
import stat
from pathlib import Path

from botdeck.runner import process
from botdeck.runner.process import Identity

FileId = tuple[int, int]
"""Device and inode."""


def file_id(fd: int) -> FileId:
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def is_named(path: Path, wanted: FileId) -> bool:
    """Whether the name still leads to this file."""
    with contextlib.suppress(OSError):
        found = path.stat()
        return (found.st_dev, found.st_ino) == wanted
    return False


def open_through(bot: Identity, wanted: FileId) -> int | None:
    """The file, through a process that writes to it; None when it does not, or is gone."""
    pidfd = process.open_process(bot.pid, bot.start_tick) if bot.boot_id == process.boot_id() else None
    if pidfd is None:
        return None
    try:
        for link in Path(f"/proc/{bot.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found = link.stat()
                # Looked at before it is opened: opening a pipe or a device can have effects.
                if stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) == wanted and _appends(bot.pid, link):
                    return os.open(link, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    finally:
        os.close(pidfd)
    return None


def _appends(pid: int, link: Path) -> bool:
    """Ours are only ever appended to. (The number of a file that is gone for good may be another file's by now.)"""
    info = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text()
    flags = next((line.split()[1] for line in info.splitlines() if line.startswith("flags:")), "0")
    return bool(int(flags, 8) & os.O_APPEND)
