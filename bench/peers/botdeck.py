"""Botdeck itself: the real deck with its database, and the real runner."""

from collections.abc import Iterator
from pathlib import Path

from bench.house.processes import command_line
from bench.house.stack import Stack
from bench.peers import BOT, Peer, Program, Seen
from botdeck.cli.client import DeckAway, DeckRefused
from botdeck.models import Action, State


class Botdeck(Peer):
    name = "botdeck"

    def prepare(self) -> None:
        self.stack = Stack(self.world, {program.name: self._settings(program) for program in self.programs})

    def _settings(self, program: Program) -> dict[str, object]:
        return {
            "command": self.command(program),
            "autostart": program.autostart,
            "stop_timeout_s": program.stop_timeout_s,
        }

    def open(self) -> None:
        self.stack.start()

    def start(self, names: list[str]) -> None:
        self.stack.act(names, Action.START)

    def stop(self, name: str) -> None:
        self.stack.act([name], Action.STOP)

    def status(self, name: str) -> Seen:
        try:
            status = self.stack.client().status(name)
        except (DeckAway, DeckRefused):
            return Seen()
        return Seen(status.pid, status.uptime_s, status.state is State.FAILED)

    def victims(self) -> dict[str, list[int]]:
        runner, deck = self.stack.runner, self.stack.deck
        assert runner
        assert deck
        return {"runner": [runner.pid], "deck": [deck.pid], "both": [runner.pid, deck.pid]}

    def reopen(self) -> None:
        if self.stack.deck and self.stack.deck.poll() is not None:
            self.stack.start_deck()
        if self.stack.runner and self.stack.runner.poll() is not None:
            self.stack.start_runner()
        self.stack.wait_until_linked()

    def keepers(self) -> list[int]:
        """The runner, then its spawner and the shims."""
        assert self.stack.runner
        others = [pid for pid in self.world.processes() if "spawner_main" in command_line(pid)]
        return [self.stack.runner.pid, *(pid for pid in others if BOT not in command_line(pid))]

    def deck(self) -> list[int]:
        return [self.stack.deck.pid] if self.stack.deck else []

    def log_of(self, name: str) -> Path:
        return self.stack.data_dir / "deck.db"

    def log_lines(self, name: str) -> Iterator[bytes]:
        for line in self.stack.lines(name):
            yield line.text.encode()

    def readable_bytes(self, name: str) -> int:
        return self.stack.stored_bytes(name)

    def close(self) -> None:
        self.stack.__exit__()
