"""Getting the peers: Python and npm packages into .bench/, Debian packages on the system. What cannot be had is left
out of the comparison, with the reason."""

import sys
import venv

from bench.house.packages import NotToBeHad, debian, do, output
from bench.peers import HOME, ROOT, Peer
from bench.peers.botdeck import Botdeck
from bench.peers.circus import Circus
from bench.peers.folders import S6, Runit
from bench.peers.pm2 import CLI, Pm2
from bench.peers.supervisord import Supervisord

PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in (Botdeck, Supervisord, Circus, Pm2, Runit, S6)}
PYTHON_PACKAGES = ("supervisor==4.3.0", "circus==0.19.0")
PM2_PACKAGE = "pm2@7.0.4"


def install(peer: type[Peer]) -> None:
    """Once; the next time it is there. Raises NotToBeHad."""
    if peer in (Supervisord, Circus):
        _python_packages()
    elif peer is Pm2:
        _pm2()
    elif peer is Runit:
        debian("runsvdir", "runit")
    elif peer is S6:
        debian("s6-svscan", "s6")


def version(peer: type[Peer]) -> str:
    if peer is Botdeck:
        from botdeck import __version__

        return __version__
    if peer in (Supervisord, Circus):
        package = next(package for package in PYTHON_PACKAGES if package.startswith(peer.name.removesuffix("d")))
        return package.partition("==")[2]
    if peer is Pm2:
        return PM2_PACKAGE.partition("@")[2]
    return output("dpkg-query", "-W", "-f", "${Version}", peer.name) or "?"


def _python_packages() -> None:
    if (HOME / "python/bin/supervisord").exists() and (HOME / "python/bin/circusd").exists():
        return
    venv.create(HOME / "python", with_pip=True, clear=True)
    do(str(HOME / "python/bin/pip"), "install", "--quiet", "--disable-pip-version-check", *PYTHON_PACKAGES)


def _pm2() -> None:
    if CLI.exists():
        return
    folder = HOME / "pm2"
    folder.mkdir(parents=True, exist_ok=True)
    npm = [str(ROOT / "frontend/with-node"), "npm", "--prefix", str(folder)]
    do(*npm, "install", "--no-progress", "--loglevel=error", PM2_PACKAGE)


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
