"""Limits of the system that the runner may run into: which one it was, how high it is, and how to raise it."""

import errno
import resource
from pathlib import Path

SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM})
"""What the system says when it has no more of something."""


def limit_in_words(number: int | None) -> str | None:
    """What an error number says of limits, or None when it says nothing of them."""
    goes_on = "The bots that run go on, and what failed is tried again."
    if number == errno.EMFILE:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return (
            f"The runner has as many files open as it may, which is {most} (ulimit -n). {goes_on} Raise the limit of "
            "whatever starts the runner, then start the runner anew."
        )
    if number == errno.ENFILE:
        return (
            f"This host has as many files open as it can, which is {_number('/proc/sys/fs/file-max')} (fs.file-max). "
            f"{goes_on} Raise it with sysctl, or find the program that holds so many."
        )
    if number == errno.EAGAIN:
        limits = _of_processes()
        return f"The system gives the runner no more processes: {limits}. {goes_on} Raise the one that is reached."
    if number == errno.ENOMEM:
        return f"The system has no memory for another process. {goes_on} Stop something, or give the host more."
    return None


def _of_processes() -> str:
    """Every limit that there is, for the kernel does not say which one it was."""
    limits = []
    own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if own != resource.RLIM_INFINITY:
        limits.append(f"{own} for its user (ulimit -u)")
    group = _pids_of_group()
    if group is not None:
        limits.append(f"{group} for its service or container (pids.max)")
    limits.append(f"{_number('/proc/sys/kernel/threads-max')} for the host (kernel.threads-max)")
    return "there may be " + ", ".join(limits)


def _pids_of_group() -> int | None:
    """The lowest of this process's control groups."""
    try:
        path = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip()
    except OSError:
        return None
    group = Path("/sys/fs/cgroup") / path.lstrip("/")
    found = [_number(str(folder / "pids.max")) for folder in (group, *group.parents)]
    return min((number for number in found if number is not None), default=None)


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return None
