"""The runs of one bot that the deck does not have all of yet: the one that lives, and those on their way."""

from pathlib import Path

from botdeck.lifecycle import Life
from botdeck.runner import endings
from botdeck.runner.deck_link import DeckLink
from botdeck.runner.post_mortem import freeze
from botdeck.runner.run_dir import RunDirectory
from botdeck.runner.tail import Tail
from botdeck.runner.whole_file import Unwritten
from botdeck.settings import BotSettings

MOST_POST_MORTEMS = 50
"""Of one bot that wait for a deck, and a deck keeps no more of one either: a bot that crashes every minute for days
without a deck must not fill the runner's memory."""


class KeptRuns:
    def __init__(self, bot: str, folder: Path, tail: Tail, link: DeckLink) -> None:
        self._bot = bot
        self._folder = folder
        self._tail = tail
        self._link = link
        self._runs: dict[str, RunDirectory] = {}

    def __bool__(self) -> bool:
        return bool(self._runs)

    def open_all(self) -> None:
        """What earlier runners left on disk. Raises OSError when the bot's folder cannot be used."""
        for path in sorted(self._folder.iterdir()):
            if run := RunDirectory.open(path, self._bot):
                self._runs[run.run.id] = run

    def get(self, run_id: str | None) -> RunDirectory | None:
        return self._runs.get(run_id) if run_id is not None else None

    def newest_first(self) -> list[RunDirectory]:
        return [self._runs[run_id] for run_id in sorted(self._runs, reverse=True)]

    def add(self, run: RunDirectory) -> None:
        self._runs[run.run.id] = run

    def ship(self, run: RunDirectory) -> None:
        """Send the deck what is there, and what comes as long as the run lives."""
        self._link.keep(run)
        for stream in run.streams:
            if run.over:
                self._tail.finish(stream)
            else:
                self._tail.watch(stream)

    def ship_all(self) -> None:
        for run in list(self._runs.values()):
            self.ship(run)

    def ended(self, run: RunDirectory) -> None:
        """Its process is gone, with all that belonged to it, and its record says so."""
        for stream in run.streams:
            self._tail.finish(stream)
        self._link.report_run(run)
        self._forget_old_post_mortems()

    def end_unseen(self, life: Life, settings: BotSettings | None, *, living: RunDirectory | None) -> None:
        """Write down the ends that came while no runner lived."""
        for run in self._runs.values():
            if not run.over and run is not living:
                endings.finish(run, life, settings, freeze(run))
        self._forget_old_post_mortems()

    def _forget_old_post_mortems(self) -> None:
        """One more came; all but the newest of the others went before."""
        with_one = [run for run in self._runs.values() if run.run.post_mortem is not None]
        for run in with_one[:-MOST_POST_MORTEMS]:
            run.forget_post_mortem()

    def write_again(self) -> list[Unwritten]:
        """Records that the disk had no room for. Returns those that still cannot be written."""
        return [unwritten for run in self._runs.values() if (unwritten := run.write_again())]

    def remove(self, run: RunDirectory) -> None:
        """The deck has all of it."""
        self._runs.pop(run.run.id, None)
        run.remove()

    def close(self) -> None:
        for run in self._runs.values():
            for stream in run.streams:
                stream.close()
