"""One server in a world of its own, and how it is told to publish."""

import socket
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

from bench.fan_out.load import Speech
from bench.fan_out.places import on_core
from bench.house.waiting import wait_for
from bench.house.world import World, free_port


class Candidate(ABC):
    """Use: `with candidate(world, core) as server`."""

    name: ClassVar[str]
    label: ClassVar[str]
    speech: ClassVar[Speech] = Speech()

    def __init__(self, world: World, core: int) -> None:
        self.world = world
        self.core = core
        self.port = free_port()

    def __enter__(self) -> Self:
        self.process = self._start(self.command())
        self.wait_until_listening()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @classmethod
    @abstractmethod
    def install(cls) -> str:
        """What is needed, and which version that is. Raises NotToBeHad."""

    @abstractmethod
    def command(self) -> list[str]: ...

    def publish(self, first: int, count: int) -> None:
        """So many messages numbered from `first`, at once. May return before that is done."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"%d %d\n" % (first, count))
        self.process.stdin.flush()

    def wait_until_listening(self) -> None:
        wait_for(lambda: self.process.poll() is not None or _listens(self.port), f"{self.label} to listen", 60)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.label} ended with {self.process.returncode}")

    def folder(self) -> Path:
        return self.world.folder

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.world.folder / "log").open("ab") as log:
            return subprocess.Popen(
                on_core(self.core, command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self.world.environment,
                cwd=self.folder(),
            )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
