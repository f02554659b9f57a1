"""Processes: who lives, since when, what they cost. Everything is read from the kernel, nothing from the measured."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2


@dataclass(frozen=True)
class Memory:
    """In KiB. `uss` is what would be free again without the process."""

    rss: int
    pss: int
    uss: int


def stat_fields(pid: int) -> list[str] | None:
    """/proc/PID/stat from its third field (the state) on; None when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None


def lives(pid: int, start_tick: int | None = None) -> bool:
    """A zombie does not live; nor does a stranger that has the pid since another tick."""
    fields = stat_fields(pid)
    if fields is None or fields[0] in "ZX":
        return False
    return start_tick is None or int(fields[19]) == start_tick


def start_tick(pid: int) -> int | None:
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def age_s(pid: int) -> float | None:
    tick = start_tick(pid)
    return None if tick is None else time.clock_gettime(time.CLOCK_BOOTTIME) - tick / TICKS_PER_S


def cpu_s(pid: int) -> float:
    """CPU seconds of all threads, ended ones included, to the nanosecond: the process's own CPU clock, which is the
    sum of the schedstats. /proc/PID/stat has steps of 10 ms, and /proc/PID/schedstat is of one thread only."""
    try:
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return 0.0


class CpuMeter:
    """CPU seconds that a changing set of processes uses from now on. One that ends before `read` is left out."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._before = {pid: cpu_s(pid) for pid in pids()}

    def read(self) -> float:
        return sum(cpu_s(pid) - self._before.get(pid, 0.0) for pid in self._pids())


def memory(pid: int) -> Memory:
    rows = dict.fromkeys(("Rss", "Pss", "Private_Clean", "Private_Dirty"), 0)
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, kib, _ = line.split()
        rows[name.rstrip(":")] = int(kib)
    return Memory(rss=rows["Rss"], pss=rows["Pss"], uss=rows["Private_Clean"] + rows["Private_Dirty"])


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""
