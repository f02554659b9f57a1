"""Getting the peers: Python and npm packages into .bench/, Debian packages on the system. What cannot be had is left
out of the comparison, with the reason."""

import os
import shutil
import subprocess
import sys
import venv

from bench.peers import HOME, ROOT, Peer
from bench.peers.botdeck import Botdeck
from bench.peers.circus import Circus
from bench.peers.folders import S6, Runit
from bench.peers.pm2 import CLI, Pm2
from bench.peers.supervisord import Supervisord

PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (Botdeck, Supervisord, Circus, Pm2, Runit, S6)}
PYTHON_PACKAGES = ("supervisor==4.3.0", "circus==0.19.0")
PM2_PACKAGE = "pm2@7.0.4"


class NotToBeHad(Exception):
    """Why a peer takes no part."""


def install(peer: type[Peer]) -> None:
    """Once; the next time it is there. Raises NotToBeHad."""
    if peer in (Supervisord, Circus):
        _python_packages()
    elif peer is Pm2:
        _pm2()
    elif peer is Runit:
        _debian("runsvdir", "runit")
    elif peer is S6:
        _debian("s6-svscan", "s6")


def version(peer: type[Peer]) -> str:
    if peer is Botdeck:
        from botdeck import __version__

        return __version__
    if peer in (Supervisord, Circus):
        package = next(package for package in PYTHON_PACKAGES if package.startswith(peer.name.removesuffix("d")))
        return package.partition("==")[2]
    if peer is Pm2:
        return PM2_PACKAGE.partition("@")[2]
    return _output("dpkg-query", "-W", "-f", "${Version}", peer.name) or "?"


def _python_packages() -> None:
    if (HOME / "python/bin/supervisord").exists() and (HOME / "python/bin/circusd").exists():
        return
    venv.create(HOME / "python", with_pip=True, clear=True)
    _do(str(HOME / "python/bin/pip"), "install", "--quiet", "--disable-pip-version-check", *PYTHON_PACKAGES)


def _pm2() -> None:
    if CLI.exists():
        return
    folder = HOME / "pm2"
    folder.mkdir(parents=True, exist_ok=True)
    npm = [str(ROOT / "frontend/with-node"), "npm", "--prefix", str(folder)]
    _do(*npm, "install", "--no-progress", "--loglevel=error", PM2_PACKAGE)


def _debian(program: str, package: str) -> None:
    if shutil.which(program):
        return
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    install = [*root, "apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
    try:
        _do(*install)
    except NotToBeHad:  # the list of packages may be missing or old
        _do(*root, "apt-get", "update", "-qq")
        _do(*install)


def _do(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise NotToBeHad(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise NotToBeHad(words[-1] if words else f"{command[0]} ended with {done.returncode}")


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def ready(names: list[str]) -> tuple[dict[str, type[Peer]], dict[str, str]]:
    """The peers of these names that can be had, and why the others cannot."""
    there: dict[str, type[Peer]] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            install(PEERS[name])
            there[name] = PEERS[name]
        except NotToBeHad as reason:
            missing[name] = str(reason)
            print(f"{name} takes no part: {reason}", file=sys.stderr)
    return there, missing
