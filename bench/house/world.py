"""A folder of its own for everything a benchmark starts, and the certainty that nothing of it is left."""

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from bench.house.processes import lives

MARK = "BENCH_MARK"
PYTHON = [sys.executable, "-I", "-S"]
"""For bots: nothing but the interpreter, so that they begin in milliseconds."""


class World:
    """Use: `with World("survival") as world`. At the end all processes that carry its folder in their environment or
    their command line are ended, by pid."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"botdeck-bench-{name}-"))
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("BOTDECK_")}
        self.environment[MARK] = str(self.folder)

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[int]:
        """Living ones, in the order of their pids."""
        mark = str(self.folder).encode()
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if _carries(entry, mark) and lives(int(entry)):
                    found.append(int(entry))
        return sorted(found)

    def end_all(self) -> None:
        """They may start others meanwhile, so until none is left."""
        deadline = time.monotonic() + 20
        while (left := self.processes()) and time.monotonic() < deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def _carries(entry: str, mark: bytes) -> bool:
    proc = Path("/proc", entry)
    return mark in (proc / "cmdline").read_bytes() or mark in (proc / "environ").read_bytes()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
