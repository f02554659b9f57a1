"""Builds the demo's home and prints the path of its botdeck.toml.

The demo is a real chat server (the one in the irc library; `chat_server.py` says what is mended) and a real bot (Sopel,
not changed), both installed as their authors publish them, and a visitor of ours that talks to the bot. Sopel refuses
to run as root; when root runs the demo, its bots run as `nobody`, with a Python and libraries that `nobody` can reach.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import random
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = ("chat_server.py", "start_sopel.py", "visitor.py")
OLDEST_PYTHON = (3, 10)
CHANNEL = "#botdeck"


class CannotPrepareError(Exception):
    """Says in one sentence why there will be no demo."""


@dataclass(frozen=True)
class Account:
    """Whom the bots run as; None is whoever runs the demo."""

    name: str | None
    uid: int
    gid: int


def main(argv: list[str] | None = None) -> int:
    os.umask(0o022)  # what is made here is read by another user
    options = parse(argv)
    try:
        print(prepare(options))
    except (CannotPrepareError, OSError) as error:
        print(f"The demo cannot be prepared: {error}", file=sys.stderr)
        return 1
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Build the demo's home and print the path of its botdeck.toml.")
    parser.add_argument("--home", type=Path, default=default_home(), help="where the demo lives (%(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="the deck's port (%(default)s)")
    parser.add_argument("--irc-port", type=int, help="the chat server's port (a free one, kept from time to time)")
    parser.add_argument("--without-visitor", action="store_true", help="leave out the visitor that talks to the bot")
    parser.add_argument("--autostart", action=argparse.BooleanOptionalAction, default=True, help="start all bots")
    return parser.parse_args(argv)


def default_home() -> Path:
    return Path(f"/var/tmp/botdeck-demo-{os.getuid()}")


def prepare(options: argparse.Namespace) -> Path:
    account = whom_bots_run_as()
    home: Path = options.home.absolute()
    make_home(home)
    python = python_for(account)
    libraries = install_libraries(python)
    irc_port = options.irc_port or remembered_port(home)
    for script in SCRIPTS:
        shutil.copyfile(HERE / script, home / script)
    write_sopel_config(home, account, irc_port)
    config = home / "botdeck.toml"
    write_whole(config, botdeck_toml(options, account, home, python, libraries, irc_port))
    return config


def whom_bots_run_as() -> Account:
    if os.geteuid() != 0:
        return Account(None, os.geteuid(), os.getegid())
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise CannotPrepareError(
            "Sopel refuses to run as root, and there is no user 'nobody' to run it as; run the demo as another user."
        ) from None
    return Account("nobody", nobody.pw_uid, nobody.pw_gid)


def make_home(home: Path) -> None:
    """Programs of ours are run from there, so nobody else may be able to put any in it."""
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o755, parents=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise CannotPrepareError(
            f"{home} should be a folder that belongs to you and that only you can write to; remove it, or say --home."
        )
    home.chmod(0o755)


def python_for(account: Account) -> str:
    """The first Python that the bots' user can run: a checkout, or a Python, below /root is out of its reach."""
    names = ["python3", *(f"python3.{minor}" for minor in range(14, 9, -1))]
    known = [sys.executable, os.path.realpath(sys.executable)]
    known += [f"{folder}/{name}" for folder in ("/usr/bin", "/usr/local/bin") for name in names]
    for python in dict.fromkeys(known):
        if os.path.exists(python) and runs(python, account):
            return python
    raise CannotPrepareError(
        f"no Python {'.'.join(map(str, OLDEST_PYTHON))} or newer was found that user {account.name or 'you'!r} can run;"
        " install one in /usr/bin (the package python3), or run the demo as another user."
    )


def runs(python: str, account: Account) -> bool:
    check = f"import sys, ssl, sqlite3; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    other = {} if account.name is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [python, "-c", check], cwd="/", env={}, capture_output=True, timeout=30, check=False, **other
        )
        return done.returncode == 0
    return False


