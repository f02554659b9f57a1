"""What bots use of their host: one reader for all of them, every few seconds."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from botdeck.models import HostLoad, Sample
from botdeck.runner.host_load import Host
from botdeck.runner.proc_files import ProcFiles
from botdeck.runner.process import boot_clock
from botdeck.runner.process_tree import ProcessTree, Usage

log = logging.getLogger(__name__)

EVERY_S = 5.0


class Living(NamedTuple):
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
        """A bot, or all, could not be looked at now; there will be another try."""
        ...


class Sampler:
    def __init__(self, owner: Owner, disk: Path) -> None:
        self._owner = owner
        self._host = Host(disk)
        self._files = ProcFiles()
        self._trees: dict[str, ProcessTree] = {}
        """By run."""
        self._last: dict[str, tuple[Usage, Sample]] = {}
        """By run, too: a bot that uses what it used before has the same sample, which is quickly made and compared."""

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
            self._last.pop(run, None)
        for one in living:
            if one.run not in self._trees:
                self._trees[one.run] = ProcessTree(self._files, pid=one.pid, start_tick=one.start_tick, shim=one.shim)

    def _sample(self, one: Living) -> Sample | None:
        """None when it has ended, and nobody was told yet. The one before when it cannot be looked at now."""
        before = self._last.get(one.run)
        try:
            usage = self._trees[one.run].look(now=boot_clock(), forked=self._host.forked)
        except OSError as error:
            self._owner.not_sampled(error)
            return before and before[1]
        if usage is None:
            return None
        if before is not None and before[0] == usage:
            return before[1]
        sample = Sample(bot=one.bot, run=one.run, **usage._asdict())
        self._last[one.run] = (usage, sample)
        return sample
