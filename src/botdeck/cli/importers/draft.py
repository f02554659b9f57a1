"""What an importer hands over: bots as settings of botdeck.toml, and sentences about all that it could not take
along."""

import pwd
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botdeck.errors import BotdeckError


class ImportRefused(BotdeckError):
    """A file cannot be imported as it is; the message says where and why, and nothing was written."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import."""

    path: Path
    text: str

    @property
    def folder(self) -> Path:
        return self.path.absolute().parent

    def at(self, line: int | None = None) -> str:
        return f"{self.path}:{line}" if line else str(self.path)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that is not taken along as it was, and what to do about it."""

    where: str
    """`FILE:LINE`, or the file alone."""
    text: str
    bot: str = ""

    def place(self) -> tuple[str, int]:
        file, _, line = self.where.rpartition(":")
        return (file, int(line)) if line.isdigit() else (self.where, 0)

    def __str__(self) -> str:
        return f"{self.where}: {self.bot + ': ' if self.bot else ''}{self.text}"


@dataclass(slots=True)
class Draft:
    """One bot to be. `settings` has keys of `[bots.NAME]`; paths are absolute."""

    name: str
    where: str
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def say(self, where: str, text: str) -> None:
        self.notes.append(Note(where, text, self.name))

    def add_env(self, values: dict[str, str]) -> None:
        """Later ones win."""
        if values:
            self.settings["env"] = self.settings.get("env", {}) | values


@dataclass(slots=True)
class Imported:
    """All that one file holds. `goodbye` says how to end the bots in the manager they come from."""

    bots: list[Draft]
    goodbye: str
    notes: list[Note] = field(default_factory=list)

    def all_notes(self) -> list[Note]:
        """In the order of the file, and what holds for several bots of one entry once."""
        notes = dict.fromkeys([*self.notes, *(note for bot in self.bots for note in bot.notes)])
        return sorted(notes, key=Note.place)


def bot_name(name: str) -> str:
    """A name as botdeck.toml allows it: other characters become dashes."""
    fitting = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-_.")[:63]
    return {"": "bot", "all": "all-bot"}.get(fitting, fitting)


def new_draft(name: str, where: str) -> Draft:
    draft = Draft(bot_name(name), where)
    if draft.name != name:
        draft.say(where, f"was called {name!r}, which is no name for a bot here")
    return draft


def distinct_names(drafts: list[Draft]) -> list[Draft]:
    """Those that share a name get -1, -2 ... as far as none has that already."""
    shared = {draft.name for draft in drafts if sum(other.name == draft.name for other in drafts) > 1}
    taken = {draft.name for draft in drafts} - shared
    for draft in drafts:
        if draft.name in shared:
            number = next(n for n in range(1, len(drafts) + 1 + len(taken)) if f"{draft.name}-{n}" not in taken)
            draft.name = f"{draft.name}-{number}"
            taken.add(draft.name)
    return drafts


def user_name(user: str | int) -> str | None:
    """The account of that name or number; None when this host knows no such number."""
    if not str(user).isdigit():
        return str(user)
    try:
        return pwd.getpwuid(int(user)).pw_name
    except KeyError:
        return None


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