def install_libraries(python: str) -> Path:
    """A folder with the pinned libraries, made once for each list of pins and each Python, for all homes."""
    pins = HERE / "requirements.txt"
    version = subprocess.run([python, "-VV"], capture_output=True, check=True).stdout
    name = "lib-" + hashlib.sha256(pins.read_bytes() + version).hexdigest()[:12]
    shelf = default_home()
    make_home(shelf)
    with locked(shelf / "lib.lock"):
        if not (shelf / name).is_dir():
            building = Path(tempfile.mkdtemp(prefix=".lib-", dir=shelf))
            try:
                pip_install(python, pins, building)
                building.chmod(0o755)
                building.rename(shelf / name)
            finally:
                shutil.rmtree(building, ignore_errors=True)
    return shelf / name


def pip_install(python: str, pins: Path, target: Path) -> None:
    print(f"Installing Sopel and an IRC server into {target.parent} (once) ...", file=sys.stderr)
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-warn-script-location"]
    command = [sys.executable, "-m", "pip", "--python", python, "install", *quiet]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    done = subprocess.run(
        [*command, "--target", str(target), "-r", str(pins)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip() or f"pip ended with {done.returncode}").splitlines()[-1]
        raise CannotPrepareError(f"pip could not install {pins}: {why}")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remembered_port(home: Path) -> int:
    """The one of the last time, so that a chat server that still runs and a bot that starts now meet."""
    kept = home / "irc-port"
    with contextlib.suppress(OSError, ValueError):
        port = int(kept.read_text())
        if is_free(port) or is_chat_server(port):
            return port
    # Below the ports that the kernel hands out to those who do not care.
    port = next(port for port in random.sample(range(20000, 32000), 200) if is_free(port))
    kept.write_text(f"{port}\n")
    return port


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_chat_server(port: int) -> bool:
    """Whether it answers as irc.server does to a question that needs no nick."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as connection:
        connection.settimeout(2)
        connection.sendall(b"PING :demo\r\n")
        return b"PONG" in connection.recv(200)
    return False


def write_sopel_config(home: Path, account: Account, irc_port: int) -> None:
    sopel_home = home / "sopel"
    sopel_home.mkdir(exist_ok=True)
    text = (HERE / "sopel.cfg").read_text()
    settings = {"@HOME@": str(sopel_home), "@PORT@": str(irc_port), "@CHANNEL@": CHANNEL}
    for mark, value in settings.items():
        text = text.replace(mark, value)
    write_whole(home / "sopel.cfg", text)
    if account.name is not None:
        os.chown(sopel_home, account.uid, account.gid)


def botdeck_toml(
    options: argparse.Namespace, account: Account, home: Path, python: str, libraries: Path, irc_port: int
) -> str:
    server = ["127.0.0.1", str(irc_port)]
    bots: dict[str, dict[str, object]] = {
        "sopel": {
            "description": "Sopel, an IRC bot as its authors published it",
            "command": [python, str(home / "start_sopel.py"), *server, str(home / "sopel.cfg")],
        },
        "visitor": {
            "description": "Botdeck's demo visitor: a script that talks to Sopel",
            "command": [python, str(home / "visitor.py"), *server, CHANNEL],
        },
        "chat-server": {
            "description": "The IRC server of the irc library, where the two meet",
            "command": [python, str(home / "chat_server.py"), "-a", server[0], "-p", server[1]],
        },
    }
    if options.without_visitor:
        del bots["visitor"]
    common: dict[str, object] = {"autostart": options.autostart, "env": {"PYTHONPATH": str(libraries)}}
    if account.name is not None:
        common["user"] = account.name
    deck = {"host": "127.0.0.1", "port": options.port, "default_bot": "sopel"}
    text = "# Written by examples/demo/prepare.py, anew each time.\n\n[deck]\n" + toml_lines(deck)
    for name, settings in bots.items():
        text += f"\n[bots.{name}]\n" + toml_lines({**settings, **common})
    return text


def toml_lines(table: Mapping[str, object]) -> str:
    return "".join(f"{key} = {toml(value)}\n" for key, value in table.items())


def toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers, flags and lists of them look the same in both


def write_whole(path: Path, text: str) -> None:
    """At once, because a runner may be reading it."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.rename(path)


if __name__ == "__main__":
    sys.exit(main())
