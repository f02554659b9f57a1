"""A real chat server, real bots and scripted people, for tests of what the SDK tells about them."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from botdeck.runner.environment import node_options
from botdeck.sdk.install import copy_sdk, node_preload
from botdeck.settings import BotSettings, load_settings

ROOT = Path(__file__).parents[2]
CHANNEL = "#botdeck"
T = TypeVar("T")


def wait_for(what: Callable[[], T], reason: str, timeout_s: float = 30.0) -> T:
    deadline = time.monotonic() + timeout_s
    while not (answer := what()):
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {reason}"
        time.sleep(0.02)
    return answer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class User:
    """A person at the keyboard: what is typed is known to the byte, and what is seen is kept."""

    def __init__(self, port: int, nick: str) -> None:
        self.nick = nick
        self.seen: list[tuple[str, str]] = []
        self.names: set[str] = set()
        self._rest = b""
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.settimeout(0.05)
        self.send(f"NICK {nick}", f"USER {nick} 0 * :{nick}", f"JOIN {CHANNEL}")
        self.wait_for_nick(nick)

    def send(self, *lines: str) -> None:
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def say(self, text: str, to: str = CHANNEL) -> None:
        self.send(f"PRIVMSG {to} :{text}")

    def wait_to_see(self, text: str, *, from_nick: str, timeout_s: float = 30.0) -> str:
        """The first message of that nick that holds the text; messages up to it are read off `seen` only once."""
        return wait_for(
            lambda: next((said for nick, said in self.look() if nick == from_nick and text in said), ""),
            f"{from_nick} to say {text!r}; seen: {self.seen}",
            timeout_s,
        )

    def wait_for_nick(self, nick: str) -> None:
        def asked() -> bool:
            self.send(f"NAMES {CHANNEL}", f"JOIN {CHANNEL}")  # this server tells the names after a JOIN only
            self.look()
            return nick in self.names

        wait_for(asked, f"{nick} in {CHANNEL}", 60)

    def look(self) -> list[tuple[str, str]]:
        with contextlib.suppress(TimeoutError):
            while chunk := self._socket.recv(65536):
                self._rest += chunk
        *lines, self._rest = self._rest.split(b"\r\n")
        for line in lines:
            self._take(line.decode())
        return self.seen

    def _take(self, line: str) -> None:
        words = line.split(" ", 3)
        if len(words) == 4 and words[1] == "PRIVMSG":
            self.seen.append((words[0][1:].partition("!")[0], words[3][1:]))
        elif len(words) == 4 and words[1] == "353":
            self.names = set(words[3].partition(":")[2].replace("@", "").split())

    def close(self) -> None:
        self._socket.close()


class World:
    """One chat server and what runs around it; `close` ends all of it."""

    def __init__(self, irc_port: int | None = None) -> None:
        # Not pytest's folder: that is closed to the user whom Sopel runs as.
        self.home = Path(tempfile.mkdtemp(prefix="botdeck-test-", dir="/var/tmp"))
        self.home.chmod(0o755)
        self.irc_port = irc_port or free_port()
        self.autoload = copy_sdk(self.home / "sdk")
        self.server: subprocess.Popen[bytes] | None = None
        self._running: list[subprocess.Popen[bytes]] = []
        self._users: list[User] = []

    def start_server(self) -> None:
        command = [sys.executable, "-m", "irc.server", "-a", "127.0.0.1", "-p", str(self.irc_port), "-l", "ERROR"]
        self.server = self.start("server", command)
        wait_for(self._answers, "the chat server")

    def user(self, nick: str) -> User:
        self._users.append(User(self.irc_port, nick))
        return self._users[-1]

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        autoload: bool = False,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """As the runner would: output to a file, BOTDECK_* in the environment, the autoload folder before the rest."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("BOTDECK_", "PYTHON"))} | dict(
            env or {}
        )
        if autoload:
            path = [str(self.autoload), *filter(None, [environment.get("PYTHONPATH")])]
            environment["PYTHONPATH"] = os.pathsep.join(path)
            environment |= node_options("", node_preload(self.autoload))
            environment |= {"BOTDECK_BOT": name, "BOTDECK_RUN": "run-1", "BOTDECK_EVENTS": str(self.events_file(name))}
            self.events_file(name).touch()
            self.events_file(name).chmod(0o666)
        with self.output_file(name).open("ab") as output:
            process = subprocess.Popen(
                command,
                env=environment,
                cwd=cwd or self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=user,
                group="nogroup" if user else None,
                extra_groups=[] if user else None,
            )
        self._running.append(process)
        return process

    def output_file(self, name: str) -> Path:
        return self.home / f"{name}.out"

    def events_file(self, name: str) -> Path:
        return self.home / f"{name}.events"

    def output(self, name: str) -> str:
        return self.output_file(name).read_text()

    def events(self, name: str, event: str | None = None) -> list[dict[str, Any]]:
        """All whole lines so far; a line that is no JSON fails the test."""
        if not self.events_file(name).exists():
            return []
        whole = self.events_file(name).read_bytes().rpartition(b"\n")[0]
        found = [json.loads(line) for line in whole.splitlines() if line]
        return [line for line in found if event is None or line["event"] == event]

    def wait_for_events(self, name: str, event: str, number: int = 1) -> list[dict[str, Any]]:
        return wait_for(
            lambda: (found := self.events(name, event))[: len(found) * (len(found) >= number)],
            f"{number} of {event} of {name}; its output: {self.output(name)}",
        )

    def close(self) -> None:
        for user in self._users:
            user.close()
        for process in reversed(self._running):
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.home)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.irc_port), 1):
            return True
        return False


@contextlib.contextmanager
def world() -> Iterator[World]:
    it = World()
    try:
        yield it
    finally:
        it.close()


class SopelWorld(World):
    """With the demo's Sopel, from the demo's own preparation."""

    def __init__(self, irc_port: int | None = None) -> None:
        super().__init__(irc_port)
        words = ["--home", str(self.home / "demo"), "--irc-port", str(self.irc_port), "--port", "0"]
        prepared = subprocess.run(
            [sys.executable, str(ROOT / "examples/demo/prepare.py"), *words],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        self.settings = load_settings(Path(prepared.stdout.strip()))

    def start_bot(self, name: str, *, autoload: bool = True) -> subprocess.Popen[bytes]:
        bot = self.bot(name)
        return self.start(name, bot.command, env=bot.env, user=bot.user, autoload=autoload, cwd=bot.cwd)

    def bot(self, name: str) -> BotSettings:
        bot = self.settings.bot(name)
        assert bot is not None
        return bot

    def add_plugin(self, name: str, text: str) -> None:
        config = self.home / "demo/sopel.cfg"
        folder = self.home / "demo/sopel/plugins"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        config.write_text(config.read_text().replace("enable =\n", f"enable =\n    {name}\n"))
