"""How busy the host is."""

import os
from pathlib import Path

from botdeck.models import HostLoad

_BUSY_AND_IDLE = 8
"""Columns of /proc/stat that add up to all time; those behind them are contained in the first two."""


class Host:
    """Looked at regularly; `disk` is a folder on the file system that counts."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._cpus = os.cpu_count() or 1
        self._idle = self._all = 0
        self._forks: int | None = None
        self.forked = True
        """Whether a process or a thread was made anywhere between the last two looks."""

    def look(self) -> HostLoad:
        """Raises OSError."""
        cpu_percent = self._look_at_cpu(Path("/proc/stat").read_bytes())
        memory = _memory(Path("/proc/meminfo").read_bytes())
        disk = os.statvfs(self._disk)
        return HostLoad(
            cpus=self._cpus,
            cpu_percent=cpu_percent,
            load_1m=os.getloadavg()[0],
            memory_total_bytes=memory[b"MemTotal"],
            memory_available_bytes=memory[b"MemAvailable"],
            disk_total_bytes=disk.f_blocks * disk.f_frsize,
            # What is free for programs that are not root's.
            disk_free_bytes=disk.f_bavail * disk.f_frsize,
        )

    def _look_at_cpu(self, stat: bytes) -> float | None:
        first, _, rest = stat.partition(b"\n")
        ticks = [int(column) for column in first.split()[1 : _BUSY_AND_IDLE + 1]]
        idle, everything = ticks[3] + ticks[4], sum(ticks)
        before_idle, before = self._idle, self._all
        self._idle, self._all = idle, everything
        self._count_forks(rest)
        if not before or everything <= before:
            return None
        return round(max(0.0, 100 - 100 * (idle - before_idle) / (everything - before)), 1)

    def _count_forks(self, stat: bytes) -> None:
        _, _, counted = stat.partition(b"\nprocesses ")
        forks = int(counted.split(maxsplit=1)[0]) if counted else 0
        # Some containers show none; there everything has to be searched each time.
        self.forked = forks != self._forks or forks == 0
        self._forks = forks


def _memory(meminfo: bytes) -> dict[bytes, int]:
    """In bytes. MemAvailable is among the first lines."""
    lines = (line.partition(b":") for line in meminfo.split(b"\n", 5)[:5])
    return {name: 1024 * int(rest.split()[0]) for name, _, rest in lines}
