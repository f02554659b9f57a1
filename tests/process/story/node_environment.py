"""The environment of a bot that is written for Node."""

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .stage import HERE, ROOT, BotProcess, Environment

WITH_NODE = str(ROOT / "frontend/with-node")


@dataclass(frozen=True)
class NodeEnvironment(Environment):
    """The packages of `requirements/bots/NAME/package-lock.json`, kept in `.bots/NAME` of the checkout."""

    def bot(self, file: str, **env: str) -> BotProcess:
        """Node looks for packages beside the file, so it is started there."""
        self.python()  # makes it
        shutil.copy(HERE / "bots" / file, beside := self._folder / f".{file}.{os.getpid()}")
        os.replace(beside, self._folder / file)
        command = [WITH_NODE, "node", "--require", str(HERE / "elsewhere/elsewhere.cjs"), str(self._folder / file)]
        return BotProcess(command, env)

    def _make(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._pins, self._folder)
        npm = [WITH_NODE, "npm", "--prefix", str(self._folder), "ci", "--ignore-scripts", "--no-progress"]
        done = subprocess.run(npm, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(npm)}: {done.stderr}"
        self._stamp.write_text(self._wanted)

    @property
    def _wanted(self) -> str:
        return hashlib.sha256((self._pins / "package-lock.json").read_bytes()).hexdigest()

    @property
    def _pins(self) -> Path:
        return ROOT / "requirements/bots" / self.name
