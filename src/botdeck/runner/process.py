"""The operating system, as the runner needs it: who lives, since when, and how to end it without hitting a stranger.

A pid is only ever used to open a pidfd, which is then checked against the kernel's start tick; from there on the
pidfd is the process. Whether an instance of a bot lives at all is answered by its lock, not by any pid.
"""

import contextlib
import fcntl
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from botdeck.data_dir import READ_ONLY

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One process for certain: the same pid with another start tick, or of another boot, is somebody else."""

    pid: int
    shim: int
    start_tick: int
    boot_id: str


def boot_clock() -> float:
    """Seconds since the host started, sleep included; never jumps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def booted_at() -> float:
    """The wall clock, in seconds since 1970, when the boot clock was 0; as the wall clock stands now."""
    return time.time() - boot_clock()


def boot_id() -> str:
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def age_s(start_tick: int) -> float:
    """Seconds since the kernel started the process of that tick."""
    return max(0.0, boot_clock() - start_tick / TICKS_PER_S)


def open_process(pid: int, start_tick: int) -> int | None:
    """A pidfd of exactly that process, or None when it is gone (a zombie counts as gone)."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return None
    # Opened first and checked after: if the tick is right now, the pidfd cannot mean a later owner of the pid.
    if _start_tick(pid) == start_tick and not has_ended(fd):
        return fd
    os.close(fd)
    return None


def open_parent(pid: int, *, expected: int) -> int | None:
    """A pidfd of the parent of a living process, if that is the expected one."""
    try:
        fd = os.pidfd_open(expected)
    except OSError:
        return None
    stat = _stat(pid)
    if stat is not None and int(stat[1]) == expected:
        return fd
    os.close(fd)
    return None


def carries_run(pid: int, run: str) -> bool:
    """Whether the process was begun for that run, by its environment, which a program may have overwritten."""
    with contextlib.suppress(OSError):
        return f"BOTDECK_RUN={run}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return False


def has_open(pid: int, path: Path) -> bool:
    """Whether the process holds this very file."""
    with contextlib.suppress(OSError):
        wanted = path.stat()
        return any(os.path.samestat(fd.stat(), wanted) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return False


def lives_in(who: Identity, folder: Path) -> bool:
    """Whether a bot or its shim has a file of that folder open, deleted ones included, or was told of one when it
    began. Not so in a copy of the folder, whose notes name processes of the original."""
    return any(_lives_in(pid, folder) for pid in (who.shim, who.pid))


def _lives_in(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        if f"BOTDECK_EVENTS={folder}/".encode() in Path(f"/proc/{pid}/environ").read_bytes():
            return True
    with contextlib.suppress(OSError):
        below = f"{folder.resolve()}/"
        return any(os.readlink(fd).startswith(below) for fd in Path(f"/proc/{pid}/fd").iterdir())
    return False


def has_ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def terminate(pidfd: int, number: signal.Signals) -> None:
    """Its stop signal to this process alone: it may want to end its own children well."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


def kill_session(pid: int, pidfd: int) -> None:
    """SIGKILL to the process and its group (its pid is its group, for it began in a session of its own)."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # While the process is not reaped nobody else can have its pid or lead its group.
        if not has_ended(pidfd):
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def kill_strays(run: str, events: Path) -> int:
    """SIGKILL everything that still carries the run's id and its events file in its environment; how many there were.
    The id alone is not enough: a copy of the data directory has runs of the same ids, whose bots are another runner's.

    Belt and braces behind the shim's own sweep, needed when the shim itself was killed. Takes milliseconds per
    hundred processes, so it is called in a thread.
    """
    wanted = frozenset({f"BOTDECK_RUN={run}".encode(), b"BOTDECK_EVENTS=" + os.fsencode(events)})
    return sum(_kill_stray(int(entry), wanted) for entry in os.listdir("/proc") if entry.isdigit())


def _kill_stray(pid: int, wanted: frozenset[bytes]) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb", buffering=0) as environ:
        if not wanted.issubset(environ.readall().split(b"\0")):
            return False
        fd = os.pidfd_open(pid)
        try:
            environ.seek(0)
            # Still the same program behind the pidfd?
            if wanted.issubset(environ.readall().split(b"\0")):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
                return True
        finally:
            os.close(fd)
    return False


def take_lock(path: Path) -> int | None:
    """A file descriptor that holds the lock until its last copy, in whatever process, is closed; None: it is held."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a bot that runs is found in a folder that is read-only by now
    try:
        # flock and not lockf: only the former is inherited over fork.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _stat(pid: int) -> list[str] | None:
    """/proc/PID/stat from its third field (the state) on."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    return None


def _start_tick(pid: int) -> int | None:
    stat = _stat(pid)
    return int(stat[19]) if stat else None
