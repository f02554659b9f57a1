"""Secrets that lie in the data directory for programs and people of this machine: mode 0600."""

import os
import secrets
from pathlib import Path

# Crockford's: no letter that is mistaken for a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans("OIL", "011")
_GROUPS, _GROUP = 7, 4
"""28 letters of 5 bits: more than 128 bits."""


def cli_token(data_dir: Path) -> str:
    return _read_or_write(data_dir / "cli-token", secrets.token_urlsafe(32))


def runner_token(data_dir: Path) -> str:
    return _read_or_write(data_dir / "runner-token", secrets.token_urlsafe(32))


class SetupCode:
    """The code that makes its reader the first admin. It lies in a file until it was used."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "setup-code"

    def offer(self) -> str:
        """The code, made if there is none."""
        letters = "".join(secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP))
        groups = [letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP)]
        return _read_or_write(self.path, "-".join(groups))

    def fits(self, code: str) -> bool:
        """Case, hyphens and spaces do not matter, nor O for 0 or I and L for 1."""
        try:
            offered = self.path.read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return False
        given = _plain(code)
        return bool(given) and secrets.compare_digest(given, _plain(offered))

    def withdraw(self) -> None:
        self.path.unlink(missing_ok=True)


def _plain(code: str) -> str:
    upper = code.upper().translate(_READ_AS)
    return "".join(letter for letter in upper if letter in _ALPHABET)


def _read_or_write(path: Path, fresh: str) -> str:
    """What the file holds; `fresh`, once it is safely there, when there is none."""
    if not path.exists():
        # Written aside and linked, so that nobody ever reads half of it and the first of two decks wins.
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)
        except FileExistsError:
            pass
        finally:
            aside.unlink(missing_ok=True)
    text = path.read_text("ascii").strip()
    if not text:
        raise OSError(f"{path} is empty; remove it, and a new one is made")
    return text
