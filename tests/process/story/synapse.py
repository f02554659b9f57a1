"""A real Synapse: the homeserver that most of Matrix runs on, with SQLite, alone in the world and without limits."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ..irc_world import free_port, wait_for
from .server import start
from .stage import DEADLINE_S, Environment

SECRET = "only-for-tests"
CONFIG = """\
server_name: localhost
report_stats: false
listeners:
  - {{port: {port}, bind_addresses: ["127.0.0.1"], type: http, tls: false, resources: [{{names: [client]}}]}}
database: {{name: sqlite3, args: {{database: {home}/homeserver.db}}}}
signing_key_path: {home}/signing.key
registration_shared_secret: {secret}
macaroon_secret_key: {secret}
form_secret: {secret}
trusted_key_servers: []
suppress_key_server_warning: true
federation_domain_whitelist: []
enable_media_repo: false
presence: {{enabled: false}}
rc_message: {{per_second: 1000, burst_count: 1000}}
rc_login: {{address: {{per_second: 100, burst_count: 100}}, account: {{per_second: 100, burst_count: 100}}}}
rc_joins: {{local: {{per_second: 100, burst_count: 100}}}}
default_room_version: "10"
"""
"""Rooms of newer versions have ids without a server's name, to which matrix-commander cannot send."""


class Synapse:
    def __init__(self) -> None:
        self._ends = contextlib.ExitStack()
        home = Path(tempfile.mkdtemp(prefix="botdeck-synapse-", dir="/var/tmp"))
        self._ends.callback(shutil.rmtree, home)
        self.port = free_port()
        key = base64.b64encode(os.urandom(32)).decode().rstrip("=")
        (home / "signing.key").write_text(f"ed25519 a_test {key}\n")
        (home / "homeserver.yaml").write_text(CONFIG.format(home=home, port=self.port, secret=SECRET))
        python = Environment("synapse").python()
        self._server = start([python, "-m", "synapse.app.homeserver", "-c", "homeserver.yaml"], home)
        self._ends.callback(self._server.close)

    def wait_and_register(self, *names: str) -> None:
        wait_for(self._answers, f"Synapse: {self._server.log()[-2000:]}", DEADLINE_S)
        for name in names:
            self._register(name)

    def close(self) -> None:
        self._ends.close()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            self._ask("/_matrix/client/versions")
            return True
        return False

    def _register(self, name: str) -> None:
        """With the secret that its administrator has; the password is `pw-NAME`."""
        path = "/_synapse/admin/v1/register"
        nonce = self._ask(path)["nonce"]
        signed = "\0".join((nonce, name, f"pw-{name}", "notadmin"))
        mac = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha1).hexdigest()
        self._ask(path, {"nonce": nonce, "username": name, "password": f"pw-{name}", "admin": False, "mac": mac})

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=30) as answer:
            return json.load(answer)
