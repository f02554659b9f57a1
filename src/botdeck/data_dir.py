"""The data directory: what the programs of one host leave there for each other. docs/operations.md lists the files."""

import contextlib
import errno
import fcntl
import json
import os
import struct
from dataclasses import dataclass, field
from pathlib import Path

MODE = 0o711
"""Bots that run as another user pass through it, and nobody lists it."""
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""What opening a file for writing ends with where only reading is possible."""
_FLOCK = "hhqqi"
"""`struct flock` of 64-bit Linux: type, whence, start, length, pid."""


def make_data_dir(data_dir: Path) -> None:
    """One that exists keeps the mode its owner gave it. Raises OSError."""
    if not data_dir.is_dir():
        data_dir.mkdir(parents=True)
        data_dir.chmod(MODE)  # whatever the umask says


@dataclass(frozen=True, kw_only=True)
class RunningDeck:
    """What a deck writes into `deck.json` for as long as it listens."""

    url: str
    pid: int


def running_deck(data_dir: Path) -> RunningDeck | None:
    """The deck that listens for this data directory, or None. One that was killed may have left its word behind."""
    try:
        said = json.loads((data_dir / "deck.json").read_text())
        return RunningDeck(url=str(said["url"]), pid=int(said["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, kw_only=True)
class JoinedDeck:
    """The deck of another host that the runner of this data directory joined: `joined.json`."""

    url: str
    runner: str
    """What the runner is called there."""
    token: str = field(repr=False)


def joined_file(data_dir: Path) -> Path:
    return data_dir / "joined.json"


def joined_deck(data_dir: Path) -> JoinedDeck | None:
    """None when it joined none. Raises ValueError in words when what is there cannot be used."""
    path = joined_file(data_dir)
    try:
        said = json.loads(path.read_text())
        joined = JoinedDeck(url=str(said["url"]), runner=str(said["runner"]), token=str(said["token"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        joined = JoinedDeck(url="", runner="", token="")
    if not (joined.url and joined.runner and joined.token.isascii() and joined.token.isprintable() and joined.token):
        raise ValueError(f"{path} is damaged; join the deck once more, with a new token")
    return joined


def hold_lock(path: Path) -> int | None:
    """A file descriptor that holds the lock for as long as this process has it open; None: another process does.

    A lock of the POSIX kind, for children do not inherit it and the kernel knows who holds it. The pid is written
    into the file too, for people. Raises OSError when the file cannot be made.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
        return _hold_lock_unwritable(path)
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(fd)
        return None
    with contextlib.suppress(OSError):  # a full disk
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _hold_lock_unwritable(path: Path) -> int | None:
    """The same where nothing can be written, and so no exclusive lock be had: shared by one. Of two that try at the
    same time neither gets it."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with contextlib.suppress(BlockingIOError, PermissionError):
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if _other_holder(fd) is None:
            return fd
    os.close(fd)
    return None


def lock_holder(path: Path) -> int | None:
    """Pid of the process that holds the lock, as the kernel has it; None when nobody does. Not for the holder itself:
    closing the file here would let its lock go."""
    try:
        with path.open("rb") as file:
            return _other_holder(file.fileno())
    except OSError:
        return None


def _other_holder(fd: int) -> int | None:
    answer = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    kind, _, _, _, pid = struct.unpack(_FLOCK, answer)
    return None if kind == fcntl.F_UNLCK else pid
