"""runit and s6: a folder a bot, a supervisor process a bot, a logger process a bot, and a scanner above all."""

import re
import shlex
import subprocess
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from bench.house.processes import command_line
from bench.house.waiting import wait_for
from bench.peers import Peer, Program, Seen


class Folders(Peer):
    """What the two have alike."""

    scanner: ClassVar[tuple[str, ...]]
    supervisor: ClassVar[str]
    logger: ClassVar[str]

    def prepare(self) -> None:
        self._orders: list[subprocess.Popen[bytes]] = []
        for program in self.programs:
            folder = self.service(program.name)
            self.write_run(folder / "run", f"exec {shlex.join(self.command(program))} 2>&1")
            self.write_run(folder / "log/run", f"exec {self.log_command(program.name)}")
            self.log_folder(program.name).mkdir(parents=True)
            if not program.autostart:
                (folder / "down").touch()
            self.finish_service(folder, program)

    def write_run(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def finish_service(self, folder: Path, program: Program) -> None:
        """What else belongs into a bot's folder."""

    @abstractmethod
    def log_command(self, name: str) -> str: ...

    @abstractmethod
    def is_up(self, name: str) -> bool:
        """Its supervisor takes orders."""

    def service(self, name: str) -> Path:
        return self.folder / "services" / name

    def log_folder(self, name: str) -> Path:
        return self.folder / "logs" / name

    def log_of(self, name: str) -> Path:
        return self.log_folder(name) / "current"

    def open(self) -> None:
        with (self.folder / "out").open("ab") as out:
            self._scanner = subprocess.Popen(
                [*self.scanner, str(self.folder / "services")],
                stdout=out,
                stderr=out,
                env=self.world.environment,
                start_new_session=True,
            )
        wait_for(lambda: all(self.is_up(program.name) for program in self.programs), self.name, 60, every_s=0.1)

    def order(self, *words: str) -> None:
        self._orders.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def said(self, *words: str) -> str:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout

    def victims(self) -> dict[str, list[int]]:
        supervisors = [pid for pid in self.named(self.supervisor) if "/log" not in command_line(pid)]
        return {self.scanner[0]: [self._scanner.pid], self.supervisor: [p for p in supervisors if not self._logs(p)]}

    def _logs(self, pid: int) -> bool:
        """Whether it is the supervisor of a logger and not of a bot."""
        return command_line(pid).rstrip().endswith("log")

    def reopen(self) -> None:
        """A scanner starts dead supervisors by itself."""
        if self._scanner.poll() is not None:
            self.open()

    def keepers(self) -> list[int]:
        words = (self.scanner[0], self.supervisor, self.logger)
        return [self._scanner.pid, *(pid for pid in self.named(*words) if pid != self._scanner.pid)]

    def close(self) -> None:
        for order in self._orders:
            order.kill()
            order.wait()


class Runit(Folders):
    name = "runit"
    scanner = ("runsvdir",)
    supervisor = "runsv "
    logger = "svlogd"

    def log_command(self, name: str) -> str:
        return f"svlogd {self.log_folder(name)}"

    def finish_service(self, folder: Path, program: Program) -> None:
        # Its default keeps 10 MB of what was printed and drops the rest.
        (self.log_folder(program.name) / "config").write_text("s0\n")

    def is_up(self, name: str) -> bool:
        return self.said("sv", "status", str(self.service(name))).startswith(("run:", "down:"))

    def start(self, names: list[str]) -> None:
        self.order("sv", "-w", "0", "up", *(str(self.service(name)) for name in names))

    def stop(self, name: str) -> None:
        timeout_s = next(program.stop_timeout_s for program in self.programs if program.name == name)
        self.order("sv", "-w", str(timeout_s), "force-stop", str(self.service(name)))

    def status(self, name: str) -> Seen:
        said = self.said("sv", "status", str(self.service(name)))
        if found := re.match(r"run: \S+: \(pid (\d+)\) (\d+)s", said):
            return Seen(pid=int(found[1]), uptime_s=float(found[2]))
        return Seen()


class S6(Folders):
    name = "s6"
    scanner = ("s6-svscan",)
    supervisor = "s6-supervise"
    logger = "s6-log"

    def log_command(self, name: str) -> str:
        # Its default keeps 1 MB of what was printed and drops the rest.
        return f"s6-log n20 s268435455 {self.log_folder(name)}"

    def finish_service(self, folder: Path, program: Program) -> None:
        # By default it never kills.
        (folder / "timeout-kill").write_text(f"{program.stop_timeout_s * 1000}\n")

    def is_up(self, name: str) -> bool:
        return subprocess.run(["s6-svok", str(self.service(name))], check=False).returncode == 0

    def start(self, names: list[str]) -> None:
        # Its command takes one service.
        for name in names:
            self.order("s6-svc", "-u", str(self.service(name)))

    def stop(self, name: str) -> None:
        self.order("s6-svc", "-d", str(self.service(name)))

    def status(self, name: str) -> Seen:
        words = self.said("s6-svstat", "-o", "up,pid,updownfor", str(self.service(name))).split()
        if len(words) == 3 and words[0] == "true":
            return Seen(pid=int(words[1]), uptime_s=float(words[2]))
        return Seen()
