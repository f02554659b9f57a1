"""One go: a server, its clients, messages one by one, then ten at once again and again.

The next message is published when the last client has the one before, and not sooner than the pace: so no server joins
messages, or queues them, because the machine was busy with something else, and what one costs is what one costs.
"""

import time
from dataclasses import dataclass, field
from typing import Any

from bench.fan_out.candidate import Candidate
from bench.fan_out.load import Load
from bench.house.processes import TICKS_PER_S, cpu_s, memory, stat_fields

BURST = 10
MOST_DELIVERIES_PER_S = 40_000
"""What the clients can take easily."""
SHORTEST_PACE_S = 0.025
"""Above the 16 ms within which the deck joins what it has: one message, one write."""
BURST_PACE_S = 0.25
PATIENCE_S = 30.0
FIRST_CLIENTS = 20
"""What a server allocates once is not counted as a client's memory."""


@dataclass
class Window:
    """What was published and what came of it."""

    clients: int
    messages: int = 0
    wall_s: float = 0.0
    user_s: float = 0.0
    kernel_s: float = 0.0
    """CPU time of the server."""
    clients_s: float = 0.0
    """CPU time of all clients together, on their own core."""
    late_us: list[int] = field(default_factory=list)
    """For each message, from publishing it until the last client had it."""
    missing: int = 0
    twice: int = 0
    closed: int = 0
    frames: int = 0
    octets: int = 0

    @property
    def deliveries_per_cpu_s(self) -> float:
        return (self.messages * self.clients - self.missing) / max(1e-9, self.user_s + self.kernel_s)

    def each_us(self, seconds: float) -> float:
        """For each delivery."""
        return 1e6 * seconds / max(1, self.messages * self.clients - self.missing)

    def count(self, came: dict[str, Any]) -> None:
        self.late_us += came["late_us"]
        self.missing += came["missing"]
        # What comes again when the next is expected already is `stray`.
        self.twice += came["twice"] + came["stray"]
        self.closed = came["closed"]
        self.frames += came["frames"]
        self.octets += came["bytes"]

    def faults(self) -> list[str]:
        found = {"missing": self.missing, "twice": self.twice, "closed": self.closed}
        return [f"{number} {what}" for what, number in found.items() if number]


@dataclass(frozen=True)
class Go:
    """What one go found."""

    single: Window
    bursts: Window
    kb_per_client: float
    faults: list[str]


def measure(server: Candidate, clients: int, seconds: float, load_core: int) -> Go:
    with Load(server.port, server.speech, load_core) as load:
        faults, kb_per_client = _open(load, server, clients)
        trial = Trial(server, load, clients)
        pace_s = max(SHORTEST_PACE_S, clients / MOST_DELIVERIES_PER_S)
        windows = {
            "warming up": trial.window(1, pace_s, seconds / 5),
            "one by one": trial.window(1, pace_s, seconds),
            "ten at once": trial.window(BURST, BURST_PACE_S, seconds / 2),
        }
        faults += [f"{fault} {what}" for what, window in windows.items() for fault in window.faults()]
        return Go(windows["one by one"], windows["ten at once"], kb_per_client, faults)


def _open(load: Load, server: Candidate, clients: int) -> tuple[list[str], float]:
    """Faults, and KiB of memory for each client."""
    load.open(FIRST_CLIENTS)
    before = memory(server.process.pid).rss
    opened = load.open(clients - FIRST_CLIENTS)
    time.sleep(0.5)  # what a server does a moment after a client came is part of the client's cost
    kb = (memory(server.process.pid).rss - before) / (clients - FIRST_CLIENTS)
    faults = [] if opened["ready"] == clients else [f"{clients - opened['ready']} clients did not get in"]
    return faults, kb


class Trial:
    """Windows, one after the other, with the same clients."""

    def __init__(self, server: Candidate, load: Load, clients: int) -> None:
        self._server = server
        self._load = load
        self._clients = clients
        self._next = 1

    def window(self, burst: int, pace_s: float, seconds: float) -> Window:
        """Of at least four bursts, so that the slow ones have some, too."""
        window, pid = Window(self._clients), self._server.process.pid
        begin, used, clients_used = time.monotonic(), _Used(pid), cpu_s(self._load.pid)
        while window.messages < 4 * burst or time.monotonic() < begin + seconds:
            due = time.monotonic() + pace_s
            window.count(self._publish(burst))
            window.messages += burst
            if window.missing:
                break
            time.sleep(max(0.0, due - time.monotonic()))
        window.user_s, window.kernel_s = used.since()
        window.clients_s = cpu_s(self._load.pid) - clients_used
        window.wall_s = time.monotonic() - begin
        time.sleep(0.1)
        window.twice += self._load.counted()["twice"] - self._last_twice
        return window

    def _publish(self, count: int) -> dict[str, Any]:
        """What came of so many at once."""
        first, self._next = self._next, self._next + count
        self._load.expect(first, count, PATIENCE_S)
        self._server.publish(first, count)
        came = self._load.came()
        self._last_twice = came["twice"]
        return came


class _Used:
    """CPU time from now on. The sum is exact, how it is divided is known in steps of 10 ms."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cpu_s = cpu_s(pid)
        self._user_s, self._kernel_s = self._ticks()

    def since(self) -> tuple[float, float]:
        """User mode and kernel."""
        used = cpu_s(self._pid) - self._cpu_s
        user, kernel = self._ticks()
        user, kernel = user - self._user_s, kernel - self._kernel_s
        share = kernel / max(1e-9, user + kernel)
        return used * (1 - share), used * share

    def _ticks(self) -> tuple[float, float]:
        fields = stat_fields(self._pid)
        if fields is None:
            raise RuntimeError("the server ended")
        return int(fields[11]) / TICKS_PER_S, int(fields[12]) / TICKS_PER_S
