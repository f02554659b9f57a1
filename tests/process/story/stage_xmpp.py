"""slixmpp on a real prosody, with slixmpp clients as people."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from ..irc_world import free_port, wait_for
from .person import Person
from .relay import Relay
from .server import answers, start_as_nobody
from .stage import DEADLINE_S, HERE, BotProcess, Environment, Stage

CONFIG = """\
pidfile = ""
data_path = "{home}/data"
certificates = "{home}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }} s2s_ports = {{ }} http_ports = {{ }} https_ports = {{ }}
modules_enabled = {{ "roster"; "saslauth"; "disco" }}
modules_disabled = {{ "s2s"; "tls"; "posix" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
log = {{ info = "*console" }}
VirtualHost "localhost"
Component "rooms.localhost" "muc"
  modules_enabled = {{ "muc_mam" }}
  muc_room_locking = false
  muc_room_default_public_jids = true
"""
"""In this room people see each other's addresses, and each message gets an id from the server."""
PEOPLE = ("ann", "bob")


class SlixmppStage(Stage):
    name = "slixmpp"
    platform = "xmpp"
    requirements = "slixmpp"
    kind = "prefix"
    file = "slixmpp_bot.py"
    tells_unknown_commands = False  # the library knows no commands, so it knows of none that there is not
    one_line = True
    outcomes = (("ping", "ok"), ("boom", "error"), ("nosuch", "ok"), ("slow", "ok"), ("ping", "ok"))

    def open(self) -> None:
        self._ends = contextlib.ExitStack()
        home = Path(tempfile.mkdtemp(prefix="botdeck-prosody-", dir="/var/tmp"))
        self._ends.callback(shutil.rmtree, home)
        port = free_port()
        self._write_home(home, port)
        server = start_as_nobody(["prosody", "--config", str(home / "prosody.cfg.lua"), "-F"], home)
        self._ends.callback(server.close)
        wait_for(lambda: answers(port), f"prosody: {server.log()}", DEADLINE_S)
        self._relay = Relay(port)
        self._ends.callback(self._relay.close)
        self._people = {name: self._person(name, port, home) for name in PEOPLE}

    def _write_home(self, home: Path, port: int) -> None:
        (home / "prosody.cfg.lua").write_text(CONFIG.format(home=home, port=port))
        accounts = home / "data/localhost/accounts"
        accounts.mkdir(parents=True)
        for name in ("bot", *PEOPLE):
            (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "pw-{name}"; }};\n')

    def _person(self, name: str, port: int, home: Path) -> Person:
        command = [Environment(self.requirements).python(), str(HERE / "people/xmpp.py"), name, str(port)]
        person = Person(command, home / f"{name}.log")
        self._ends.callback(person.close)
        wait_for(lambda: ["here", name] in person.saw(), f"{name} in the room", DEADLINE_S)
        return person

    def close(self) -> None:
        self._ends.close()

    def bot(self) -> BotProcess:
        return self.ordinary_bot(XMPP_PORT=str(self._relay.port))

    def wait_for_bot(self) -> None:
        self._wait_for_arrivals(1)

    def _wait_for_arrivals(self, number: int) -> None:
        def arrived() -> bool:
            return self._people["ann"].saw().count(["here", "bot"]) >= number

        wait_for(arrived, f"the bot in the room for the {number}. time: {self._people['ann'].log()}", DEADLINE_S)

    def say(self, person: str, text: str) -> None:
        """Waits until it is in the room, so that what two people say has an order."""
        before = self._people["ann"].saw().count(["said", person, text])
        self._people[person].say(text)
        wait_for(lambda: self._people["ann"].saw().count(["said", person, text]) > before, f"{text!r} in the room")

    def command(self, person: str, name: str) -> None:
        self.say(person, f"!{name}")

    def heard(self) -> list[str]:
        return [seen[2] for seen in self._people["ann"].saw() if seen[:2] == ["said", "bot"]]

    def user_id(self, person: str) -> str:
        return f"xmpp:{person}@localhost"

    def cut(self) -> None:
        self._relay.cut()
        self._wait_for_arrivals(2)
