"""The runner is killed at a random moment of starting bots: the next one starts those that did not, and no other.

Each time in a new world, without a deck, which starting does not need. The bots' places (an abstract socket each) tell
second copies.
"""

import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.house.processes import command_line
from bench.house.report import Figures
from bench.house.stack import Stack
from bench.house.waiting import TooLate, wait_for
from bench.house.world import PYTHON, World

BOTS = 3
WINDOW_S = 0.15
"""From the first trace of a start on; a start of three takes about half as long."""
BOT = """
import os, socket, sys, time
folder, name = sys.argv[1], os.environ["BOTDECK_BOT"]
place = socket.socket(socket.AF_UNIX)
def note(file):
    fd = os.open(folder + "/" + file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{name} {os.getpid()}\\n".encode())
try:
    place.bind("\\0" + folder + "/" + name)
except OSError:
    note("copies")
else:
    note("starts")
time.sleep(3600)
"""


@dataclass
class Outcome:
    kills: int = 0
    alive_at_kill: int = 0
    not_yet: int = 0
    copies: int = 0
    none: int = 0
    faults: list[str] = field(default_factory=list)

    def figures(self) -> Figures:
        return {
            "kills": self.kills,
            "bots_begun_at_the_kill": self.alive_at_kill,
            "bots_not_begun": self.not_yet,
            "second_copies": self.copies,
            "bots_never_started": self.none,
        }


def run(kills: int, seed: int) -> Outcome:
    outcome, luck = Outcome(), random.Random(seed)
    for _ in range(kills):
        with World("starting") as world:
            _once(world, luck, outcome)
    return outcome


def _once(world: World, luck: random.Random, outcome: Outcome) -> None:
    command = [*PYTHON, "-c", BOT, str(world.folder)]
    stack = Stack(world, {f"bot{n}": {"command": command} for n in range(BOTS)})
    first = stack.start_runner()
    bots_dir = stack.data_dir / "runner/bots/bot0"
    wait_for(bots_dir.exists, "the first trace of a start", 60, every_s=0.001)
    time.sleep(luck.uniform(0, WINDOW_S))  # a random moment is what is wanted
    stack.kill(first)
    begun = len(_living(world))
    stack.start_runner()
    _all_there(world, outcome, outcome.kills)
    outcome.kills += 1
    outcome.alive_at_kill += begun
    outcome.not_yet += BOTS - begun


def _all_there(world: World, outcome: Outcome, number: int) -> None:
    try:
        wait_for(lambda: len(set(_noted(world, "starts"))) == BOTS, "all bots", 60, every_s=0.01)
    except TooLate:
        there = len(set(_noted(world, "starts")))
        outcome.none += BOTS - there
        outcome.faults.append(f"kill {number}: {there} of {BOTS} bots run")
    time.sleep(0.1)  # a second copy would be there now
    copies = _noted(world, "copies")
    processes = _living(world)
    if copies or len(processes) > BOTS:
        outcome.copies += max(len(copies), len(processes) - BOTS)
        outcome.faults.append(f"kill {number}: {len(processes)} processes for {BOTS} bots; second ones of {copies}")


def _noted(world: World, file: str) -> list[str]:
    path: Path = world.folder / file
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def _living(world: World) -> list[int]:
    return [pid for pid in world.processes() if "socket.AF_UNIX" in command_line(pid)]
