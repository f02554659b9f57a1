"""What bots use of their host: one reader for all of them, every few seconds."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from botdeck.models import HostLoad, Sample
from botdeck.runner.host_load import Host
from botdeck.runner.proc_files import ProcFiles
from botdeck.runner.process import boot_clock
from botdeck.runner.process_tree import ProcessTree

log = logging.getLogger(__name__)

EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Living:
    """A bot that has a process: which one, for certain, and its parent."""

    bot: str
    run: str
    pid: int
    start_tick: int
    shim: int


class Owner(Protocol):
    """Whom the sampler reads for."""

    def living(self) -> Iterable[Living]: ...

    def sampled(self, samples: list[Sample], load: HostLoad) -> None:
        """All bots that live, and their host."""
        ...

    def not_sampled(self, error: OSError) -> None:
        """There was no reading now; there will be another try."""
        ...


class Sampler:
    def __init__(self, owner: Owner, disk: Path) -> None:
        self._owner = owner
        self._host = Host(disk)
        self._files = ProcFiles()
        self._trees: dict[str, ProcessTree] = {}
        """By run."""

    async def run(self) -> None:
        """Until cancelled. A reading that fails costs nothing but itself."""
        while True:
            try:
                self.read()
            except OSError as error:
                self._owner.not_sampled(error)
            except Exception:
                log.exception("The bots could not be sampled")
            await asyncio.sleep(EVERY_S)

    def read(self) -> None:
        """One reading of all. Raises OSError."""
        load = self._host.look()
        living = list(self._owner.living())
        self._keep_trees_of(living)
        samples = (self._sample(one) for one in living)
        self._owner.sampled([sample for sample in samples if sample], load)

    def _keep_trees_of(self, living: list[Living]) -> None:
        for run in self._trees.keys() - {one.run for one in living}:
            self._trees.pop(run).close()
        for one in living:
            if one.run not in self._trees:
                self._trees[one.run] = ProcessTree(self._files, pid=one.pid, start_tick=one.start_tick, shim=one.shim)

    def _sample(self, one: Living) -> Sample | None:
        """None when it has ended, and nobody was told yet."""
        usage = self._trees[one.run].look(now=boot_clock(), forked=self._host.forked)
        if usage is None:
            return None
        return Sample(
            bot=one.bot,
            run=one.run,
            cpu_percent=usage.cpu_percent,
            memory_bytes=usage.memory_bytes,
            threads=usage.threads,
            open_files=usage.open_files,
            children=usage.children,
        )
