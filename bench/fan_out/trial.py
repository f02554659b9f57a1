"""One go: a server, its clients, messages at an even pace, then bursts of ten."""

import time
from dataclasses import dataclass, field
from typing import Any

from bench.fan_out.candidate import Candidate, Order
from bench.fan_out.load import Load
from bench.house.processes import TICKS_PER_S, cpu_s, memory, stat_fields

BURST = 10
MOST_DELIVERIES_PER_S = 40_000
"""What the clients can take easily; who cannot send as much is given more time."""
SHORTEST_PACE_S = 0.025
"""Above the 16 ms within which the deck joins what it has: one message, one write."""
SHORTEST_BURST_PACE_S = 0.25
HEADROOM = 1.25
"""Pace of those who cannot keep the ordinary one, as a multiple of the CPU time that a message takes them."""
FIRST_CLIENTS = 20
"""What a server allocates once is not counted as a client's memory."""


@dataclass(frozen=True)
class Window:
    """What was published and what came of it."""

    messages: int
    clients: int
    cpu_s: float
    kernel_share: float
    clients_cpu_s: float
    came: dict[str, Any]
    twice: int
    """Known a moment later, when the last could have come a second time."""

    @property
    def deliveries(self) -> int:
        return self.messages * self.clients - int(self.came["missing"])

    @property
    def cpu_s_per_message(self) -> float:
        return self.cpu_s / self.messages

    @property
    def deliveries_per_cpu_s(self) -> float:
        return self.deliveries / self.cpu_s if self.cpu_s else 0.0


@dataclass
class Go:
    """What one go found."""

    deliveries_per_cpu_s: float
    user_us: float
    kernel_us: float
    burst_per_cpu_s: float
    kb_per_client: float
    pace_ms: float
    message_bytes: float
    clients_us: float
    """CPU time that a delivery takes the clients, on their own core."""
    late_us: list[int]
    faults: list[str] = field(default_factory=list)


def measure(server: Candidate, clients: int, seconds: float, load_core: int) -> Go:
    with Load(server.port, server.speech, load_core) as load:
        faults, kb_per_client = _open(load, server, clients)
        trial = Trial(server, load, clients)
        warm = trial.window(20 if clients <= 1000 else 5, trial.ordinary_pace_s)
        pace_s = max(trial.ordinary_pace_s, HEADROOM * warm.cpu_s_per_message)
        even = trial.window(max(20, round(seconds / pace_s)), pace_s)
        burst_pace_s = max(SHORTEST_BURST_PACE_S, HEADROOM * BURST * warm.cpu_s_per_message)
        bursts = trial.window(BURST * max(4, round(seconds / 2 / burst_pace_s)), burst_pace_s, burst=BURST)
        trials = {"warming up": warm, "even pace": even, "bursts": bursts}
        faults += [f"{what}: {fault}" for what, window in trials.items() for fault in _faults(window)]
        each_us = 1e6 / even.deliveries_per_cpu_s
        return Go(
            deliveries_per_cpu_s=even.deliveries_per_cpu_s,
            user_us=each_us * (1 - even.kernel_share),
            kernel_us=each_us * even.kernel_share,
            burst_per_cpu_s=bursts.deliveries_per_cpu_s,
            kb_per_client=kb_per_client,
            pace_ms=1000 * pace_s,
            message_bytes=even.came["bytes"] / max(1, even.came["frames"]),
            clients_us=1e6 * even.clients_cpu_s / max(1, even.deliveries),
            late_us=even.came["late_us"],
            faults=list(dict.fromkeys(faults)),
        )


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
        self.ordinary_pace_s = max(SHORTEST_PACE_S, clients / MOST_DELIVERIES_PER_S)
        self._server = server
        self._load = load
        self._clients = clients
        self._next = 1

    def window(self, messages: int, pace_s: float, *, burst: int = 1) -> Window:
        first, self._next = self._next, self._next + messages
        slowest_s = max(pace_s * messages / burst, messages * self._clients / 2000)
        self._load.expect(first, messages, 20 + 2 * slowest_s)
        pid = self._server.process.pid
        begin, ticks, clients_begin = cpu_s(pid), _ticks(pid), cpu_s(self._load.pid)
        self._server.publish(Order(first, messages, pace_s, burst))
        came = self._load.came()
        used, (user, kernel) = cpu_s(pid) - begin, _ticks(pid)
        user, kernel = user - ticks[0], kernel - ticks[1]
        clients_used = cpu_s(self._load.pid) - clients_begin
        time.sleep(0.1)
        twice = int(self._load.counted()["twice"])
        return Window(messages, self._clients, used, kernel / max(1e-9, user + kernel), clients_used, came, twice)


def _faults(window: Window) -> list[str]:
    came = window.came
    found = {"missing": came["missing"], "twice": window.twice, "closed": came["closed"]}
    return [f"{number} {what}" for what, number in found.items() if number]


def _ticks(pid: int) -> tuple[float, float]:
    """Seconds in user mode and in the kernel, in steps of 10 ms."""
    fields = stat_fields(pid)
    assert fields is not None, "the server ended"
    return int(fields[11]) / TICKS_PER_S, int(fields[12]) / TICKS_PER_S
