"""Getting what is compared: Python and npm packages into .bench/, and C, compiled there."""

import shutil
import venv
from pathlib import Path

from bench.house.packages import debian_packages, do
from bench.peers import HOME, ROOT

ENVIRONMENT = HOME / "fan-out"
PYTHON = ENVIRONMENT / "bin/python"
NODE_FOLDER = HOME / "fan-out-node"


def python_packages(*pinned: str) -> None:
    """Raises NotToBeHad."""
    missing = [one for one in pinned if not _is_there(one)]
    if not missing:
        return
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
    do(str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *missing)


def node_package(pinned: str) -> None:
    """Raises NotToBeHad."""
    name, _, version = pinned.rpartition("@")
    about = NODE_FOLDER / "node_modules" / name / "package.json"
    if about.exists() and f'"version": "{version}"' in about.read_text():
        return
    NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    npm = [str(ROOT / "frontend/with-node"), "npm", "--prefix", str(NODE_FOLDER)]
    do(*npm, "install", "--no-progress", "--loglevel=error", pinned)


def compiled(source: Path, *libraries: str) -> Path:
    """The program, made anew when its source is newer. Raises NotToBeHad."""
    program = HOME / "fan-out-c" / source.stem
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    if not (shutil.which("gcc") and _has_header("stdio.h") and _has_header("zlib.h")):
        debian_packages("gcc", "libc6-dev", "zlib1g-dev")
    program.parent.mkdir(parents=True, exist_ok=True)
    do("gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(source), *libraries)
    return program


def _has_header(name: str) -> bool:
    return Path("/usr/include", name).exists()


def _is_there(pinned: str) -> bool:
    name, _, version = pinned.partition("==")
    folder = name.partition("[")[0].replace("-", "_")
    return any(ENVIRONMENT.glob(f"lib/python*/site-packages/{folder}-{version}.dist-info"))
