"""Putting drafts into botdeck.toml: checked before it is written, appended, and written as a whole or not at all."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from botdeck.cli.importers.draft import Draft, ImportRefused
from botdeck.cli.importers.toml_text import bot_table
from botdeck.errors import ConfigError
from botdeck.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Destination:
    """A botdeck.toml, which may still have to be made."""

    path: Path
    beginning: str = ""
    """What a new one begins with."""

    def text(self, drafts: list[Draft], *, hide_env: bool = False) -> str:
        """What is appended for them."""
        folder = self.path.absolute().parent
        return "\n".join(bot_table(draft, folder, hide_env=hide_env) for draft in drafts)

    def clashes(self, drafts: list[Draft]) -> list[str]:
        """A sentence for each name that would be there twice. Raises ConfigError when the file is broken."""
        known = {bot.name for bot in load_settings(self.path).bots} if self.path.exists() else set()
        sentences = []
        for number, draft in enumerate(drafts):
            first = next((other for other in drafts[:number] if other.name == draft.name), None)
            if draft.name in known:
                sentences.append(f"{draft.where}: {self.path} has a [bots.{draft.name}] already")
            elif first:
                sentences.append(f"{draft.where}: {first.where} has a {draft.name}, too")
        return sentences

    def append(self, drafts: list[Draft], *, mode: int) -> Settings:
        """A new file gets `mode`; one that exists keeps its own, and its owner. Raises ImportRefused, OSError."""
        path = self.path.resolve()  # what a link leads to, so that it stays a link
        before = path.read_bytes().decode() if path.exists() else self.beginning
        end = "\r\n" if "\r\n" in before else "\n"
        gap = "" if not before else end if before.endswith("\n") else end * 2
        with _written_beside(path, before + gap + self.text(drafts).replace("\n", end)) as temporary:
            settings = self._checked(temporary)
            _like(path, temporary, mode)
            temporary.replace(path)
        return settings

    def _checked(self, temporary: Path) -> Settings:
        try:
            return load_settings(temporary)
        except ConfigError as error:
            words = str(error).replace(str(temporary), str(self.path))
            raise ImportRefused(f"Nothing was written, for {self.path} could not be read with it: {words}") from None


@contextlib.contextmanager
def _written_beside(path: Path, text: str) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(fd)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _like(path: Path, temporary: Path, mode: int) -> None:
    if not path.exists():
        temporary.chmod(mode)
        return
    there = path.stat()
    with contextlib.suppress(PermissionError):  # only root gives files away
        os.chown(temporary, there.st_uid, there.st_gid)
    temporary.chmod(stat.S_IMODE(there.st_mode))
