"""What one bot uses of its host, read from /proc: its main process, what that started, and what those left behind.

Orphans of a bot come to its shim, sessions of their own or not, so the shim's children are the bot's as well. A process
is known by pid and start tick; a pid that is somebody else's by now is never counted.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from botdeck.runner.proc_files import ProcFile, ProcFiles
from botdeck.runner.process import TICKS_PER_S

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STAT_BYTES = 2048
_CHILDREN_BYTES = 1 << 16
_COUNTS_OPEN_FILES = os.stat("/proc/self/fd").st_size > 0
"""Since 6.2 the kernel says how many there are as the folder's size; before, each had to be listed."""
_TELLS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()
"""Some kernels are built without it (CONFIG_PROC_CHILDREN)."""


class Usage(NamedTuple):
    """Of the whole bot; `open_files` of its main process, `children` are the processes beside that."""

    cpu_percent: float
    memory_bytes: int
    threads: int
    open_files: int
    children: int


class Look(NamedTuple):
    """One process at one moment."""

    parent: int
    start_tick: int
    own_ticks: int
    reaped_ticks: int
    """Of its children that are gone, and theirs."""
    threads: int
    resident_pages: int
    dead: bool
    """A zombie: it uses nothing any more, and its parent has not taken notice yet."""

    @property
    def ticks(self) -> int:
        return self.own_ticks + self.reaped_ticks


class Process:
    """One process, looked at again and again."""

    __slots__ = ("_children", "_files", "_look", "_stat", "_text", "pid")

    def __init__(self, pid: int, files: ProcFiles) -> None:
        self.pid = pid
        self._files = files
        self._stat = ProcFile(f"/proc/{pid}/stat", files, _STAT_BYTES)
        self._children = ProcFile(f"/proc/{pid}/task/{pid}/children", files, _CHILDREN_BYTES)
        self._text = b""
        self._look: Look | None = None

    def look(self) -> Look | None:
        """None when there is no such process. The same object as before when nothing changed."""
        text = self._stat.read()
        if text != self._text:
            self._text, self._look = text, _parsed(text) if text else None
        return self._look

    def children(self) -> list[int]:
        """Those of all its threads, as far as it had them at the last look."""
        if not _TELLS_CHILDREN:
            return _children_by_parent(self.pid, self._files)
        found = self._children.read().split()
        if self._look is None or self._look.threads > 1:
            found += self._children_of_other_threads()
        return [int(child) for child in found]

    def close(self) -> None:
        self._stat.close()
        self._children.close()

    def _children_of_other_threads(self) -> list[bytes]:
        folder = f"/proc/{self.pid}/task"
        try:
            tasks = [task for task in os.listdir(folder) if task != str(self.pid)]
        except (FileNotFoundError, ProcessLookupError):
            return []
        found: list[bytes] = []
        for task in tasks:
            file = ProcFile(f"{folder}/{task}/children", self._files, _CHILDREN_BYTES)
            found += file.read().split()
            file.close()
        return found


