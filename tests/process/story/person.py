"""A person whose client is a program of its own: says each line of its input, and prints what it sees."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Person:
    """Runs one of `people/`, which print a line of JSON for all that they see: `["said", "bot", "pong"]`."""

    def __init__(self, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=env, text=True
            )

    def say(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def saw(self) -> list[list[str]]:
        whole = self._log.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("[")]

    def log(self) -> str:
        return self._log.read_text()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
