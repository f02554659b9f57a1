"""What supervisord and circus have alike: one Python program of an environment of its own, and a log file a bot."""

import subprocess
from abc import abstractmethod
from pathlib import Path

from bench.peers import HOME, Peer


class Daemon(Peer):
    @abstractmethod
    def arguments(self) -> list[str | Path]:
        """Its program's name, and what goes with it."""

    @abstractmethod
    def wait_until_open(self) -> None:
        """Returns when it takes orders."""

    def open(self) -> None:
        program, *others = self.arguments()
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [HOME / "python/bin" / program, *others],
                stdout=out,
                stderr=out,
                env=self.world.environment,
                start_new_session=True,
            )
        self.wait_until_open()

    def victims(self) -> dict[str, list[int]]:
        return {str(self.arguments()[0]): [self._process.pid]}

    def reopen(self) -> None:
        self._process.wait()
        self.open()

    def keepers(self) -> list[int]:
        return [self._process.pid]

    def log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"
