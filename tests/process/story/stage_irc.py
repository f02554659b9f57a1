"""The irc library and Sopel on a real ngircd, with the client ii as people: nothing here is ours but the bots."""

import contextlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..irc_world import CHANNEL, SopelWorld, free_port, wait_for
from .relay import Relay
from .server import answers, start_as_nobody
from .stage import DEADLINE_S, HERE, BotProcess, Stage

CONFIG = """\
[Global]
Name = irc.botdeck.test
Network = botdeck
Info = A server for tests
AdminEMail = nobody@localhost
Listen = 127.0.0.1
Ports = {port}
MotdPhrase = hello
[Options]
PAM = no
Ident = no
DNS = no
[Limits]
MaxConnectionsIP = 0
MaxPenaltyTime = 0
"""
"""Without penalties, which keep those who write a lot waiting."""
_SAID = re.compile(r"^\S+ (?:\d\d:\d\d )?<(\S+)> (.*)$")


class IrcPerson:
    """Types into ii's pipe, and reads what ii writes down of the channel."""

    def __init__(self, nick: str, port: int, home: Path) -> None:
        folder = home / nick
        command = ["ii", "-s", "127.0.0.1", "-p", str(port), "-i", str(folder), "-n", nick]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        server, self._channel = folder / "127.0.0.1", folder / "127.0.0.1" / CHANNEL
        wait_for((server / "in").exists, f"ii of {nick}", DEADLINE_S)
        self._type(server / "in", f"/j {CHANNEL}")
        wait_for((self._channel / "in").exists, f"{nick} in the channel", DEADLINE_S)

    def say(self, text: str) -> None:
        self._type(self._channel / "in", text)

    def heard(self, nick: str) -> list[str]:
        said = map(_SAID.match, self._lines())
        return [each[2] for each in said if each and each[1] == nick]

    def arrivals(self, nick: str) -> int:
        return len([line for line in self._lines() if f"{nick}(" in line and "has joined" in line])

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _lines(self) -> list[str]:
        return (self._channel / "out").read_text().splitlines()

    @staticmethod
    def _type(pipe: Path, text: str) -> None:
        with pipe.open("w") as typing:
            typing.write(f"{text}\n")


class IrcStage(Stage):
    name = "irc"
    platform = "irc"
    requirements = "irc"
    kind = "prefix"
    file = "irc_bot.py"
    tells_unknown_commands = False  # the library knows no commands, so it knows of none that there is not
    tells_message_ids = False  # IRC has none
    one_line = True
    outcomes = (("ping", "ok"), ("boom", "error"), ("nosuch", "ok"), ("slow", "ok"), ("ping", "ok"))
    nick = "bot"
    prefix = "!"

    def open(self) -> None:
        self._ends = contextlib.ExitStack()
        home = Path(tempfile.mkdtemp(prefix="botdeck-ngircd-", dir="/var/tmp"))
        self._ends.callback(shutil.rmtree, home)
        port = free_port()
        (home / "ngircd.conf").write_text(CONFIG.format(port=port))
        server = start_as_nobody([shutil.which("ngircd") or "/usr/sbin/ngircd", "-n", "-f", "ngircd.conf"], home)
        self._ends.callback(server.close)
        wait_for(lambda: answers(port), f"ngircd: {server.log()}", DEADLINE_S)
        self._relay = Relay(port)
        self._ends.callback(self._relay.close)
        self._people = {nick: self._person(nick, port, home) for nick in ("ann", "bob")}

    def _person(self, nick: str, port: int, home: Path) -> IrcPerson:
        person = IrcPerson(nick, port, home)
        self._ends.callback(person.close)
        return person

    def close(self) -> None:
        self._ends.close()

    def bot(self) -> BotProcess:
        return self.ordinary_bot(IRC_PORT=str(self._relay.port))

    def wait_for_bot(self) -> None:
        self._wait_for_arrivals(1)

    def _wait_for_arrivals(self, number: int) -> None:
        arrived = lambda: self._people["ann"].arrivals(self.nick) >= number  # noqa: E731
        wait_for(arrived, f"{self.nick} in the channel for the {number}. time", DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        """Waits until the other one hears it, so that what two people say has an order."""
        other = self._people["bob" if person == "ann" else "ann"]
        before = other.heard(person).count(text)
        self._people[person].say(text)
        wait_for(lambda: other.heard(person).count(text) > before, f"{text!r} in the channel", DEADLINE_S)

    def command(self, person: str, name: str) -> None:
        self.say(person, f"{self.prefix}{name}")

    def heard(self) -> list[str]:
        return self._people["ann"].heard(self.nick)

    def user_id(self, person: str) -> str:
        return f"irc:botdeck/{person}"

    def cut(self) -> None:
        self._relay.cut()
        self._wait_for_arrivals(2)


class SopelStage(IrcStage):
    """Sopel as the demo installs it, run by its own command and with one plugin."""

    name = "sopel"
    requirements = "irc"
    file = "sopel_bot.py"
    one_line = False
    outcomes = (("ping", "ok"), ("boom", "error"), ("slow", "ok"), ("ping", "ok"))
    nick = "sopel"
    prefix = "."

    def bot(self) -> BotProcess:
        world = SopelWorld(self._relay.port)
        self._ends.callback(world.close)
        config = world.home / "demo/sopel.cfg"
        plugins = world.home / "demo/sopel/plugins"
        plugins.mkdir()
        shutil.copy(HERE / "bots" / self.file, plugins)
        core, _, _ = config.read_text().partition("enable =")
        config.write_text(f"{core}enable =\n    sopel_bot\nreply_errors = false\nflood_burst_lines = 50\n")
        bot = world.bot("sopel")
        return BotProcess(bot.command, bot.env, bot.user)

    def user_id(self, person: str) -> str:
        """Sopel misses ngircd's announcement of its network (it waits for other words), so the host stands for it."""
        return f"irc:127.0.0.1/{person}"
