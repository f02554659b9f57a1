"""The runner's note of what it runs with, for `botdeck reload` to compare and to wait for."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from botdeck.changes import (
    VERSION,
    Applied,
    NotApplied,
    Prints,
    applied_path,
    applied_text,
    differing,
    of_process,
    prints_of_bot,
    prints_of_programs,
    read_applied,
)
from botdeck.runner.whole_file import Unwritten, WholeFile
from botdeck.settings import BotSettings, Settings

HasProcess = Callable[[str], bool]


class AppliedNote:
    """`applied.json`. What an earlier runner left in it counts for processes that are taken over."""

    def __init__(self, data_dir: Path, settings: Settings) -> None:
        try:
            before = read_applied(data_dir)
        except (NotApplied, PermissionError):
            before = Applied(version=VERSION, config="", key=secrets.token_hex(16))
        self._applied = replace(
            before, version=VERSION, config=str(settings.path), programs=prints_of_programs(settings, before.key)
        )
        self._file = WholeFile(applied_path(data_dir), lambda: applied_text(self._applied))

    def begin(self, settings: Settings, has_process: HasProcess, others: Iterable[str]) -> None:
        """The runner knows how things stand. `others` are bots that are no longer configured and still there."""
        self._take(settings, has_process, others)
        self.done()

    def change(self, settings: Settings, has_process: HasProcess) -> set[str]:
        """The bots whose processes are not as configured now. `done` says that all was seen to."""
        return self._take(settings, has_process, list(self._applied.bots))

    def done(self) -> None:
        self._update(generation=self._applied.generation + 1, trouble="")

    def refused(self, trouble: str) -> None:
        self._update(generation=self._applied.generation + 1, trouble=trouble)

    async def process_begins(self, bot: BotSettings) -> None:
        prints = await asyncio.to_thread(prints_of_bot, bot, self._applied.key)  # it may read a file
        if self._applied.bots.get(bot.name) != prints:
            self._update(bots=self._applied.bots | {bot.name: prints})

    def forget(self, configured: Settings, has_process: HasProcess) -> None:
        """Bots that are no longer configured, once they have ended."""
        removed = self._applied.bots.keys() - {bot.name for bot in configured.bots}
        ended = [name for name in removed if not has_process(name)]
        if ended:
            self._update(bots={name: it for name, it in self._applied.bots.items() if name not in ended})

    def write_again(self) -> Unwritten | None:
        return self._file.write_again()

    def _take(self, settings: Settings, has_process: HasProcess, others: Iterable[str]) -> set[str]:
        before = self._applied.bots
        bots: dict[str, Prints] = {name: before.get(name, {}) for name in others if settings.bot(name) is None}
        changed = set()
        for bot in settings.bots:
            prints, old = prints_of_bot(bot, self._applied.key), before.get(bot.name)
            if old is not None and differing(of_process(old), of_process(prints)):
                changed.add(bot.name)
                if has_process(bot.name):
                    prints = of_process(old) | of_process(prints, it=False)
            bots[bot.name] = prints
        self._applied = replace(self._applied, bots=bots)
        return changed

    def _update(self, **changes: object) -> None:
        self._applied = replace(self._applied, **changes)  # type: ignore[arg-type]
        self._file.write()
