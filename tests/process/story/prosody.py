"""A real prosody with a house for rooms, its accounts, and people in it."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from ..irc_world import free_port, wait_for
from .person import Person
from .server import answers, start_as_nobody
from .stage import DEADLINE_S, HERE, Environment

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
  muc_room_default_public_jids = {public_addresses}
"""
"""In its rooms each message gets an id from the server."""
PEOPLE = ("ann", "bob")


class Prosody:
    """`public_addresses` says whether people in a room see each other's."""

    def __init__(self, *, public_addresses: bool = True) -> None:
        self._ends = contextlib.ExitStack()
        self._home = Path(tempfile.mkdtemp(prefix="botdeck-prosody-", dir="/var/tmp"))
        self._ends.callback(shutil.rmtree, self._home)
        self.port = free_port()
        self._write_home("true" if public_addresses else "false")
        server = start_as_nobody(["prosody", "--config", str(self._home / "prosody.cfg.lua"), "-F"], self._home)
        self._ends.callback(server.close)
        wait_for(lambda: answers(self.port), f"prosody: {server.log()}", DEADLINE_S)

    def close(self) -> None:
        self._ends.close()

    def person(self, name: str) -> Person:
        """In the room."""
        command = [Environment("slixmpp").python(), str(HERE / "people/xmpp.py"), name, str(self.port)]
        person = Person(command, self._home / f"{name}.log")
        self._ends.callback(person.close)
        wait_for(lambda: ["here", name] in person.saw(), f"{name} in the room", DEADLINE_S)
        return person

    def _write_home(self, public_addresses: str) -> None:
        config = CONFIG.format(home=self._home, port=self.port, public_addresses=public_addresses)
        (self._home / "prosody.cfg.lua").write_text(config)
        accounts = self._home / "data/localhost/accounts"
        accounts.mkdir(parents=True)
        for name in ("bot", *PEOPLE):
            (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "pw-{name}"; }};\n')
