"""Where things are: on which core, and in which folder."""

import contextlib
import os
import resource
from pathlib import Path

FOLDER = Path(__file__).parent
SERVERS = FOLDER / "servers"


def cores() -> tuple[int, int]:
    """For the server, and for the clients and whoever publishes. The same one where there is no second."""
    there = sorted(os.sched_getaffinity(0))
    return there[0], there[-1]


def on_core(core: int, command: list[str]) -> list[str]:
    return ["taskset", "--cpu-list", str(core), *command]


def allow_many_files() -> int:
    """As many open files as this user may have, for this process and those it starts; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 16, max(hard, 1 << 16)))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
