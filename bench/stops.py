"""Stopping bots that fork, take sessions of their own, daemonise and ignore SIGTERM: nothing is left, ever.

    make bench-stops [ARGS="--cycles 1000 --bots 10 --json"]

A cycle is a start and a stop by an operator's order, through the deck. Exit code 1 when a process is left.
"""

import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench.house import report
from bench.house.processes import command_line, lives
from bench.house.stack import Stack
from bench.house.waiting import wait_for
from bench.house.world import PYTHON, World
from botdeck.models import Action, State

BOT = str(Path(__file__).parent / "deaths/tree_bot.py")
KINDS = (
    "all rude",
    "all polite",
    "group rude",
    "session rude",
    "daemon rude",
    "bare rude",
    "bare polite",
    "leaves rude",
)
ROLES = {"all": 5, "leaves": 2}
"""Processes of a kind when all are there; two of the others."""
STOP_TIMEOUT_S = 0.2
PATIENCE_S = 60.0


class Stopping:
    def __init__(self, world: World, bots: int) -> None:
        self._world = world
        self._kinds = {f"bot{n:02}": KINDS[n % len(KINDS)] for n in range(bots)}
        settings = {"stop_timeout_s": STOP_TIMEOUT_S, "autostart": False, "restart": "never", "start_budget": 0}
        self.stack = Stack(world, {name: {"command": self._command(name), **settings} for name in self._kinds})
        self.begun: Counter[str] = Counter()
        self.left: list[str] = []

    def _command(self, name: str) -> list[str]:
        kind, manner = self._kinds[name].split()
        return [*PYTHON, BOT, str(self._world.folder), name, kind, manner]

    def run(self, cycles: int) -> None:
        self.stack.start()
        each, more = divmod(cycles, len(self._kinds))
        with ThreadPoolExecutor(len(self._kinds)) as pool:
            goes = [pool.submit(self._cycles, name, each + (n < more)) for n, name in enumerate(self._kinds)]
            for go in goes:
                go.result()
        # Whatever has hidden from the notes: any process of this world but the runner's and the deck's own.
        for pid in self._world.processes():
            if BOT in command_line(pid):
                self.left.append(f"pid {pid}: {command_line(pid)}")

    def _cycles(self, name: str, count: int) -> None:
        client = self.stack.client()
        kind = self._kinds[name].split()[0]
        size = ROLES.get(kind, 2)
        for number in range(1, count + 1):
            client.act(name, Action.START)
            wait_for(partial(self._are_there, name, number * size), f"{name}, whole", PATIENCE_S)
            if kind != "leaves":
                client.act(name, Action.STOP)
            wait_for(lambda: client.status(name).state in (State.STOPPED, State.EXITED), f"{name}'s end", PATIENCE_S)
            self._count(name, self._notes(name)[-size:])

    def _are_there(self, name: str, count: int) -> bool:
        return len(self._notes(name)) >= count

    def _count(self, name: str, cycle: list[list[str]]) -> None:
        for role, pid, tick in cycle:
            self.begun[role] += 1
            if lives(int(pid), int(tick)):
                self.left.append(f"{name}: {role}, pid {pid}")
                os.kill(int(pid), signal.SIGKILL)

    def _notes(self, name: str) -> list[list[str]]:
        notes = self._world.folder / f"{name}.notes"
        return [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--bots", type=int, default=10, help="at the same time")
    options = parser.parse_args()
    began = time.monotonic()
    with World("stops") as world:
        stopping = Stopping(world, options.bots)
        with stopping.stack:
            stopping.run(options.cycles)
    figures = {
        "bench": "stops",
        **report.circumstances(),
        "cycles": options.cycles,
        **{f"{role}_processes": count for role, count in sorted(stopping.begun.items())},
        "left": len(stopping.left),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(report.figures_table(figures))
    for process in stopping.left[:20]:
        print(f"LEFT  {process}")
    if options.json:
        report.print_json(figures)
    return 1 if stopping.left else 0


if __name__ == "__main__":
    sys.exit(main())
