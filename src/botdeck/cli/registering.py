"""The table that `botdeck run` gives a bot in botdeck.toml: its name, its command, its folder."""

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botdeck.cli.importers.destination import Destination
from botdeck.cli.importers.draft import Draft, bot_name
from botdeck.errors import BotdeckError
from botdeck.settings import BOT_NAME, EVERY_BOT, BotSettings, DeckSettings, Settings

_EVERYBODYS = frozenset({"__main__", "app", "bot", "index", "main", "run", "server", "src", "start"})
"""Names of scripts that say nothing about the bot: its folder's name says more."""
_SCRIPT = re.compile(r"[^-].*\.(py|js|mjs|cjs|ts|sh|rb|pl|php|lua|jar)\Z")
_SYSTEM_FOLDERS = frozenset({"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"})
"""Where every PATH looks, that of the runner too."""


class RunRefused(BotdeckError):
    """Nothing was written and nothing started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for: this command in this folder, under that name if one was said."""

    command: tuple[str, ...]
    """With the program's path, where the runner might not find its name."""
    as_said: tuple[str, ...]
    cwd: Path
    name: str | None

    @classmethod
    def of(cls, command: list[str], cwd: Path, name: str | None) -> "Wish":
        """Raises RunRefused when there is no such program, or no bot can be called that."""
        if name is not None and (not BOT_NAME.match(name) or name == EVERY_BOT):
            raise RunRefused(
                f"No bot can be called {name!r}. Say letters, digits, '_', '-' and '.', such as: "
                f"--name {bot_name(name)}"
            )
        return cls((_program(command[0], cwd), *command[1:]), tuple(command), cwd, name)

    def is_met_by(self, bot: BotSettings) -> bool:
        return bot.command in (self.command, self.as_said) and bot.cwd.resolve() == self.cwd.resolve()

    def draft(self, name: str) -> Draft:
        draft = Draft(name, "botdeck run", {"command": list(self.command), "cwd": self.cwd})
        if (self.cwd / ".env").is_file():
            draft.settings["env_file"] = self.cwd / ".env"
        return draft


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Several `botdeck run` in one folder write its botdeck.toml one after the other."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise RunRefused(f"The folder {folder} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def known_bot(settings: Settings, wish: Wish) -> BotSettings | None:
    """The one that is already what is wished for. Raises RunRefused when the name belongs to another."""
    same = [bot for bot in settings.bots if wish.is_met_by(bot)]
    if wish.name is None and len(same) == 1:
        return same[0]
    name = name_for(wish)
    there = settings.bot(name)
    if there is None or there in same:
        return there
    where = "" if there.cwd == wish.cwd else f" in {there.cwd}"
    raise RunRefused(
        f"{settings.path} has a [bots.{name}] already, which runs another command: {shlex.join(there.command)}{where}. "
        f"Say `botdeck start {name}` to run that one, or another name for this one: botdeck run --name NAME -- "
        f"{shlex.join(wish.as_said)}"
    )


def name_for(wish: Wish) -> str:
    """The one that was said, else after the script, else after the folder."""
    if wish.name is not None:
        return wish.name
    words = wish.as_said
    scripts = [Path(word).stem for word in words if _SCRIPT.match(word)]
    if "-m" in words[1:-1]:
        scripts = [words[words.index("-m") + 1]]
    elif not scripts and "/" in words[0] and not Path(words[0]).is_absolute():
        scripts = [Path(words[0]).name]
    script = scripts[0] if scripts else ""
    return bot_name(wish.cwd.name if script.lower() in {"", *_EVERYBODYS} else script)


def add(path: Path, wish: Wish) -> Settings:
    """Appends its table; makes the file if there is none. Raises RunRefused, ImportRefused."""
    umask = os.umask(0o077)
    os.umask(umask)
    begin = "" if path.exists() else _beginning()
    try:
        return Destination(path, begin).append([wish.draft(name_for(wish))], mode=0o666 & ~umask)
    except OSError as error:
        raise RunRefused(f"{path} cannot be written: {error.strerror or error}. Nothing was started.") from None


def _beginning() -> str:
    """Of a new botdeck.toml: the deck of another folder may have the usual port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((DeckSettings.host, DeckSettings.port))
        except OSError:
            probe.bind((DeckSettings.host, 0))
        else:
            return ""
        port = probe.getsockname()[1]
    return f"[deck]\nport = {port}  # {DeckSettings.port} was taken\n"


def _program(word: str, cwd: Path) -> str:
    """As it goes into the file: what a virtual environment or the like has put on this shell's PATH by its path."""
    found = shutil.which(str(cwd / word) if "/" in word else word)
    if found is None:
        there = "/" in word and (cwd / word).exists()
        why = "is no program that you may run; chmod +x may help" if there else "is no program here or on your PATH"
        raise RunRefused(f"'{word}' {why}. Nothing was written.")
    found = os.path.abspath(found)
    return word if "/" in word or os.path.dirname(found) in _SYSTEM_FOLDERS else found
