"""Where things are and run, and how many files they may have open."""

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FOLDER = Path(__file__).parent
SERVERS = FOLDER / "servers"
MANY_FILES = 1 << 16


@dataclass(frozen=True)
class Cores:
    """The same one where there is no second; the times until the last client had a message mean little then."""

    server: int
    clients: int

    @classmethod
    def of_this_process(cls) -> Self:
        there = sorted(os.sched_getaffinity(0))
        return cls(there[0], there[-1])


def on_core(core: int, command: list[str]) -> list[str]:
    return ["taskset", "--cpu-list", str(core), *command]


def allow_many_files() -> None:
    """As many as this user may have, for this process and those it starts."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (MANY_FILES, MANY_FILES))
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
