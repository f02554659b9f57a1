"""Real servers, run with a configuration and a folder of their own."""

import contextlib
import os
import pwd
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path


class Server:
    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def start(command: Sequence[str], home: Path, *, user: str | None = None) -> Server:
    log = home / "server.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            group="nogroup" if user else None,
            extra_groups=[] if user else None,
        )
    return Server(process, log)


def start_as_nobody(command: Sequence[str], home: Path) -> Server:
    """Servers do not want to be root. Who is not, runs them as who they are."""
    if os.geteuid() != 0:
        return start(command, home)
    nobody = pwd.getpwnam("nobody")
    for folder, _, files in os.walk(home):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return start(command, home, user="nobody")


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
