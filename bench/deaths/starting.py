"""The runner is killed at a random moment of starting bots: the next one starts those that did not, and no other.

Each time in a new world, without a deck, which starting does not need. The bots' places (an abstract socket each) tell
second copies.
"""

import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.house.processes import command_line
from bench.house.report import Figures
from bench.house.stack import Stack
from bench.house.waiting import TooLate, wait_for
from bench.house.world import PYTHON, World

BOTS = 3
LONGER = 1.1
TRIAL_STARTS = 3
"""Without a kill, to see how long a start takes here and now."""
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
    longest_s = LONGER * statistics.median(_start_takes_s() for _ in range(TRIAL_STARTS))
    for _ in range(kills):
        with World("starting") as world, _stack(world) as stack:
            _once(stack, luck.uniform(0, longest_s), outcome)
        # A busy machine starts bots more slowly: on average half of them shall have begun.
        longest_s *= LONGER if outcome.alive_at_kill < outcome.not_yet else 1 / LONGER
    return outcome


def _start_takes_s() -> float:
    """From the first trace of a start to the last bot's first line."""
    with World("starting") as world, _stack(world) as stack:
        _begin(stack)
        began = time.monotonic()
        wait_for(lambda: len(_noted(world, "starts")) == BOTS, "all bots", 60, every_s=0.001)
        return time.monotonic() - began


def _stack(world: World) -> Stack:
    command = [*PYTHON, "-c", BOT, str(world.folder)]
    return Stack(world, {f"bot{n}": {"command": command} for n in range(BOTS)})


def _begin(stack: Stack) -> None:
    """Returns at the first trace of a start."""
    stack.start_runner()
    wait_for((stack.data_dir / "runner/bots/bot0").exists, "the first trace of a start", 60, every_s=0.001)


def _once(stack: Stack, kill_after_s: float, outcome: Outcome) -> None:
    world = stack.world
    _begin(stack)
    time.sleep(kill_after_s)  # a random moment is what is wanted
    stack.kill(stack.runner)
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
