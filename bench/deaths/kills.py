"""SIGKILL for deck, runner and bots at random moments, while the bots log and count.

Afterwards every bot that was not itself killed has the pid it had, no bot ever ran twice, every one runs, and the deck
has exactly what the bots wrote.
"""

import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.deaths.ledger import Balance, compare, complete, read_ledgers
from bench.house.processes import lives
from bench.house.report import Figures
from bench.house.stack import Process, Stack
from bench.house.waiting import TooLate, wait_for
from bench.house.world import World

BOT = str(Path(__file__).with_name("bot.py"))
TARGETS = {"bot": 4, "runner": 3, "deck": 2, "both": 1}
"""Who is killed, and how often in ten."""
LONGEST_AWAY_S = 0.6
LONGEST_PAUSE_S = 0.7
BACK_S = 90.0
"""The last restarts wait for their back-off."""


@dataclass(frozen=True)
class Plan:
    kills: int = 200
    bots: int = 20
    rate: int = 2000
    """Events a second of all bots together, and as many lines."""
    seed: int = 1


@dataclass
class Outcome:
    plan: Plan
    killed: Counter[str] = field(default_factory=Counter)
    balance: Balance = field(default_factory=Balance)
    caught_up_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    def figures(self) -> Figures:
        return {
            "seed": self.plan.seed,
            "kills": self.killed.total(),
            **{f"{target}_killed": self.killed[target] for target in TARGETS},
            "bots": self.plan.bots,
            "runs": self.balance.runs,
            "events_stored": self.balance.events,
            "lines_stored": self.balance.lines,
            "missing": self.balance.missing,
            "twice": self.balance.doubled,
            "caught_up_after_s": round(self.caught_up_s, 2),
            "faults": len(self.faults),
        }


def run(plan: Plan) -> Outcome:
    with World("kills") as world:
        killing = Killing(world, plan)
        with killing.stack:
            return killing.run()


class Killing:
    """One go. Use `run` once."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._folder = world.folder
        (world.folder / "ledgers").mkdir()
        command = [sys.executable, BOT, str(world.folder), str(plan.rate / plan.bots)]
        self._names = [f"bot{n:02}" for n in range(plan.bots)]
        self.stack = Stack(world, {name: {"command": command, "start_budget": 0} for name in self._names})
        self._plan = plan
        self._luck = random.Random(plan.seed)
        self._killed_runs: dict[str, set[str]] = defaultdict(set)
        self._due: list[tuple[float, str]] = []
        """When which program is started again."""
        self._outcome = Outcome(plan)

    def run(self) -> Outcome:
        self.stack.start()
        wait_for(lambda: len(self._living()) == len(self._names), "all bots", 60)
        while self._outcome.killed.total() < self._plan.kills:
            self._pass(self._luck.uniform(0.02, LONGEST_PAUSE_S))
            self._kill_someone()
        self._pass(LONGEST_AWAY_S)
        self._settle()
        self._judge()
        return self._outcome

    # Killing.

    def _pass(self, seconds: float) -> None:
        """Let time go by, and start again what is due."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until:
            for at, program in list(self._due):
                if at <= now:
                    self._due.remove((at, program))
                    self._start(program)
            time.sleep(0.005)

    def _start(self, program: str) -> None:
        if program == "deck":
            self.stack.start_deck()
        else:
            self.stack.start_runner()

    def _kill_someone(self) -> None:
        target = self._luck.choices(list(TARGETS), list(TARGETS.values()))[0]
        if target == "bot":
            self._outcome.killed["bot"] += self._kill_bot()
            return
        # One that is away already cannot be killed; then it is the other alone, or another throw.
        wanted = ["deck", "runner"] if target == "both" else [target]
        killed = [program for program in wanted if self._kill_program(program)]
        if killed:
            self._outcome.killed["both" if len(killed) == 2 else killed[0]] += 1

    def _kill_program(self, program: str) -> bool:
        process: Process | None = self.stack.deck if program == "deck" else self.stack.runner
        if process is None or process.poll() is not None:
            return False
        self.stack.kill(process)
        self._due.append((time.monotonic() + self._luck.uniform(0, LONGEST_AWAY_S), program))
        return True

    def _kill_bot(self) -> bool:
        living = self._living()
        if not living:
            return False
        name = self._luck.choice(sorted(living))
        pid, run = living[name]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self._killed_runs[name].add(run)
        return True

    # What the bots themselves noted.

    def _notes(self, file: str) -> list[tuple[str, int, str]]:
        with contextlib.suppress(FileNotFoundError):
            rows = (line.split() for line in (self._folder / file).read_text().splitlines())
            return [(name, int(pid), run) for name, pid, run in rows]
        return []

    def _living(self) -> dict[str, tuple[int, str]]:
        """The latest pid and run of each bot, if it lives."""
        latest = {name: (pid, run) for name, pid, run in self._notes("starts")}
        return {name: (pid, run) for name, (pid, run) in latest.items() if lives(pid)}

    # The end.

    def _settle(self) -> None:
        """All bots back, writing stopped, everything stored."""
        self._wait(lambda: len(self._living()) == len(self._names), "every bot to run", BACK_S)
        (self._folder / "enough").touch()
        self._wait(lambda: len({name for name, *_ in self._notes("done")}) == len(self._names), "the bots to stop", 30)
        began = time.monotonic()
        ledgers = read_ledgers(self._folder, set())
        self._wait(lambda: complete(self.stack, ledgers), "the deck to have all of it", BACK_S, every_s=0.2)
        self._outcome.caught_up_s = time.monotonic() - began
        time.sleep(1.0)  # what is stored twice would come now

    def _wait(self, what: object, reason: str, timeout_s: float, *, every_s: float = 0.05) -> None:
        try:
            wait_for(what, reason, timeout_s, every_s=every_s)  # type: ignore[arg-type]
        except TooLate as late:
            self._outcome.faults.append(str(late))

    def _judge(self) -> None:
        outcome = self._outcome
        killed = {run for runs in self._killed_runs.values() for run in runs}
        ledgers = read_ledgers(self._folder, killed)
        # A row too many of one bot hides one too few of another from the counters.
        with contextlib.suppress(TooLate):
            wait_for(lambda: not compare(self.stack, ledgers).faults, "the last rows", 10, every_s=1.0)
        outcome.balance = compare(self.stack, ledgers)
        outcome.faults += outcome.balance.faults
        outcome.faults += [f"{name}: a second copy, pid {pid}, run {run}" for name, pid, run in self._notes("copies")]
        starts = Counter(name for name, *_ in self._notes("starts"))
        for name in self._names:
            expected = 1 + len(self._killed_runs[name])
            if starts[name] != expected:
                outcome.faults.append(f"{name}: {starts[name]} starts, and {expected} were to be expected")
        outcome.faults += self._told_wrong()

    def _told_wrong(self) -> list[str]:
        """What the deck says of the bots that live."""
        living, told = self._living(), self.stack.statuses()
        return [
            f"{name}: the deck says pid {told[name].pid if name in told else None}, and it is {pid}"
            for name, (pid, _) in living.items()
            if name not in told or told[name].pid != pid
        ]
