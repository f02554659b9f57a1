"""Getting what others made: Debian packages on the system, and any installer's last words when it fails."""

import os
import shutil
import subprocess


class NotToBeHad(Exception):
    """Why a peer takes no part."""


def debian(program: str, package: str) -> None:
    """Unless the program is there. Raises NotToBeHad."""
    if not shutil.which(program):
        debian_packages(package)


def debian_packages(*packages: str) -> None:
    """Raises NotToBeHad."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    install = [*root, "apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]
    try:
        do(*install)
    except NotToBeHad:  # the list of packages may be missing or old
        do(*root, "apt-get", "update", "-qq")
        do(*install)


def do(*command: str) -> None:
    """Raises NotToBeHad."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise NotToBeHad(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise NotToBeHad(words[-1] if words else f"{command[0]} ended with {done.returncode}")


def output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
