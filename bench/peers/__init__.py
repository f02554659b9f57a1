"""Supervisors side by side: what a benchmark asks of each, alike."""

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.house.processes import command_line
from bench.house.world import PYTHON, World

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".bench"
"""Where peers are installed."""
BOT = str(Path(__file__).with_name("bot.py"))


@dataclass(frozen=True)
class Program:
    """A bot: arguments of bot.py, and how it is kept."""

    name: str
    arguments: tuple[str, ...]
    autostart: bool = True
    stop_timeout_s: int = 3


@dataclass(frozen=True)
class Seen:
    """What a supervisor says of a bot."""

    pid: int | None = None
    uptime_s: float | None = None
    given_up: bool = False


@dataclass(frozen=True)
class Noted:
    """A row of the side file."""

    what: str
    name: str
    pid: int
    at: float
    extra: str


class Peer(ABC):
    """One supervisor in a world of its own."""

    name: ClassVar[str]

    def __init__(self, world: World, programs: list[Program]) -> None:
        self.world = world
        self.folder = world.folder
        self.side = world.folder / "side"
        self.programs = programs
        self.prepare()

    # What each must say.

    @abstractmethod
    def prepare(self) -> None:
        """Write its configuration."""

    @abstractmethod
    def open(self) -> None:
        """Start it, and what starts by itself with it; returns when it takes orders."""

    @abstractmethod
    def start(self, names: list[str]) -> None:
        """Order it; returns without waiting for the bots."""

    @abstractmethod
    def stop(self, name: str) -> None:
        """Order it; returns without waiting for the end."""

    @abstractmethod
    def status(self, name: str) -> Seen:
        """One question to the supervisor, as its own clients ask it."""

    @abstractmethod
    def victims(self) -> dict[str, list[int]]:
        """What may be killed of it, each by a name, and with which processes."""

    @abstractmethod
    def reopen(self) -> None:
        """What its user does after it was killed."""

    @abstractmethod
    def keepers(self) -> list[int]:
        """Its processes that supervise, bots not among them; the main one first."""

    @abstractmethod
    def log_of(self, name: str) -> Path:
        """The file in which it keeps what the bot printed."""

    # What most have alike.

    def deck(self) -> list[int]:
        """Processes beside it that store what it ships."""
        return []

    def log_lines(self, name: str) -> Iterator[bytes]:
        with contextlib.suppress(FileNotFoundError), self.log_of(name).open("rb") as file:
            yield from file

    def readable_bytes(self, name: str) -> int:
        with contextlib.suppress(FileNotFoundError):
            return self.log_of(name).stat().st_size
        return 0

    def close(self) -> None:  # noqa: B027 - most have nothing to do
        """Before the world ends what is left."""

    # The truth.

    def command(self, program: Program) -> list[str]:
        return [*PYTHON, BOT, str(self.side), program.name, *program.arguments]

    def noted(self, what: str = "", name: str = "") -> list[Noted]:
        if not self.side.exists():
            return []
        rows = []
        for text in self.side.read_text().splitlines():
            kind, bot, pid, at, extra = text.split(" ", 4)
            if what in ("", kind) and name in ("", bot):
                rows.append(Noted(kind, bot, int(pid), float(at), extra))
        return rows

    def bots(self) -> list[int]:
        return [pid for pid in self.world.processes() if BOT in command_line(pid)]

    def named(self, *words: str) -> list[int]:
        """Processes of this world whose command line holds one of the words, bots not counted."""
        lines = {pid: command_line(pid) for pid in self.world.processes()}
        return [pid for pid, line in lines.items() if BOT not in line and any(word in line for word in words)]


def now() -> float:
    """The clock of the side files."""
    return time.monotonic()
