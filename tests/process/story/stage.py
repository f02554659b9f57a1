"""What a story needs to know of one library on one platform, and the environment in which its bot runs."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..irc_world import wait_for

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the pins of `requirements/bots/NAME.txt`, kept in `.bots/NAME` of the checkout."""

    name: str

    def python(self) -> str:
        """Makes the environment when it is missing or has other pins; tests in other processes wait for it."""
        self._folder.parent.mkdir(exist_ok=True)
        with (self._folder.parent / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._stamp.exists() or self._stamp.read_text() != self._wanted:
                self._make()
        return str(self._folder / "bin/python")

    def _make(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(self._folder))
        _uv("pip", "install", "--python", str(self._folder / "bin/python"), "-r", str(self._pins))
        self._stamp.write_text(self._wanted)

    @property
    def _folder(self) -> Path:
        return ROOT / ".bots" / self.name

    @property
    def _stamp(self) -> Path:
        return self._folder / "pins.sha256"

    @property
    def _pins(self) -> Path:
        return ROOT / "requirements/bots" / f"{self.name}.txt"

    @property
    def _wanted(self) -> str:
        return hashlib.sha256(self._pins.read_bytes() + sys.version.encode()).hexdigest()


def _uv(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", "--quiet", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"uv {' '.join(words)}: {done.stderr}"


@dataclass(frozen=True)
class BotProcess:
    """How an ordinary bot is started. `command` is a Python and the bot's file, which has `bot` and `main()`, so that
    the story can also start it with one line (`one_line.py`)."""

    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None


class Stage(ABC):
    """One library on one platform. Class attributes say where libraries differ; methods, how people get at the bot."""

    name: str
    """As pytest shows it, such as "discord.py slash"."""
    platform: str
    """Prefix of user ids, and `chat.platform`."""
    requirements: str
    """Name of the file in `requirements/bots`, without `.txt`."""
    kind: str
    """Of its commands: prefix, slash, handler ..."""
    file: str
    """Of the bot, in `bots/`."""

    commands_are_messages = True
    """A command arrives as a message of its own, which is counted as well."""
    tells_unknown_commands = True
    tells_message_ids = True
    hears_text = True
    """False where the platform keeps the text of ordinary messages from this bot, whose sizes are 0 then."""
    resumes = True
    """The connection is one that drops, and both that and its return are told."""
    says_when_it_fails: Sequence[str] = ()
    """What the library itself tells people when a command raises."""
    raises = "raise LookupError"
    """In the stack trace of the command that fails."""
    prints_in_order = True
    """Not so where several threads of the library print."""
    one_line = False
    """Its bot is also started with the one line (for at least one stage of an adapter)."""
    slow = False
    """Too heavy for every run of the tests; `make test-slow` plays it."""
    outcomes: Sequence[tuple[str, str]] = (("ping", "ok"), ("boom", "error"), ("slow", "ok"), ("ping", "ok"))
    """Of the commands that the story plays, in the order in which they finish."""

    @abstractmethod
    def open(self) -> None:
        """Start the server side, on free loopback ports."""

    @abstractmethod
    def close(self) -> None:
        """End it; also when `open` failed."""

    @abstractmethod
    def bot(self) -> BotProcess: ...

    @abstractmethod
    def wait_for_bot(self) -> None:
        """Until the bot would hear what people say now."""

    @abstractmethod
    def say(self, person: str, text: str) -> None:
        """An ordinary message of a person where the bot is."""

    @abstractmethod
    def command(self, person: str, name: str) -> None:
        """In the way that is usual for the library. People may also call what does not exist."""

    @abstractmethod
    def heard(self) -> list[str]:
        """What the bot has said to people so far, in order."""

    @abstractmethod
    def user_id(self, person: str) -> str:
        """As events have it, such as "discord:1001"."""

    @abstractmethod
    def cut(self) -> None:
        """The connection drops. Returns when the library has come back by itself."""

    def wait_to_hear(self, text: str, times: int = 1) -> None:
        wait_for(lambda: self.heard().count(text) >= times, f"{text!r}; heard: {self.heard()}", DEADLINE_S)

    def ordinary_bot(self, **env: str) -> BotProcess:
        """The bot of `file` in the environment of `requirements`. `ELSEWHERE` in `env` is for `elsewhere/`."""
        command = [Environment(self.requirements).python(), str(HERE / "bots" / self.file)]
        return BotProcess(command, {"PYTHONPATH": str(HERE / "elsewhere"), **env})
