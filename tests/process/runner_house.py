"""A folder with a configuration, bots to run in it, and runners that are started, killed and started again."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# -I -S: nothing but the interpreter, so that a bot begins in milliseconds.
PYTHON = [sys.executable, "-I", "-S"]

COUNTER = """
import os, sys, time
count, pause_s, ending = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
events = os.open(os.environ["BOTDECK_EVENTS"], os.O_WRONLY | os.O_APPEND)
for number in range(count):
    os.write(1, b"line %d\\n" % number)
    os.write(events, b'\\n{"number": %d}\\n' % number)
    if pause_s:
        time.sleep(pause_s)
if ending == "stay":
    time.sleep(600)
"""
"""Writes numbered lines to both streams; then ends, or stays."""

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
print("ready", flush=True)
time.sleep(600)
"""
"""Ignores SIGTERM, and so do a child in a session of its own and its child."""


def lines(count: int, kind: str = "out") -> bytes:
    """What COUNTER writes."""
    form = b"line %d\n" if kind == "out" else b'\n{"number": %d}\n'
    return b"".join(form % number for number in range(count))


class RunnerHouse:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / ".botdeck"
        self.data_dir.mkdir()
        self.config = folder / "botdeck.toml"
        self.log = folder / "runner.log"
        self._runners: list[asyncio.subprocess.Process] = []

    def script(self, text: str, name: str = "bot.py") -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def counter(self, count: int, *, pause_s: float = 0.0, ending: str = "stay", **settings: Any) -> dict[str, Any]:
        """Settings of a bot that writes numbered lines."""
        command = [*PYTHON, self.script(COUNTER, "counter.py"), str(count), str(pause_s), ending]
        return {"command": command, "restart": "never", **settings}

    def python(self, text: str, **settings: Any) -> dict[str, Any]:
        return {"command": [*PYTHON, "-c", text], **settings}

    def configure(self, **bots: dict[str, Any]) -> None:
        tables = []
        for name, settings in bots.items():
            keys = {"instrument": False, **settings}
            env = keys.pop("env", {})
            tables.append(f"[bots.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()))
            if env:
                pairs = "".join(f"{key} = {json.dumps(value)}\n" for key, value in env.items())
                tables.append(f"[bots.{name}.env]\n{pairs}")
        self.config.write_text("\n".join(tables))

    async def start(self, *options: str, env: dict[str, str] | None = None) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            runner = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "botdeck.runner", "--config", str(self.config), *options,
                stderr=log, env={**os.environ, **(env or {})},
            )  # fmt: skip
        self._runners.append(runner)
        return runner

    @property
    def last_runner(self) -> asyncio.subprocess.Process:
        return self._runners[-1]

    async def kill(self, runner: asyncio.subprocess.Process, number: signal.Signals = signal.SIGKILL) -> int:
        """Send the signal and wait for the end; the exit status."""
        runner.send_signal(number)
        async with asyncio.timeout(20):
            return await runner.wait()

    def log_text(self) -> str:
        return self.log.read_text()

    async def until(self, condition: Callable[[], object], timeout: float = 20.0) -> None:
        """For what no frame tells: look often, with a deadline."""
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.005)

    def processes(self) -> list[int]:
        """Living processes of this house's bots, by their environment."""
        mark = f"BOTDECK_EVENTS={self.data_dir}/".encode()
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                proc = Path("/proc", entry)
                if mark in (proc / "environ").read_bytes() and _lives(proc):
                    found.append(int(entry))
        return found

    def shims(self) -> list[int]:
        """By what they hold: the lock of a bot."""
        locks = {str(path) for path in (self.data_dir / "runner" / "bots").glob("*/lock")}
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                held = {os.readlink(fd) for fd in Path("/proc", entry, "fd").iterdir()}
                if held & locks and b"spawner_main" in Path("/proc", entry, "cmdline").read_bytes():
                    found.append(int(entry))
        return found

    def run_dirs(self, bot: str) -> list[Path]:
        folder = self.data_dir / "runner" / "bots" / bot
        return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.exists() else []

    def no_room_for(self, path: Path) -> None:
        """Writing this file anew fails, as on a full disk."""
        path.with_name(path.name + ".tmp").mkdir()

    def room_for(self, path: Path) -> None:
        path.with_name(path.name + ".tmp").rmdir()

    @property
    def journal(self) -> Path:
        return self.data_dir / "runner" / "journal.json"

    def clean(self) -> None:
        """End what is left, by pid; bots may fork meanwhile, so until none is left."""
        for runner in self._runners:
            if runner.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    runner.kill()
        deadline = time.monotonic() + 10
        while (left := self.processes() + self.shims()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        assert not left

    async def wait_all(self) -> None:
        for runner in self._runners:
            await runner.wait()


def _lives(proc: Path) -> bool:
    return (proc / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