class ProcessTree:
    """One run of a bot, looked at again and again. To be closed."""

    def __init__(self, files: ProcFiles, *, pid: int, start_tick: int, shim: int) -> None:
        self._files = files
        self._main = pid
        self._main_tick = start_tick
        self._shim = Process(shim, files)
        self._processes = {pid: Process(pid, files)}
        self._known: dict[int, Look] = {}
        self._reaped_by_shim = 0
        self._looked_at: float | None = None
        self._usage = Usage(0.0, 0, 0, 0, 0)
        self._overlooked = True
        """Some process may have been there and not been found."""

    def look(self, *, now: float, forked: bool) -> Usage | None:
        """None when the main process is gone. `now` is the boot clock; `forked` is false when no process was made on
        the whole host since the last look, for then there is none to be found, which is half of the work.

        Raises OSError when it cannot be looked at now.
        """
        search = forked or self._overlooked
        open_files = _open_files(self._main)  # before the main process is seen to be still itself
        alive = self._survey(search=search)
        if self._main not in alive:
            return None
        reaped = self._reaped_by_shim
        if search or len(alive) > 1 or len(self._known) > 1:
            reaped = self._look_at_shim(alive[self._main])
        passed_s = now - (self._main_tick / TICKS_PER_S if self._looked_at is None else self._looked_at)
        ticks = self._ticks_used(alive, reaped)
        self._usage = self._added_up(alive, open_files, 100 * ticks / max(1.0, passed_s * TICKS_PER_S))
        self._known, self._reaped_by_shim, self._looked_at = alive, reaped, now
        return self._usage

    def close(self) -> None:
        self._shim.close()
        for process in self._processes.values():
            process.close()

    def _survey(self, *, search: bool) -> dict[int, Look]:
        """All processes that there are: known ones that still live, and with `search` those that came since."""
        alive: dict[int, Look] = {}
        overlooked, self._overlooked = False, True  # should a reading fail on the way
        # Children are read first: if the parent is seen to be itself afterwards, they were its own.
        orphans = self._shim.children() if search else []
        todo: list[tuple[Process, int | None]] = [(process, None) for process in self._processes.values()]
        while todo:
            process, parent = todo.pop()
            children = process.children() if search else []
            look = process.look()
            if look is None or not self._is_ours(process.pid, look, parent):
                self._forget(process)
                continue
            alive[process.pid] = look
            before = self._known.get(process.pid)
            overlooked |= before is not None and before.threads == 1 < look.threads
            if search:
                is_shims = process.pid == self._main and look.parent == self._shim.pid
                todo += self._meet(children, process.pid)
                todo += self._meet(orphans, self._shim.pid) if is_shims else []
        self._overlooked = overlooked
        return alive

    def _meet(self, pids: Iterable[int], parent: int) -> list[tuple[Process, int | None]]:
        """Children that were not known."""
        new = [Process(pid, self._files) for pid in pids if pid not in self._processes]
        self._processes |= {process.pid: process for process in new}
        return [(process, parent) for process in new]

    def _forget(self, process: Process) -> None:
        process.close()
        if process.pid != self._main:
            del self._processes[process.pid]

    def _is_ours(self, pid: int, look: Look, parent: int | None) -> bool:
        """One that was met as a child still is it (its pid could be a stranger's by now); the others are known."""
        if parent is not None:
            return look.parent == parent
        before = self._known.get(pid)
        return look.start_tick == (before.start_tick if before else self._main_tick)

    def _look_at_shim(self, main: Look) -> int:
        """Processor time of the orphans that the shim reaped, as far as it can be known."""
        shim = self._shim.look() if main.parent == self._shim.pid else None
        return self._reaped_by_shim if shim is None else shim.reaped_ticks

    def _ticks_used(self, alive: dict[int, Look], reaped_by_shim: int) -> int:
        """Since the look before, or since it began. When a child ends, what it used goes over to its parent, so the
        sum of all is what counts; only when nobody waits for a child it is lost, and then that of the others counts."""
        whole = reaped_by_shim - self._reaped_by_shim - sum(look.ticks for look in self._known.values())
        own = 0
        for pid, look in alive.items():
            before = self._known.get(pid)
            if before is not None:
                own += look.own_ticks - before.own_ticks
            if before is not None or self._is_new(look):
                whole += look.ticks
        return max(whole, own, 0)

    def _is_new(self, look: Look) -> bool:
        """What an older one used before it was found is not of this time."""
        return self._looked_at is None or look.start_tick >= (self._looked_at * TICKS_PER_S) - 1

    def _added_up(self, alive: dict[int, Look], open_files: int, cpu_percent: float) -> Usage:
        if alive == self._known:
            return self._usage._replace(cpu_percent=round(cpu_percent, 1), open_files=open_files)
        living = [look for look in alive.values() if not look.dead]
        return Usage(
            cpu_percent=round(cpu_percent, 1),
            memory_bytes=PAGE_BYTES * sum(look.resident_pages for look in living),
            threads=sum(look.threads for look in living),
            open_files=open_files,
            children=len(living) - (not alive[self._main].dead),
        )


def _parsed(stat: bytes) -> Look:
    # The name stands in parentheses and may hold anything, parentheses too.
    fields = stat[stat.rindex(b")") + 2 :].split(b" ", 22)
    return Look(
        parent=int(fields[1]),
        start_tick=int(fields[19]),
        own_ticks=int(fields[11]) + int(fields[12]),
        reaped_ticks=int(fields[13]) + int(fields[14]),
        threads=int(fields[17]),
        resident_pages=int(fields[21]),
        dead=fields[0] in b"ZX",
    )


def _open_files(pid: int) -> int:
    folder = f"/proc/{pid}/fd"
    try:
        return os.stat(folder).st_size if _COUNTS_OPEN_FILES else len(os.listdir(folder))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def _children_by_parent(pid: int, files: ProcFiles) -> list[int]:
    everyone = (Process(int(entry), files) for entry in os.listdir("/proc") if entry.isdigit())
    found = []
    for process in everyone:
        look = process.look()
        process.close()
        if look is not None and look.parent == pid:
            found.append(process.pid)
    return found
