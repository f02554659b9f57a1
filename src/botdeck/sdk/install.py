"""The copy of the SDK that the runner lays out for the bots' own interpreters. Runs in the runner, never in a bot."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_PARTS = ("__init__.py", "sdk", "integrations")
_AUTOLOAD = Path("botdeck", "integrations", "autoload")
_KINDS = {".py", ".cjs"}


def copy_sdk(target: Path) -> Path:
    """Lay the SDK out below `target`; returns the folder for PYTHONPATH.

    Each version gets a folder named by its content, which appears in one rename and is never changed: a bot that runs
    goes on with the files it started with, and calling this again, or twice at once, changes nothing. Folders get mode
    0755 and files 0644, whatever the umask, so that bots of every user can read them; the way to `target` is the
    caller's matter.
    """
    files = _files()
    version = hashlib.sha256(b"".join(str(name).encode() + b"\0" + data for name, data in files.items())).hexdigest()[
        :16
    ]
    final = target / version
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o755)
    if not final.is_dir():
        _lay_out(files, target, final)
    return final / _AUTOLOAD


def _files() -> dict[Path, bytes]:
    paths = [path for part in _PARTS for path in sorted([_PACKAGE / part, *(_PACKAGE / part).rglob("*")])]
    found = [path for path in paths if path.suffix in _KINDS and path.is_file()]
    return {Path("botdeck", path.relative_to(_PACKAGE)): path.read_bytes() for path in found}


def node_preload(autoload: Path) -> Path:
    """What Node is to load before a bot, in the same copy."""
    return autoload.parent / "node" / "botdeck.cjs"


def _lay_out(files: dict[Path, bytes], target: Path, final: Path) -> None:
    building = Path(tempfile.mkdtemp(prefix=".new-", dir=target))
    try:
        for name, data in files.items():
            (building / name).parent.mkdir(parents=True, exist_ok=True)
            (building / name).write_bytes(data)
        for folder, _, names in os.walk(building):
            os.chmod(folder, 0o755)  # noqa: S103  every bot's user reads it
            for file in names:
                os.chmod(os.path.join(folder, file), 0o644)
        # Another runner may have been first; then its folder is as good as ours.
        with contextlib.suppress(OSError):
            building.rename(final)
        if not final.is_dir():
            raise OSError(f"{final} could not be made.")
    finally:
        shutil.rmtree(building, ignore_errors=True)
